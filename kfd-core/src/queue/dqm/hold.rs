//! Queues that do not run although their client wants them to: evicted with their process, or suspended by a debugger.
//!
//! Evictions nest (`qpd->evicted`, amdkfd/kfd_device_queue_manager.c): a process's queues on a device run again when each
//! has been restored. A queue made or enabled meanwhile is held like the others; what else happens to a held queue
//! (update, destroy, death) happens as ever. Its doorbell leads nowhere, and its ring is looked at when it is let go.
//!
//! Not for: why a process is evicted and for how long, which `eviction` says.

use super::state::{Share, State};
use super::{Dqm, Run};
use crate::ids::{Nanos, ProcessId, QueueKey, Uid};
use crate::queue::Queue;
use crate::sync::Arc;

impl Dqm {
    /// Takes the queues of a process off the run list, also those that come; those that were not held before. An engine
    /// may still be in their last turn ([`Queue::quiesce`]). The caller holds the process mutex and knows that the
    /// process is not revoked.
    pub(crate) fn evict(&self, process: ProcessId, uid: Uid) -> Vec<Arc<Queue>> {
        let mut state = self.state.lock();
        let share = state.shares.entry(process).or_insert_with(|| Share::new(uid));
        share.evicted += 1;
        let keys = share.queues.clone();
        let held = keys.into_iter().filter_map(|key| state.hold(key)).collect();
        state.serve();
        held
    }

    /// Takes one eviction back. Whether a queue became ready.
    pub(crate) fn restore(&self, process: ProcessId) -> bool {
        let mut state = self.state.lock();
        let Some(share) = state.shares.get_mut(&process) else { return false };
        share.evicted = share.evicted.saturating_sub(1);
        let keys = share.queues.clone();
        keys.into_iter().fold(false, |woke, key| state.let_go(key) | woke)
    }

    /// Takes one queue off the run list for a debugger; false when there is no such queue. As for [`Dqm::evict`], an
    /// engine may still be in its last turn.
    pub(crate) fn suspend(&self, key: QueueKey) -> bool {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.get_mut(&key) else { return false };
        entry.suspended = true;
        state.hold(key);
        state.serve();
        true
    }

    /// Lets it go again. Whether it became ready.
    pub(crate) fn resume(&self, key: QueueKey) -> bool {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.get_mut(&key) else { return false };
        entry.suspended = false;
        state.let_go(key)
    }
}

impl State {
    /// Whether a queue that its client wants to run may not.
    pub(super) fn is_held(&self, key: QueueKey) -> bool {
        self.shares.get(&key.process).is_some_and(|share| share.evicted > 0)
            || self.entries.get(&key).is_some_and(|entry| entry.suspended)
    }

    fn hold(&mut self, key: QueueKey) -> Option<Arc<Queue>> {
        let run = self.entries.get(&key)?.run;
        if matches!(run, Run::Disabled | Run::Held | Run::Stopped) {
            return None;
        }
        self.withdraw(key, Run::Held);
        self.entries.get(&key).map(|entry| Arc::clone(&entry.queue))
    }

    fn let_go(&mut self, key: QueueKey) -> bool {
        if self.is_held(key) {
            return false;
        }
        let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.run == Run::Held) else {
            return false;
        };
        // Doorbells that rang meanwhile led nowhere.
        entry.run = Run::Idle;
        self.wake(key, Nanos(0), true)
    }
}
