//! Queues that do not run although their client wants them to: evicted with their process, or suspended by a debugger.
//!
//! Evictions nest (`qpd->evicted`, amdkfd/kfd_device_queue_manager.c): a process's queues on a device run again when each
//! has been restored. A queue made or enabled meanwhile is held like the others; what else happens to a held queue
//! (update, destroy, death) happens as ever. Its doorbell leads nowhere, and its ring is looked at when it is let go.
//!
//! What each method promises, that of the same name of `Dqm` says. Not for: why a process is evicted and for how long, which `core::eviction` says.

use super::qpd::Qpd;
use super::run::Run;
use super::scheduler::Scheduler;
use crate::ids::{ProcessId, QueueKey, Uid};
use crate::queue::Queue;
use crate::sync::Arc;

impl Scheduler {
    pub(super) fn evict(&mut self, process: ProcessId, uid: Uid) -> Vec<Arc<Queue>> {
        let qpd = self.qpds.entry(process).or_insert_with(|| Qpd::new(uid));
        qpd.evicted += 1;
        let mut held = qpd.queues.clone();
        held.retain(|key| self.withdraw(*key, Run::hold));
        self.serve();
        held.iter().filter_map(|key| Some(Arc::clone(&self.entries.get(key)?.queue))).collect()
    }

    pub(super) fn restore(&mut self, process: ProcessId) -> bool {
        let Some(qpd) = self.qpds.get_mut(&process) else { return false };
        qpd.evicted = qpd.evicted.saturating_sub(1);
        let keys = qpd.queues.clone();
        keys.into_iter().fold(false, |woke, key| self.release(key) | woke)
    }

    pub(super) fn suspend(&mut self, key: QueueKey) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        entry.suspended = true;
        self.withdraw(key, Run::hold);
        self.serve();
        true
    }

    pub(super) fn resume(&mut self, key: QueueKey) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        entry.suspended = false;
        self.release(key)
    }

    /// Whether a queue that its client wants to run may not.
    pub(super) fn is_held(&self, key: QueueKey) -> bool {
        self.qpds.get(&key.process).is_some_and(|qpd| qpd.evicted > 0)
            || self.entries.get(&key).is_some_and(|entry| entry.suspended)
    }

    /// One thing that held a queue does so no more. Whether the queue became ready: nothing else holds it.
    fn release(&mut self, key: QueueKey) -> bool {
        !self.is_held(key) && self.tell(key, Run::release)
    }
}
