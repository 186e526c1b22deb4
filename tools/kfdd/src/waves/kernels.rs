//! What kernels did: of one worker by the addresses of their descriptors, of each user by their names.
//!
//! A name belongs to whoever wrote it. It is shown to its own user and to root, and bounds what it takes: beyond [`MOST`] kernels
//! of a user the rest is counted together.

use door::wave_workers::wire::Spent;
use kfd_core::ids::Uid;
use kfd_core::sync::{Arc, Mutex};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// The most kernels of a worker, and the most names of a user.
const MOST: usize = 4096;
/// What those beyond are called.
const OTHERS: &str = "(others)";
/// What a kernel is called that its code object does not name.
const NAMELESS: &str = "(nameless)";

/// What the dispatches of a kernel came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct KernelSums {
    pub dispatches: u64,
    /// Instructions of waves.
    pub instructions: u64,
    /// From its first wave's first instruction to its last one's end, nanoseconds.
    pub nanos: u64,
}

/// A row of the list of kernels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelRow {
    /// The user whose processes ran it.
    pub uid: Uid,
    /// As its code object calls it.
    pub kernel: String,
    /// What its dispatches came to.
    #[serde(flatten)]
    pub sums: KernelSums,
}

/// The sums of all users since the daemon's start.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<BTreeMap<Uid, BTreeMap<String, KernelSums>>>);

/// The kernels of one worker.
#[derive(Debug)]
pub(super) struct Kernels {
    ledger: Arc<Ledger>,
    uid: Uid,
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    names: HashMap<u64, Arc<str>>,
    sums: KernelSums,
}

impl std::ops::Sub for KernelSums {
    type Output = Self;

    /// What came after an earlier look.
    fn sub(self, earlier: Self) -> Self {
        Self {
            dispatches: self.dispatches.saturating_sub(earlier.dispatches),
            instructions: self.instructions.saturating_sub(earlier.instructions),
            nanos: self.nanos.saturating_sub(earlier.nanos),
        }
    }
}

impl KernelSums {
    fn add(&mut self, spent: &Spent) {
        self.dispatches += 1;
        self.instructions = self.instructions.saturating_add(spent.instructions);
        self.nanos = self.nanos.saturating_add(spent.ended.saturating_sub(spent.began));
    }
}

impl Ledger {
    fn add(&self, uid: Uid, name: &str, spent: &Spent) {
        let mut users = self.0.lock();
        let kernels = users.entry(uid).or_default();
        let name = if kernels.len() < MOST || kernels.contains_key(name) { name } else { OTHERS };
        match kernels.get_mut(name) {
            Some(sums) => sums.add(spent),
            None => kernels.entry(name.to_owned()).or_default().add(spent),
        }
    }

    /// The kernels of each user, by name.
    pub(super) fn rows(&self) -> Vec<KernelRow> {
        let users = self.0.lock();
        let row = |uid: Uid, kernel: &str, sums| KernelRow { uid, kernel: kernel.to_owned(), sums };
        users
            .iter()
            .flat_map(|(uid, kernels)| kernels.iter().map(move |(kernel, sums)| row(*uid, kernel, *sums)))
            .collect()
    }
}

impl Kernels {
    pub(super) fn new(ledger: &Arc<Ledger>, uid: Uid) -> Self {
        Self { ledger: Arc::clone(ledger), uid, own: Mutex::default() }
    }

    /// The kernel with its descriptor at this address is called so.
    pub(super) fn called(&self, object: u64, name: &str) {
        let mut own = self.own.lock();
        if own.names.len() >= MOST {
            own.names.clear();
        }
        own.names.insert(object, if name.is_empty() { NAMELESS } else { name }.into());
    }

    /// A dispatch of a kernel is over; the kernel's name.
    pub(super) fn over(&self, object: u64, spent: &Spent) -> Arc<str> {
        let name = {
            let mut own = self.own.lock();
            own.sums.add(spent);
            own.names.get(&object).map_or_else(|| NAMELESS.into(), Arc::clone)
        };
        self.ledger.add(self.uid, &name, spent);
        name
    }

    /// The name of a kernel, if it was told.
    pub(super) fn name(&self, object: u64) -> Option<String> {
        self.own.lock().names.get(&object).map(ToString::to_string)
    }

    /// Dispatches that are over, and their instructions.
    pub(super) fn sums(&self) -> (u64, u64) {
        let own = self.own.lock();
        (own.sums.dispatches, own.sums.instructions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(instructions: u64) -> Spent {
        Spent { began: 10, ended: 15, instructions }
    }

    #[test]
    fn a_users_kernels_are_counted_by_name_and_those_beyond_the_most_together() {
        let ledger = Arc::new(Ledger::default());
        let one = Kernels::new(&ledger, Uid(7));
        let other = Kernels::new(&ledger, Uid(7));
        one.called(0x100, "add");
        other.called(0x900, "add");
        other.called(0x200, "");
        one.over(0x100, &spent(3));
        other.over(0x900, &spent(4));
        assert_eq!(&*other.over(0x200, &spent(5)), NAMELESS);
        assert_eq!(&*one.over(0x300, &spent(1)), NAMELESS, "never told");
        let sums = |dispatches, instructions| KernelSums { dispatches, instructions, nanos: 5 * dispatches };
        let row = |kernel: &str, sums| KernelRow { uid: Uid(7), kernel: kernel.to_owned(), sums };
        assert_eq!(ledger.rows(), [row(NAMELESS, sums(2, 6)), row("add", sums(2, 7))]);
        assert_eq!((one.sums(), other.sums()), ((2, 4), (2, 9)));
        assert_eq!((one.name(0x100).as_deref(), one.name(0x900)), (Some("add"), None));
        for at in 0..2 * MOST as u64 {
            one.called(at, &format!("kernel{at}"));
            one.over(at, &spent(1));
        }
        let rows = ledger.rows();
        assert_eq!(rows.len(), MOST + 1);
        let all: u64 = rows.iter().map(|row| row.sums.dispatches).sum();
        assert_eq!(all, 4 + 2 * MOST as u64);
        assert!(rows.iter().any(|row| row.kernel == OTHERS));
    }
}
