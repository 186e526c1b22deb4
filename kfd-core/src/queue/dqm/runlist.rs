//! Which compute queues are on the hardware: slots, who waits for one, when a slice ends.
//!
//! A device has so many slots (`num_cp_queues`: pipes times queues of a pipe, less those of the kernel). A queue takes one
//! when it has something to do and keeps it while it rests, until another wants it; idle queues cost no slot and no time.
//! With more busy queues than slots the run list is over-subscribed, as amdkfd's hardware scheduler has it: a queue whose
//! slice is over gives its slot to the first that waits and waits itself, last.
//!
//! ```text
//!              free or resting slot                    slice over, and one waits
//!   ready ───────────────────────────► on a slot ───────────────────────────────► waiting ─┐
//!     └── all busy ──► waiting ──────────▲ └──────────────────────────────────────────────┘
//! ```
//! A slice is the quantum at priority 7 and as much longer or shorter as the priority says. Processes wait in turn, and
//! one never takes a slot from another that is on as few: many queues do not buy more of the device than one. While
//! nobody waits none of this costs a queue anything.
//!
//! Under the dqm's lock. Not for: which of the queues on slots has the next turn, nor SDMA queues, whose places are
//! `slots`'. The ids of address spaces (VMIDs), of which hardware has eight, are not modelled.

use super::Run;
use super::state::{Entry, State, later};
use crate::ids::{Nanos, ProcessId, QueueKey};
use std::collections::VecDeque;

/// The KFD priority whose slice is one quantum; each slice is `(1 + priority) / (1 + NORMAL)` quanta.
const NORMAL: u64 = 7;
/// A look at slices none of which could end is repeated after this part of a quantum.
const LOOKS_PER_QUANTUM: u64 = 8;

/// Slots and those who wait for one.
#[derive(Debug)]
pub(super) struct RunList {
    slots: Vec<Option<QueueKey>>,
    free: usize,
    /// Where the search for a slot begins, so that the one longest at rest is found first, roughly.
    hand: usize,
    quantum: Nanos,
    /// Processes with queues that wait, in turn.
    claimants: VecDeque<ProcessId>,
    /// No slice ends before.
    next_look: Nanos,
}

impl RunList {
    /// So many empty slots.
    pub(super) fn new(slots: usize, quantum: Nanos) -> Self {
        let (claimants, next_look) = (VecDeque::new(), Nanos(0));
        Self { slots: vec![None; slots], free: slots, hand: 0, quantum, claimants, next_look }
    }

    /// Somebody waits for a slot.
    pub(super) fn is_wanted(&self) -> bool {
        !self.claimants.is_empty()
    }

    /// The first slot from the hand on for which `fits`.
    fn find(&mut self, fits: impl Fn(Option<QueueKey>) -> bool) -> Option<usize> {
        let count = self.slots.len();
        let found = (0..count).map(|step| (self.hand + step) % count).find(|slot| fits(self.slots[*slot]))?;
        self.hand = (found + 1) % count;
        Some(found)
    }
}

impl Entry {
    /// It has nothing to do on its slot at this moment; not when it merely ran dry a moment ago.
    fn rests(&self) -> bool {
        !matches!(self.run, Run::Ready | Run::Running)
    }

    /// When its slice ends, if that begins now at the latest.
    fn slice_end(&self, quantum: Nanos, now: Nanos) -> Nanos {
        later(self.began.unwrap_or(now), quantum.0 * (1 + u64::from(self.priority)) / (1 + NORMAL))
    }
}

impl State {
    /// A slot for a queue that has become ready and is on none: a free one, or that of a queue at rest. One that ran dry
    /// a moment ago makes room for a fresh one.
    pub(super) fn seat(&mut self, key: QueueKey) -> bool {
        let polled = self.entries.get(&key).is_none_or(|entry| entry.polled);
        let entries = &self.entries;
        let is = |at: Option<QueueKey>, fits: &dyn Fn(&Entry) -> bool| {
            at.is_some_and(|key| entries.get(&key).is_none_or(fits))
        };
        let slot = if self.list.free > 0 {
            self.list.find(|at| at.is_none())
        } else {
            self.list.find(|at| is(at, &Entry::rests)).or_else(|| {
                let dry = |entry: &Entry| entry.run == Run::Ready && entry.polled;
                if polled { None } else { self.list.find(|at| is(at, &dry)) }
            })
        };
        let Some(slot) = slot else { return false };
        self.vacate(slot);
        self.put(key, slot);
        true
    }

    fn put(&mut self, key: QueueKey, slot: usize) {
        let (Some(entry), Some(share)) = (self.entries.get_mut(&key), self.shares.get_mut(&key.process))
        else {
            return;
        };
        (entry.slot, entry.began) = (Some(slot), None);
        share.seated += 1;
        self.list.slots[slot] = Some(key);
        self.list.free -= 1;
        self.list.next_look = Nanos(0);
    }

    /// Empties a slot. The queue on it, if it is ready, waits for another.
    fn vacate(&mut self, slot: usize) {
        let Some(key) = self.list.slots[slot].take() else { return };
        self.list.free += 1;
        if let Some(share) = self.shares.get_mut(&key.process) {
            share.seated -= 1;
        }
        let Some(entry) = self.entries.get_mut(&key) else { return };
        (entry.slot, entry.began) = (None, None);
        if entry.run == Run::Ready {
            if let Some(share) = self.shares.get_mut(&key.process) {
                share.ready.retain(|ready| *ready != key);
            }
            self.claim(key);
        }
    }

    /// A queue goes off its slot, which is free then.
    pub(super) fn unseat(&mut self, key: QueueKey) {
        if let Some(slot) = self.entries.get(&key).and_then(|entry| entry.slot) {
            self.vacate(slot);
        }
    }

    /// A ready queue waits for a slot: after those that wait, but before those that merely ran dry.
    pub(super) fn claim(&mut self, key: QueueKey) {
        let Some(share) = self.shares.get_mut(&key.process) else { return };
        let is_dry = |key: &QueueKey| self.entries.get(key).is_some_and(|entry| entry.polled);
        let at = if is_dry(&key) { None } else { share.claims.iter().position(is_dry) };
        share.claims.insert(at.unwrap_or(share.claims.len()), key);
        if !std::mem::replace(&mut share.claiming, true) {
            self.list.claimants.push_back(key.process);
        }
        self.list.next_look = Nanos(0);
    }

    /// A ready queue that ran dry has something to do again: if it waits for a slot, it does so as a fresh one.
    pub(super) fn claim_anew(&mut self, key: QueueKey) {
        let Some(share) = self.shares.get_mut(&key.process) else { return };
        let Some(at) = share.claims.iter().position(|waiting| *waiting == key) else { return };
        share.claims.remove(at);
        if self.seat(key) {
            self.enlist(key);
        } else {
            self.claim(key);
        }
    }

    /// The slot goes to the first queue that waits, of the first process in turn for which `may`. Whether there was one.
    fn hand_over(&mut self, slot: usize, may: impl Fn(&Self, ProcessId, QueueKey) -> bool) -> bool {
        for _ in 0..self.list.claimants.len() {
            let Some(process) = self.list.claimants.front().copied() else { return false };
            let first = self.shares.get(&process).and_then(|share| share.claims.front().copied());
            match first {
                Some(first) if may(self, process, first) => {
                    self.list.claimants.pop_front();
                    let Some(share) = self.shares.get_mut(&process) else { continue };
                    share.claims.pop_front();
                    share.claiming = !share.claims.is_empty();
                    if share.claiming {
                        self.list.claimants.push_back(process);
                    }
                    self.vacate(slot);
                    self.put(first, slot);
                    self.enlist(first);
                    return true;
                }
                Some(_) => self.list.claimants.rotate_left(1),
                None => {
                    self.list.claimants.pop_front();
                    if let Some(share) = self.shares.get_mut(&process) {
                        share.claiming = false;
                    }
                }
            }
        }
        false
    }

    /// Free slots go to those who wait. Nobody has to be woken: while somebody waits every other slot is busy, and so
    /// is an engine.
    pub(super) fn serve(&mut self) {
        while self.list.free > 0 && !self.list.claimants.is_empty() {
            let Some(slot) = self.list.find(|at| at.is_none()) else { return };
            if !self.hand_over(slot, |_, _, _| true) {
                return;
            }
        }
    }

    /// A queue has just come to rest, or ran dry: its slot goes to one that waits.
    pub(super) fn yield_slot(&mut self, key: QueueKey) {
        if self.list.claimants.is_empty() {
            return;
        }
        let Some(entry) = self.entries.get(&key) else { return };
        let rests = entry.rests();
        if let Some(slot) = entry.slot {
            self.hand_over(slot, |state, _, first| {
                rests || state.entries.get(&first).is_some_and(|entry| !entry.polled)
            });
        }
    }

    /// Ends the slices that are over while somebody waits. Costs nothing while nobody does.
    #[inline]
    pub(super) fn rotate(&mut self, now: Nanos) {
        if !self.list.claimants.is_empty() && now >= self.list.next_look {
            self.end_slices(now);
        }
    }

    #[cold]
    fn end_slices(&mut self, now: Nanos) {
        let quantum = self.list.quantum;
        let soon = later(now, quantum.0 / LOOKS_PER_QUANTUM);
        let mut next = later(now, quantum.0);
        for slot in 0..self.list.slots.len() {
            let Some(key) = self.list.slots[slot] else { continue };
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let end = entry.slice_end(quantum, now);
            if end > now {
                next = next.min(end);
            } else if entry.run == Run::Running {
                next = next.min(soon);
            } else {
                // Its next one, when nobody else may have the slot.
                entry.began = Some(now);
                let seated = self.shares.get(&key.process).map_or(0, |share| share.seated);
                self.hand_over(slot, |state, process, _| {
                    process == key.process
                        || state.shares.get(&process).is_some_and(|share| share.seated < seated)
                });
                let on = self.list.slots[slot].and_then(|key| self.entries.get(&key));
                next = on.map_or(next, |entry| next.min(entry.slice_end(quantum, now)));
            }
        }
        self.list.next_look = next;
    }

    /// The queues that wait for a slot, in the order in which they will get one if nothing changes.
    pub(super) fn waiting(&self) -> Vec<QueueKey> {
        let claims = |process: &ProcessId| self.shares.get(process).map(|share| &share.claims);
        let lists: Vec<_> = self.list.claimants.iter().filter_map(claims).collect();
        let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
        (0..longest).flat_map(|round| lists.iter().filter_map(move |list| list.get(round).copied())).collect()
    }
}
