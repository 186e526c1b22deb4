//! What kernels did: of one worker by the addresses of their descriptors, of each user by their names.
//!
//! A name belongs to whoever wrote it. It is shown to its own user and to root, and bounds what it takes: beyond [`MOST`] kernels
//! of a user, or [`MOST_COUNTS`] counts of their mnemonics, the rest is counted together.

use super::mnemonics::Counts;
use crate::tally::Tally;
use door::wave_workers::wire::Spent;
use kfd_core::ids::Uid;
use kfd_core::sync::{Arc, Mutex};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// The most kernels of a worker, and the most names of a user.
const MOST: usize = 4096;
/// The most counts of mnemonics of a user's kernels, but for those of the rest: 2 MiB.
const MOST_COUNTS: usize = 1 << 17;
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
    /// How many of its dispatches came to an instruction, by the mnemonic.
    pub mnemonics: BTreeMap<String, u64>,
}

/// What kernels of all users did since the daemon's start.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    users: Mutex<BTreeMap<Uid, User>>,
    /// Dispatches that ended in a fault or an error.
    bad: Tally,
}

#[derive(Debug, Default)]
struct User {
    kernels: BTreeMap<String, Did>,
    /// Counts of mnemonics that they have.
    counts: usize,
}

/// What a kernel did.
#[derive(Debug, Default)]
struct Did {
    sums: KernelSums,
    mnemonics: Counts,
}

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
        self.users.lock().entry(uid).or_default().add(name, spent);
    }

    /// The kernels of each user, by name.
    pub(super) fn rows(&self) -> Vec<KernelRow> {
        let users = self.users.lock();
        let row = |uid: Uid, kernel: &str, did: &Did| KernelRow {
            uid,
            kernel: kernel.to_owned(),
            sums: did.sums,
            mnemonics: did.mnemonics.named(),
        };
        users
            .iter()
            .flat_map(|(uid, user)| user.kernels.iter().map(move |(kernel, did)| row(*uid, kernel, did)))
            .collect()
    }
}

impl User {
    /// Adds to a kernel, or to the rest if there is no more room.
    fn add(&mut self, name: &str, spent: &Spent) {
        let (none, known) = (Counts::default(), self.kernels.get(name));
        let new = known.map_or(&none, |did| &did.mnemonics).added(&spent.mnemonics);
        let fits = (known.is_some() || self.kernels.len() < MOST) && self.counts + new <= MOST_COUNTS;
        let name = if fits { name } else { OTHERS };
        let did = match self.kernels.get_mut(name) {
            Some(did) => did,
            None => self.kernels.entry(name.to_owned()).or_default(),
        };
        did.sums.add(spent);
        did.mnemonics.add(&spent.mnemonics);
        if fits {
            self.counts += new;
        }
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

    /// A dispatch ended in a fault or an error: how often one of this user's has, if that is to be told.
    pub(super) fn bad(&self) -> Option<u64> {
        self.ledger.bad.tells(self.uid)
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
    use door::wave_workers::{MNEMONIC_WORDS, Mnemonics};

    fn spent(instructions: u64) -> Spent {
        Spent { began: 10, ended: 15, instructions, ..Spent::default() }
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
        let row = |kernel: &str, sums| KernelRow {
            uid: Uid(7),
            kernel: kernel.to_owned(),
            sums,
            mnemonics: BTreeMap::new(),
        };
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

    // Keeps: report-bounded
    #[test]
    fn a_user_whose_kernels_come_to_everything_has_no_more_counts_than_there_may_be() {
        let ledger = Arc::new(Ledger::default());
        let [one, neighbour] = [Uid(7), Uid(8)].map(|uid| Kernels::new(&ledger, uid));
        let mut words = [u64::MAX; MNEMONIC_WORDS];
        words[MNEMONIC_WORDS - 1] = 0;
        let mnemonics = Mnemonics::of_words(words).expect("lines of the table");
        let all = 64 * (MNEMONIC_WORDS - 1);
        let everything = Spent { mnemonics, ..spent(1) };
        one.called(0, "first");
        one.over(0, &spent(1));
        for at in 1..=MOST as u64 / 2 {
            one.called(at, &format!("kernel{at}"));
            one.over(at, &everything);
        }
        // One that was there before comes to more than there is room for.
        one.over(0, &everything);
        neighbour.called(0, "first");
        neighbour.over(0, &everything);
        let rows = ledger.rows();
        let counts =
            |uid| rows.iter().filter(|row| row.uid == uid).map(|row| row.mnemonics.len()).sum::<usize>();
        assert_eq!((counts(Uid(7)), counts(Uid(8))), (MOST_COUNTS / all * all + all, all));
        let of = |kernel: &str| rows.iter().find(|row| row.uid == Uid(7) && row.kernel == kernel);
        let rest = of(OTHERS).expect("the rest is counted together");
        let dispatches = (MOST / 2 - MOST_COUNTS / all + 1) as u64;
        assert!(
            rest.sums.dispatches == dispatches && rest.mnemonics.values().all(|count| *count == dispatches)
        );
        assert!(of("first").is_some_and(|row| row.mnemonics.is_empty() && row.sums.dispatches == 1));
    }
}
