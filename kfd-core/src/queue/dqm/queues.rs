//! The queues that a device has: they come, change and go. What each method promises, that of the same name of `Dqm` says.

use super::entry::Entry;
use super::qpd::{Qpd, page_of};
use super::run::Run;
use super::scheduler::Scheduler;
use crate::ids::{Nanos, ProcessId, QueueKey, Uid};
use crate::queue::Queue;
use crate::sync::Arc;

impl Scheduler {
    /// A queue on a hot page is polled until `hot_until`.
    pub(super) fn add(
        &mut self,
        queue: &Arc<Queue>,
        uid: Uid,
        priority: u32,
        active: bool,
        hot_until: Nanos,
    ) -> bool {
        let key = queue.key;
        let qpd = self.qpds.entry(key.process).or_insert_with(|| Qpd::new(uid));
        qpd.queues.push(key);
        let (hot, held) = (qpd.hot[page_of(queue)], qpd.evicted > 0);
        self.entries.insert(key, Entry::new(queue, Run::new(active, held), priority));
        hot && self.ring(key, hot_until)
    }

    pub(super) fn remove(&mut self, key: QueueKey) -> Option<usize> {
        self.withdraw(key, Run::stop);
        self.serve();
        let entry = self.entries.remove(&key)?;
        let qpd = self.qpds.get_mut(&key.process)?;
        qpd.queues.retain(|known| *known != key);
        self.cool(key.process, page_of(&entry.queue))
    }

    pub(super) fn stop_all(&mut self, process: ProcessId) -> Vec<Arc<Queue>> {
        let keys = self.qpds.get(&process).map(|qpd| qpd.queues.clone()).unwrap_or_default();
        for key in &keys {
            self.withdraw(*key, Run::stop);
        }
        self.serve();
        keys.iter().filter_map(|key| Some(Arc::clone(&self.entries.get(key)?.queue))).collect()
    }

    pub(super) fn remove_process(&mut self, process: ProcessId) {
        let Some(qpd) = self.qpds.get(&process) else { return };
        let uid = qpd.uid;
        for key in qpd.queues.clone() {
            self.withdraw(key, Run::stop);
            self.entries.remove(&key);
        }
        self.qpds.remove(&process);
        self.serve();
        let Self { entries, back_offs, .. } = self;
        if let Some(back_off) = back_offs.get_mut(&uid)
            && back_off.retain(|key| entries.contains_key(key))
        {
            back_offs.remove(&uid);
        }
    }

    pub(super) fn update(&mut self, key: QueueKey, priority: u32, active: bool) -> bool {
        let held = self.is_held(key);
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        entry.priority = priority;
        if active {
            return self.tell(key, |run| run.enable(held));
        }
        if self.withdraw(key, Run::disable) {
            self.serve();
        }
        false
    }

    pub(super) fn is_running(&self) -> bool {
        self.entries.values().any(|entry| entry.run.holds_slot() && !entry.run.is_polled())
    }
}
