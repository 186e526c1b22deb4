//! What a dqm keeps under its lock, and how a queue enters and leaves its lists.
//!
//! A queue is on the lists that its state says, and nowhere else:
//!
//! | state | list |
//! |---|---|
//! | `Ready`, mapped or for an SDMA engine | its process's `ready` |
//! | `Ready`, without a slot | its process's `claims` |
//! | `Parked` | its process's `parked` |
//!
//! So states change by [`Scheduler::tell`] (events that may make a queue ready), [`Scheduler::withdraw`] (events that
//! take it off) and the beginning and end of a turn, and those keep the lists.

use super::back_off::BackOff;
use super::entry::Entry;
use super::qpd::Qpd;
use super::run::Run;
use super::runlist::RunList;
use crate::ids::{ProcessId, QueueKey, Uid};
use crate::queue::Queue;
use crate::sync::{Arc, AtomicU64, Ordering};
use std::collections::{HashMap, VecDeque};

#[derive(Debug)]
pub(super) struct Scheduler {
    pub(super) entries: HashMap<QueueKey, Entry>,
    pub(super) qpds: HashMap<ProcessId, Qpd>,
    /// Processes with ready queues, in the order in which they get the next turns.
    pub(super) round: VecDeque<ProcessId>,
    pub(super) back_offs: HashMap<Uid, BackOff>,
    /// How many queues are ready and not merely polled.
    pub(super) fresh: usize,
    pub(super) list: RunList,
    /// Queues that have lost their slots with dispatches running, until somebody tells these to stand still.
    pub(super) paused: Vec<Arc<Queue>>,
    /// Counts how often a queue became ready.
    pub(super) stirs: Arc<AtomicU64>,
}

impl Scheduler {
    pub(super) fn new(list: RunList) -> Self {
        let (entries, qpds, round, back_offs, paused, stirs) = Default::default();
        Self { entries, qpds, round, back_offs, fresh: 0, list, paused, stirs }
    }

    /// Tells a queue of an event. Whether it became ready, which is what `event` answers.
    pub(super) fn tell(&mut self, key: QueueKey, event: impl FnOnce(&mut Run) -> bool) -> bool {
        let became = self.entries.get_mut(&key).is_some_and(|entry| event(&mut entry.run));
        if became {
            self.enter(key);
        }
        became
    }

    /// A queue that has just become ready, fresh or to be polled, goes on a list: for a turn if it has a slot or needs none, else
    /// for a slot.
    pub(super) fn enter(&mut self, key: QueueKey) {
        let (Some(entry), Some(qpd)) = (self.entries.get_mut(&key), self.qpds.get_mut(&key.process)) else {
            return;
        };
        entry.queue.set_off(false);
        self.fresh += usize::from(entry.run.is_fresh());
        self.stirs.fetch_add(1, Ordering::Relaxed);
        qpd.parked.remove(&key);
        if entry.hqd.needs_slot() && !self.map(key) {
            self.claim(key);
        } else {
            self.enlist(key);
        }
    }

    /// A ready queue that may run gets its turn among those of its process.
    pub(super) fn enlist(&mut self, key: QueueKey) {
        let Some(qpd) = self.qpds.get_mut(&key.process) else { return };
        qpd.ready.push_back(key);
        if !qpd.in_round {
            qpd.in_round = true;
            self.round.push_back(key.process);
        }
    }

    /// Takes a queue off the run list, if that is what `event` answers. Its slot is free then, for [`Scheduler::serve`].
    pub(super) fn withdraw(&mut self, key: QueueKey, event: impl FnOnce(&mut Run) -> bool) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        let was_fresh = entry.run.is_fresh();
        let off = event(&mut entry.run);
        if off {
            self.fresh -= usize::from(was_fresh);
            self.leave(key);
        }
        off
    }

    /// A queue whose state is one off the run list leaves its lists and its slot.
    pub(super) fn leave(&mut self, key: QueueKey) {
        if let Some(qpd) = self.qpds.get_mut(&key.process) {
            qpd.parked.remove(&key);
            qpd.ready.retain(|ready| *ready != key);
            qpd.claims.retain(|waiting| *waiting != key);
        }
        let Some(entry) = self.entries.get(&key) else { return };
        entry.queue.set_off(true);
        if let Some(slot) = entry.hqd.slot() {
            self.unmap(slot);
        }
    }
}
