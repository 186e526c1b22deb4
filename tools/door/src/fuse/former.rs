//! Address spaces seen gone while their process may live on (exec), so that no later one is taken for them.
//!
//! Without address randomisation a program that executes itself looks the same as before; the resolver must not issue
//! the old id again as long as that process lives ([`Resolver::retire`]). Entries of processes that are gone are
//! swept when the list has doubled since the last sweep, so a death costs O(1) and nothing wakes for it.
//!
//! Lock order: a leaf.

use crate::identity::{Resolver, belongs};
use kfd_core::ids::{Tgid, Tid};
use kfd_core::sync::Mutex;
use notifier::MmId;

/// No sweep below this length.
const FEW: usize = 64;

/// The address spaces that processes had before an exec.
#[derive(Debug, Default)]
pub(super) struct Former(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    entries: Vec<(Tgid, MmId)>,
    kept: usize,
}

impl Former {
    /// Retires an address space.
    pub(super) fn add(&self, resolver: &Resolver, tgid: Tgid, mm: MmId) {
        resolver.retire(mm);
        let mut list = self.0.lock();
        list.entries.push((tgid, mm));
        if list.entries.len() < FEW.max(2 * list.kept) {
            return;
        }
        list.entries.retain(|(tgid, mm)| {
            // A number that was given to somebody new keeps an entry that does no harm: ids are unique per boot.
            let alive = belongs(*tgid, Tid(tgid.0));
            if !alive {
                resolver.exited(*mm);
            }
            alive
        });
        list.kept = list.entries.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_dead_processes_do_not_pile_up_and_those_of_the_living_stay() {
        let (former, resolver) = (Former::default(), Resolver::new());
        let mm = |pidfd_inode| MmId { pidfd_inode, exec_id: 1 };
        former.add(&resolver, Tgid(std::process::id()), mm(1));
        // Above PID_MAX_LIMIT (2^22, linux/threads.h) no number is ever in use.
        for dead in 2..1000 {
            former.add(&resolver, Tgid((1 << 22) + 1), mm(dead));
        }
        assert!(resolver.retired() <= FEW, "{} are left", resolver.retired());
        assert!(former.0.lock().entries.iter().any(|(_, kept)| *kept == mm(1)));
    }
}
