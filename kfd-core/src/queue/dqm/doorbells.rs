//! Doorbell pages: hot from the first store on, cold again when their queues have come to rest.
//!
//! A page is *hot* from the trap on: the client's next stores go unseen, so its queues are polled. When none of them is
//! busy, the page is re-armed: it is cold from then on, the embedder drops it and says so, and every idle queue of it is
//! looked at once more. A queue that is made on a hot page is polled at once.

use super::qpd::{Qpd, page_of};
use super::run::{Run, Rung};
use super::scheduler::Scheduler;
use crate::ids::{Nanos, ProcessId, QueueKey, Uid};

impl Scheduler {
    /// As `Dqm::trap`; the queues of the page are polled until `hot_until`.
    pub(super) fn trap(&mut self, process: ProcessId, uid: Uid, page: usize, hot_until: Nanos) -> bool {
        let qpd = self.qpds.entry(process).or_insert_with(|| Qpd::new(uid));
        let Some(hot) = qpd.hot.get_mut(page) else { return false };
        *hot = true;
        self.each_on_page(process, page, |this, key| this.ring(key, hot_until))
    }

    /// As `Dqm::rearmed`.
    pub(super) fn rearmed(&mut self, process: ProcessId, page: usize) -> bool {
        self.each_on_page(process, page, |this, key| this.tell(key, Run::rearmed))
    }

    /// Whether one of the page's queues became ready by `event`.
    fn each_on_page(
        &mut self,
        process: ProcessId,
        page: usize,
        event: impl Fn(&mut Self, QueueKey) -> bool,
    ) -> bool {
        let Some(qpd) = self.qpds.get(&process) else { return false };
        let on_page = |key: &&QueueKey| self.entries.get(key).is_some_and(|e| page_of(&e.queue) == page);
        let keys: Vec<_> = qpd.queues.iter().filter(on_page).copied().collect();
        keys.into_iter().fold(false, |woke, key| event(self, key) | woke)
    }

    /// A queue's doorbell page was stored to, perhaps for this queue. Whether it became ready.
    pub(super) fn ring(&mut self, key: QueueKey, hot_until: Nanos) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        match entry.run.doorbell(hot_until) {
            Rung::Unchanged => false,
            Rung::Ready => {
                self.enter(key);
                true
            }
            Rung::Fresh => {
                self.fresh += 1;
                self.claim_anew(key);
                false
            }
        }
    }

    /// Makes a hot page cold when none of its queues is busy and one is idle: that page is to be re-armed.
    pub(super) fn cool(&mut self, process: ProcessId, page: usize) -> Option<usize> {
        let qpd = self.qpds.get_mut(&process)?;
        if !qpd.hot[page] {
            return None;
        }
        let on_page =
            |key: &QueueKey| self.entries.get(key).filter(|e| page_of(&e.queue) == page).map(|e| e.run);
        let mut idle = false;
        for run in qpd.queues.iter().filter_map(on_page) {
            if run.is_busy() {
                return None;
            }
            idle |= run == Run::Idle;
        }
        if idle {
            qpd.hot[page] = false;
        }
        idle.then_some(page)
    }
}
