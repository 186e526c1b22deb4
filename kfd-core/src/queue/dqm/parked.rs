//! Parked queues: what wakes them is a change of their process's signals, or their user's back-off.

use super::run::Run;
use super::scheduler::Scheduler;
use crate::ids::{Nanos, ProcessId, QueueKey};

impl Scheduler {
    /// A queue's state has become `Parked`. The time of its user's next look, if that is sooner than it was.
    pub(super) fn park(&mut self, key: QueueKey, now: Nanos) -> Option<Nanos> {
        let qpd = self.qpds.get_mut(&key.process)?;
        let entry = self.entries.get_mut(&key)?;
        qpd.parked.insert(key);
        self.back_offs.entry(qpd.uid).or_default().park(key, &mut entry.back_off, now)
    }

    /// Signals of a process may have changed, by a turn of its queue `but` if one is named. Whether a parked queue became
    /// ready.
    pub(super) fn wake_parked(&mut self, process: ProcessId, but: Option<QueueKey>) -> bool {
        let Some(qpd) = self.qpds.get_mut(&process) else { return false };
        let parked: Vec<_> = qpd.parked.drain().collect();
        let woke = parked.into_iter().fold(false, |woke, key| self.tell(key, Run::recheck) | woke);
        // One that runs now may have looked before the change and park after it.
        let Some(qpd) = self.qpds.get(&process) else { return woke };
        for key in qpd.queues.iter().filter(|key| Some(**key) != but) {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.run.overtaken();
            }
        }
        woke
    }

    /// Looks at the parked queues of the users whose back-off is over; `next` is told when each is to be called again.
    /// Whether one became ready.
    pub(super) fn look_at_parked(&mut self, now: Nanos, next: impl FnMut(Nanos)) -> bool {
        let mut looks = Vec::new();
        self.back_offs.values_mut().filter_map(|user| user.take_due(now, &mut looks)).for_each(next);
        let mut woke = false;
        for key in looks {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.back_off.unlisted();
            }
            woke |= self.tell(key, Run::recheck);
        }
        woke
    }
}
