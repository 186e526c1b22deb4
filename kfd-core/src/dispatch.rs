//! Dispatches, which an engine of waves runs for the core: what is handed to it, what is wished of it, what it answers.
//!
//! ```text
//!  Notice::Dispatch(order) ──► engine ──► Core::wave_answer(queue, ticket, answer)
//!  Notice::Wish ─────────────► engine ──► Core::wave_wish(queue, ticket)
//! ```
//! A dispatch has one ticket, which no other of its process has. Notices come in any order; what is wished is what
//! `Core::wave_wish` says when the engine asks, which it does when it gets an order and after each `Notice::Wish`. The core
//! waits for no engine: an answer may come at any time, also to a dispatch that is wished to pause, and is dropped when it is
//! the second or one that nobody waits for any more.
//!
//! Not for: which engine that is, and how it reaches memory.

use crate::ids::{GpuVa, Nanos, QueueKey};
pub use hsa_queue::QueueError;
pub use hsa_queue::aql::packet::KernelDispatchPacket;

/// A dispatch to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchOrder {
    /// The queue that came to it and waits for the answer.
    pub queue: QueueKey,
    /// The ticket that the answer names.
    pub ticket: u64,
    /// The index of the device on which it runs.
    pub device: usize,
    /// The packet as it was read, its own fields checked.
    pub packet: KernelDispatchPacket,
    /// The address of its slot.
    pub slot: GpuVa,
    /// Its id in the queue.
    pub id: u64,
    /// The address of the queue's `amd_queue_t`, if the client has one.
    pub amd_queue: GpuVa,
    /// Its groups may wait for each other: the queue has global wave sync (ALLOC_QUEUE_GWS). It runs if all of them have
    /// room at once, and else ends in an error before its first instruction.
    pub cooperative: bool,
}

/// What the core wishes of a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Its waves run.
    Run,
    /// Its waves stand still: its queue is evicted, suspended or disabled.
    Pause,
    /// Its waves end: nobody waits for its answer.
    Cancel,
}

/// How a dispatch ended. All that its waves stored is in memory by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveAnswer {
    /// Every wave ended. When they ran is the engine's word, `CLOCK_MONOTONIC`; the completion signal is told what of it
    /// lies between hand-over and answer.
    Done {
        /// The first wave's begin.
        began: Nanos,
        /// The last one's end.
        ended: Nanos,
    },
    /// The queue stops with this error.
    Error(QueueError),
    /// A wave accessed memory that its process does not have: the queue stops.
    Fault {
        /// The address of the access.
        va: GpuVa,
        /// Whether it was to change memory.
        write: bool,
    },
}
