//! What a processor did when it was given a turn. Shared by every kind of queue.

use crate::error::QueueError;
use crate::memory::{Fault, Ticket};
use crate::signal::EventId;

/// Why a processor handed control back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Something was done and there may be more: give it another turn when its share allows.
    Progress {
        /// An event to raise for the client, now.
        raise: Option<EventId>,
    },
    /// No packet to act on. Look again when the doorbell rings.
    Empty,
    /// The packet in hand waits for a signal's value. Look again when a signal of this client may have changed.
    Parked {
        /// Nothing that happens can ever release it (a BARRIER_OR without signals): do not look again.
        forever: bool,
    },
    /// An access is open: give it another turn when the view knows the answer, not before.
    Pending(Ticket),
    /// The packet in hand is a dispatch whose waves run: give it another turn when the engine of waves knows how it ended,
    /// which is all that it waits for.
    Dispatched(Ticket),
    /// The queue stopped at a packet it cannot run, and its client has been told through the queue's inactive
    /// signal as far as it has one. Later turns answer the same, with nothing to raise.
    Stopped {
        /// What was wrong.
        error: QueueError,
        /// The event behind the inactive signal, to be raised for the client now.
        raise: Option<EventId>,
    },
    /// The queue stopped at an access that its client has no memory for. Later turns answer the same: the
    /// caller raises the memory exception at the first.
    Faulted(Fault),
}

/// The result of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Turn {
    /// Packets retired (their slot invalidated) in this turn, at most the budget.
    pub packets: u32,
    /// Why it ended.
    pub step: Step,
}
