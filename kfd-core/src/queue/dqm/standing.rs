//! Where a queue stands, as calls and listings see it.

use serde::{Deserialize, Serialize};

/// Where a queue stands, as a listing says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueState {
    /// It has no ring, or percentage 0 (UPDATE_QUEUE).
    Disabled,
    /// Its ring is empty, and its doorbell page is a trap.
    Idle,
    /// It runs, or has something to do.
    Active,
    /// It waits for an answer from its client's memory.
    Waiting,
    /// The waves of a dispatch of its run.
    Dispatched,
    /// The packet in hand has a dependency that is not met.
    Parked,
    /// Its process is evicted: it runs again when that has been restored.
    Evicted,
    /// A debugger has suspended it.
    Suspended,
    /// It never runs again: by an error of its own, or since its process dies.
    Stopped,
}

impl QueueState {
    /// Whether it is off the run list: nothing that its client stores to its ring or doorbell makes it run.
    pub(crate) const fn is_off(self) -> bool {
        matches!(self, Self::Disabled | Self::Evicted | Self::Suspended | Self::Stopped)
    }
}

/// A queue's state and slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) state: QueueState,
    /// The HQD slot that it is mapped to.
    pub(crate) slot: Option<usize>,
}
