//! The HQD slots of a device, and the processes whose queues wait for one. Which queue gets which slot is said by `slices`.

use crate::ids::{Nanos, ProcessId, QueueKey};
use std::collections::VecDeque;

/// Where a queue stands with the slots of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hqd {
    /// An SDMA queue needs none: it has its SDMA queue id for life.
    Sdma,
    /// A compute queue that is on none.
    Unmapped,
    /// A compute queue that is on this one.
    Mapped {
        slot: usize,
        /// When its slice there began: with its first turn on it.
        since: Option<Nanos>,
    },
}

impl Hqd {
    /// Whether it must be mapped before it can run.
    pub(super) const fn needs_slot(self) -> bool {
        matches!(self, Self::Unmapped)
    }

    pub(super) const fn slot(self) -> Option<usize> {
        match self {
            Self::Mapped { slot, .. } => Some(slot),
            Self::Sdma | Self::Unmapped => None,
        }
    }

    /// When the slice under way began; `None` before the first turn of one.
    pub(super) const fn since(self) -> Option<Nanos> {
        match self {
            Self::Mapped { since, .. } => since,
            Self::Sdma | Self::Unmapped => None,
        }
    }

    /// A turn begins, and a slice with it unless one is under way.
    pub(super) fn turn_begins(&mut self, now: Nanos) {
        if let Self::Mapped { since, .. } = self {
            since.get_or_insert(now);
        }
    }

    /// A slice begins.
    pub(super) fn slice_begins(&mut self, now: Nanos) {
        if let Self::Mapped { since, .. } = self {
            *since = Some(now);
        }
    }
}

#[derive(Debug)]
pub(super) struct RunList {
    pub(super) slots: Vec<Option<QueueKey>>,
    pub(super) free: usize,
    /// Where the search for a slot begins, so that the one longest at rest is found first, roughly.
    hand: usize,
    pub(super) quantum: Nanos,
    /// Processes with queues that wait for a slot, in the order in which they get one.
    pub(super) claimants: VecDeque<ProcessId>,
    /// No slice ends before.
    pub(super) next_look: Nanos,
}

impl RunList {
    /// Empty slots, each given for a `quantum` at normal priority.
    pub(super) fn new(slots: usize, quantum: Nanos) -> Self {
        let (claimants, next_look) = (VecDeque::new(), Nanos(0));
        Self { slots: vec![None; slots], free: slots, hand: 0, quantum, claimants, next_look }
    }

    /// Whether a queue waits for a slot.
    pub(super) fn is_wanted(&self) -> bool {
        !self.claimants.is_empty()
    }

    /// The first slot from the hand on for which `fits`.
    pub(super) fn find(&mut self, fits: impl Fn(Option<QueueKey>) -> bool) -> Option<usize> {
        let count = self.slots.len();
        let found = (0..count).map(|step| (self.hand + step) % count).find(|slot| fits(self.slots[*slot]))?;
        self.hand = (found + 1) % count;
        Some(found)
    }
}
