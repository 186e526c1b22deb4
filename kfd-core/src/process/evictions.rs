//! Why a process is evicted, and since when: reasons nest, and its queues run when none is left.
//!
//! Lock order: lies under the process mutex. Not for: what an eviction does (`core::eviction`).

use crate::ids::Nanos;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `PROCESS_RESTORE_TIME_MS` (amdkfd/kfd_priv.h): the shortest time that an eviction for memory lasts.
const RESTORE: Nanos = Nanos(100_000_000);
/// `AMDGPU_USERPTR_RESTORE_DELAY_MS` (amdgpu/amdgpu_amdkfd_gpuvm.c): the shortest time that an eviction for USERPTR
/// lasts.
const USERPTR_RESTORE: Nanos = Nanos(1_000_000);
/// The longest time between two checks whether a reason has passed, in ns. The first check is after [`RESTORE`], which
/// is also amdkfd's `PROCESS_BACK_OFF_TIME_MS`; each next one waits twice as long as the last, because a check costs a
/// wake-up.
const BACK_OFF_LAST: u64 = 1_600_000_000;

/// The reason of an eviction. `core::eviction` decides when each begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Another process needed the VRAM.
    Memory,
    /// Client memory that a queue uses was unmapped (USERPTR).
    Userptr,
    /// The process holds more memory than it is charged for.
    Overdrawn,
    /// The embedder asked for the eviction.
    Request,
    /// The process is being checkpointed or restored.
    Checkpoint,
}

impl Reason {
    /// The time until the first check whether the reason has passed; `None` where only whoever began the eviction can
    /// end it.
    fn lasts(self) -> Option<Nanos> {
        match self {
            Self::Memory | Self::Overdrawn => Some(RESTORE),
            Self::Userptr => Some(USERPTR_RESTORE),
            Self::Request | Self::Checkpoint => None,
        }
    }
}

/// An eviction under way, as a listing shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eviction {
    /// The reason that the queues stand still for.
    pub reason: Reason,
    /// The time at which this eviction began.
    pub since: Nanos,
}

#[derive(Debug, Clone, Copy)]
struct Active {
    since: Nanos,
    /// The time of the next check whether the reason has passed; `None` where only whoever began the eviction can end
    /// it.
    due: Option<Nanos>,
    back_off: u64,
}

/// The evictions of a process that have not been restored.
#[derive(Debug, Default)]
pub(crate) struct Evictions {
    active: BTreeMap<Reason, Active>,
    /// The time at which the process came to be evicted; without meaning while it is not.
    began: Nanos,
    /// The nanoseconds that the process was evicted, without the eviction under way.
    over: u64,
}

impl Evictions {
    /// The eviction under way that began first.
    pub(crate) fn oldest(&self) -> Option<Eviction> {
        let oldest = self.active.iter().min_by_key(|(_, active)| active.since);
        oldest.map(|(reason, active)| Eviction { reason: *reason, since: active.since })
    }

    /// The time that the process was evicted in all, without the eviction under way (`evict_duration_counter`,
    /// amdkfd/kfd_process.c).
    pub(crate) fn lasted(&self) -> Nanos {
        Nanos(self.over)
    }

    /// Every eviction under way, one a reason.
    pub(crate) fn all(&self) -> Vec<Eviction> {
        let row = |(reason, active): (&Reason, &Active)| Eviction { reason: *reason, since: active.since };
        self.active.iter().map(row).collect()
    }

    /// Whether the process is evicted for this reason.
    pub(crate) fn has(&self, reason: Reason) -> bool {
        self.active.contains_key(&reason)
    }

    /// Begins an eviction for a reason that does not hold yet. Returns the time of the first check whether it has
    /// passed.
    pub(crate) fn begin(&mut self, reason: Reason, now: Nanos) -> Option<Nanos> {
        if self.active.is_empty() {
            self.began = now;
        }
        let due = reason.lasts().map(|span| Nanos(now.0.saturating_add(span.0)));
        self.active.insert(reason, Active { since: now, due, back_off: RESTORE.0 });
        due
    }

    /// Ends the eviction for a reason. `None` when the process is not evicted for it, else the time of the check that
    /// is not needed any more.
    pub(crate) fn end(&mut self, reason: Reason, now: Nanos) -> Option<Option<Nanos>> {
        let active = self.active.remove(&reason)?;
        if self.active.is_empty() {
            self.over += now.0.saturating_sub(self.began.0);
        }
        Some(active.due)
    }

    /// The reasons whose next check is due by `now`.
    pub(crate) fn due(&self, now: Nanos) -> Vec<Reason> {
        let is_due = |active: &Active| active.due.is_some_and(|at| at <= now);
        self.active.iter().filter(|(_, active)| is_due(active)).map(|(reason, _)| *reason).collect()
    }

    /// Puts off the next check of a reason that has not passed. Returns its time.
    pub(crate) fn put_off(&mut self, reason: Reason, now: Nanos) -> Option<Nanos> {
        let active = self.active.get_mut(&reason)?;
        active.back_off = (active.back_off * 2).min(BACK_OFF_LAST);
        active.due = Some(Nanos(now.0.saturating_add(active.back_off)));
        active.due
    }
}
