//! Why a process was doomed, and what is told of it once it has been freed.

use crate::ids::{Nanos, ProcessId, Tgid, Uid};
use serde::{Deserialize, Serialize};

/// The cause for which a process was doomed: the first sure sign of its death.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The pidfd became readable.
    Exited,
    /// SIGKILL was pending before the exit.
    Killed,
    /// The process called exec: its former address space is gone.
    Exec,
    /// The mem descriptor read 0 bytes: the address space is gone.
    MmGone,
    /// A memory worker hung on a page of the process.
    HungMemory,
    /// The process was put out for good because its death could not be watched; it may still be alive. Evictions that pass
    /// are no deaths (`process::evictions`).
    Evicted,
    /// The daemon is shutting down.
    Shutdown,
}

/// The record of a death, told once the process has been freed. Times are `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obituary {
    /// The thread group of the process.
    pub tgid: Tgid,
    /// The user who was charged for it.
    pub uid: Uid,
    /// The id of the process object.
    pub process: ProcessId,
    /// The first sure sign of the death.
    pub cause: Cause,
    /// The time at which the first sign was seen.
    pub doomed_at: Nanos,
    /// The time at which its queues had stopped.
    pub stopped_at: Nanos,
    /// The time at which its parked calls had been answered.
    pub answered_at: Nanos,
    /// The time at which no index found it any more.
    pub unpublished_at: Nanos,
    /// The time at which its last byte and descriptor were freed.
    pub freed_at: Nanos,
}
