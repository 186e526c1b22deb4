//! Why a process was doomed, and what is told of it once it has been freed.

use crate::ids::{Nanos, ProcessId, Tgid, Uid};
use serde::{Deserialize, Serialize};

/// Why a process was doomed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its pidfd became readable.
    Exited,
    /// SIGKILL was seen pending before the exit.
    Killed,
    /// It called exec: the address space it had is gone.
    Exec,
    /// Its memory answers no more (0 bytes from its mem descriptor).
    MmGone,
    /// A memory worker hung on its pages.
    HungMemory,
    /// The administrator or a limit put it out; it may still be alive.
    Evicted,
    /// The daemon is going down.
    Shutdown,
}

/// What is told of a process once it has been freed. Times are `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obituary {
    /// Its thread group.
    pub tgid: Tgid,
    /// Its user.
    pub uid: Uid,
    /// Which object.
    pub process: ProcessId,
    /// The first sure sign.
    pub cause: Cause,
    /// When the first sign was seen.
    pub doomed_at: Nanos,
    /// When its queues had stopped.
    pub stopped_at: Nanos,
    /// When its parked calls had their answers.
    pub answered_at: Nanos,
    /// When it was out of every index.
    pub unpublished_at: Nanos,
    /// When its last byte and descriptor were gone.
    pub freed_at: Nanos,
}
