//! Which compute queues are mapped to the HQD slots of the device, and when a slice ends.
//!
//! A device has so many slots (`num_cp_queues`: pipes times queues of a pipe, less those of the kernel). A queue is mapped
//! when it has something to do and stays so while it rests, until another wants its slot; idle queues cost no slot and no
//! time. With more busy queues than slots the run list is over-subscribed, as amdkfd's hardware scheduler has it: a queue
//! whose slice is over gives its slot to the first that waits and waits itself, last.
//!
//! ```text
//!              free or resting slot                    slice over, and one waits
//!   ready ───────────────────────────► mapped ───────────────────────────────────► waiting ─┐
//!     └── all busy ──► waiting ──────────▲ └──────────────────────────────────────────────┘
//! ```
//! A slice is the quantum at priority 7 and as much longer or shorter as the priority says. Processes wait in turn, and
//! one never takes a slot from another that is on as few: many queues do not buy more of the device than one. While
//! nobody waits none of this costs a queue anything. A queue whose dispatch runs has slices like any other: with its slot its
//! dispatch loses the device, and stands still until the queue has a turn on another. No engine is in such a queue, so the end
//! of a slice is a deadline where all busy slots are theirs.
//!
//! Not for: which of the mapped queues has the next turn, nor SDMA queues, whose ids are `queue::sdma`'s. The ids of
//! address spaces (VMIDs), of which hardware has eight, are not modelled.

use super::entry::Entry;
use super::run::Run;
use super::runlist::Hqd;
use super::scheduler::Scheduler;
use crate::ids::{Nanos, ProcessId, QueueKey};
use crate::sync::Arc;

/// The KFD priority whose slice is one quantum; each slice is `(1 + priority) / (1 + NORMAL)` quanta.
const NORMAL: u64 = 7;
/// A look at slices none of which could end is repeated after this part of a quantum.
const LOOKS_PER_QUANTUM: u64 = 8;

impl Entry {
    /// It has nothing to do on its slot at this moment; not when it merely ran dry a moment ago.
    fn rests(&self) -> bool {
        !self.run.holds_slot()
    }

    /// When its slice ends; that of a queue that has not had its first turn there begins `now`.
    fn slice_end(&self, quantum: Nanos, now: Nanos) -> Nanos {
        let since = self.hqd.since().unwrap_or(now);
        since.after(quantum.0 * (1 + u64::from(self.priority)) / (1 + NORMAL))
    }
}

/// Mapping.
impl Scheduler {
    /// Maps a queue that has become ready: to a free slot, or to that of a queue at rest. One that ran dry a moment ago
    /// makes room for a fresh one. False when no slot is to be had.
    pub(super) fn map(&mut self, key: QueueKey) -> bool {
        let fresh = self.entries.get(&key).is_some_and(|entry| !entry.run.is_polled());
        let entries = &self.entries;
        let is = |at: Option<QueueKey>, fits: &dyn Fn(&Entry) -> bool| {
            at.is_some_and(|key| entries.get(&key).is_none_or(fits))
        };
        let slot = if self.list.free > 0 {
            self.list.find(|at| at.is_none())
        } else {
            self.list.find(|at| is(at, &Entry::rests)).or_else(|| {
                let dry = |entry: &Entry| entry.run.is_polled();
                if fresh { self.list.find(|at| is(at, &dry)) } else { None }
            })
        };
        let Some(slot) = slot else { return false };
        self.unmap(slot);
        self.map_to(key, slot);
        true
    }

    fn map_to(&mut self, key: QueueKey, slot: usize) {
        let (Some(entry), Some(qpd)) = (self.entries.get_mut(&key), self.qpds.get_mut(&key.process)) else {
            return;
        };
        entry.hqd = Hqd::Mapped { slot, since: None };
        qpd.mapped += 1;
        self.list.slots[slot] = Some(key);
        self.list.free -= 1;
        self.list.next_look = Nanos(0);
    }

    /// Empties a slot. The queue on it, if it is ready, waits for another.
    pub(super) fn unmap(&mut self, slot: usize) {
        let Some(key) = self.list.slots[slot].take() else { return };
        self.list.free += 1;
        if let Some(qpd) = self.qpds.get_mut(&key.process) {
            qpd.mapped -= 1;
        }
        let Some(entry) = self.entries.get_mut(&key) else { return };
        entry.hqd = Hqd::Unmapped;
        if entry.run.slice_over() {
            // It is ready from now on, to look at its dispatch when it has a slot again.
            self.paused.push(Arc::clone(&entry.queue));
            self.fresh += 1;
            self.claim(key);
        } else if matches!(entry.run, Run::Ready { .. }) {
            if let Some(qpd) = self.qpds.get_mut(&key.process) {
                qpd.ready.retain(|ready| *ready != key);
            }
            self.claim(key);
        }
    }
}

/// Waiting for a slot.
impl Scheduler {
    /// A ready queue waits for a slot: after those that wait, but before those that merely ran dry.
    pub(super) fn claim(&mut self, key: QueueKey) {
        let Some(qpd) = self.qpds.get_mut(&key.process) else { return };
        let is_dry = |key: &QueueKey| self.entries.get(key).is_some_and(|entry| entry.run.is_polled());
        let at = if is_dry(&key) { None } else { qpd.claims.iter().position(is_dry) };
        qpd.claims.insert(at.unwrap_or(qpd.claims.len()), key);
        if !std::mem::replace(&mut qpd.claiming, true) {
            self.list.claimants.push_back(key.process);
        }
        self.list.next_look = Nanos(0);
    }

    /// A ready queue that ran dry has something to do again: if it waits for a slot, it does so as a fresh one.
    pub(super) fn claim_anew(&mut self, key: QueueKey) {
        let Some(qpd) = self.qpds.get_mut(&key.process) else { return };
        let Some(at) = qpd.claims.iter().position(|waiting| *waiting == key) else { return };
        qpd.claims.remove(at);
        if self.map(key) {
            self.enlist(key);
        } else {
            self.claim(key);
        }
    }

    /// The slot goes to the first queue that waits, of the first process in turn for which `may`. Whether there was one.
    fn hand_over(&mut self, slot: usize, may: impl Fn(&Self, ProcessId, QueueKey) -> bool) -> bool {
        for _ in 0..self.list.claimants.len() {
            let Some(process) = self.list.claimants.front().copied() else { return false };
            let first = self.qpds.get(&process).and_then(|qpd| qpd.claims.front().copied());
            match first {
                Some(first) if may(self, process, first) => {
                    self.list.claimants.pop_front();
                    let Some(qpd) = self.qpds.get_mut(&process) else { continue };
                    qpd.claims.pop_front();
                    qpd.claiming = !qpd.claims.is_empty();
                    if qpd.claiming {
                        self.list.claimants.push_back(process);
                    }
                    self.unmap(slot);
                    self.map_to(first, slot);
                    self.enlist(first);
                    return true;
                }
                Some(_) => self.list.claimants.rotate_left(1),
                None => {
                    self.list.claimants.pop_front();
                    if let Some(qpd) = self.qpds.get_mut(&process) {
                        qpd.claiming = false;
                    }
                }
            }
        }
        false
    }

    /// Free slots go to those who wait. While somebody waits every other slot is busy, and so is an engine, unless all
    /// others have dispatches: who takes a queue off its slot sees to it that an engine comes ([`Dqm::is_due`](super::Dqm::is_due)).
    pub(super) fn serve(&mut self) {
        while self.list.free > 0 && self.list.is_wanted() {
            let Some(slot) = self.list.find(|at| at.is_none()) else { return };
            if !self.hand_over(slot, |_, _, _| true) {
                return;
            }
        }
    }

    /// A queue has just come to rest, or ran dry: its slot goes to one that waits.
    pub(super) fn yield_slot(&mut self, key: QueueKey) {
        if !self.list.is_wanted() {
            return;
        }
        let Some(entry) = self.entries.get(&key) else { return };
        let rests = entry.rests();
        if let Some(slot) = entry.hqd.slot() {
            self.hand_over(slot, |this, _, first| {
                rests || this.entries.get(&first).is_some_and(|entry| !entry.run.is_polled())
            });
        }
    }

    /// The queues that wait for a slot, in the order in which they will get one if nothing changes.
    pub(super) fn waiting(&self) -> Vec<QueueKey> {
        let claims = |process: &ProcessId| self.qpds.get(process).map(|qpd| &qpd.claims);
        let lists: Vec<_> = self.list.claimants.iter().filter_map(claims).collect();
        let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
        (0..longest).flat_map(|nth| lists.iter().filter_map(move |list| list.get(nth).copied())).collect()
    }
}

/// Slices.
impl Scheduler {
    /// Ends the slices that are over while somebody waits. Costs nothing while nobody does.
    #[inline]
    pub(super) fn rotate(&mut self, now: Nanos) {
        if self.list.is_wanted() && now >= self.list.next_look {
            self.end_slices(now);
        }
    }

    /// When an engine is to look at slices, if none comes by itself: somebody waits, and all slots have dispatches.
    pub(super) fn slice_due(&self, now: Nanos) -> Option<Nanos> {
        let dispatched = |slot: &Option<QueueKey>| {
            slot.and_then(|key| self.entries.get(&key)).is_some_and(|entry| entry.run.is_dispatched())
        };
        (self.list.is_wanted() && self.list.slots.iter().all(dispatched))
            .then(|| self.list.next_look.max(now))
    }

    #[cold]
    fn end_slices(&mut self, now: Nanos) {
        let quantum = self.list.quantum;
        let soon = now.after(quantum.0 / LOOKS_PER_QUANTUM);
        let mut next = now.after(quantum.0);
        for slot in 0..self.list.slots.len() {
            let Some(key) = self.list.slots[slot] else { continue };
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let end = entry.slice_end(quantum, now);
            if end > now {
                next = next.min(end);
            } else if matches!(entry.run, Run::Running { .. }) {
                next = next.min(soon);
            } else {
                // Where nobody else may have the slot, the queue's next slice begins.
                entry.hqd.slice_begins(now);
                let mapped = self.qpds.get(&key.process).map_or(0, |qpd| qpd.mapped);
                self.hand_over(slot, |this, process, _| {
                    process == key.process || this.qpds.get(&process).is_some_and(|qpd| qpd.mapped < mapped)
                });
                let on = self.list.slots[slot].and_then(|key| self.entries.get(&key));
                next = on.map_or(next, |entry| next.min(entry.slice_end(quantum, now)));
            }
        }
        self.list.next_look = next;
    }
}
