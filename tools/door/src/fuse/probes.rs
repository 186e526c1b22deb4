//! Which clients are being asked whether their address space is gone.
//!
//! Lock order: `Probes` is a leaf.

use kfd_core::ids::ProcessId;
use kfd_core::sync::{Mutex, MutexGuard};
use std::collections::HashMap;

/// The questions under way, and whether each is to be asked once more.
#[derive(Debug, Default)]
pub(super) struct Probes(Mutex<HashMap<ProcessId, bool>>);

impl Probes {
    fn lock(&self) -> MutexGuard<'_, HashMap<ProcessId, bool>> {
        self.0.lock()
    }

    /// Whether the question is to be asked now.
    pub(super) fn begin(&self, process: ProcessId) -> bool {
        let mut under_way = self.lock();
        match under_way.get_mut(&process) {
            Some(again) => {
                *again = true;
                false
            }
            None => under_way.insert(process, false).is_none(),
        }
    }

    /// It is answered, or never will be. Whether a sign came meanwhile.
    pub(super) fn end(&self, process: ProcessId) -> bool {
        self.lock().remove(&process).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::{Probes, ProcessId};

    #[test]
    fn signs_that_come_while_a_question_is_under_way_ask_once_more_together() {
        let probes = Probes::default();
        let process = |slot| ProcessId { slot, generation: 1 };
        assert!(probes.begin(process(0)));
        assert!(probes.begin(process(1)), "another process's question is its own");
        assert!(!probes.begin(process(0)));
        assert!(!probes.begin(process(0)));
        assert!(probes.end(process(0)));
        assert!(!probes.end(process(1)));
        assert!(probes.begin(process(0)), "it is over and may be asked again");
        assert!(!probes.end(process(0)));
        assert!(probes.lock().is_empty());
    }
}
