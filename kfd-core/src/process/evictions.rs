//! Why a process is evicted, and since when: reasons nest, and its queues run when none is left.
//!
//! Lock order: lies under the process mutex. Not for: what an eviction does (`core::eviction`).

use crate::ids::Nanos;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `PROCESS_RESTORE_TIME_MS` (amdkfd/kfd_priv.h): how long an eviction for memory lasts at least.
const RESTORE: Nanos = Nanos(100_000_000);
/// `AMDGPU_USERPTR_RESTORE_DELAY_MS` (amdgpu/amdgpu_amdkfd_gpuvm.c).
const USERPTR_RESTORE: Nanos = Nanos(1_000_000);
/// The longest time between two looks at whether the reason has passed. The first is after [`RESTORE`], which is also
/// amdkfd's `PROCESS_BACK_OFF_TIME_MS`; each is twice as long as the last, since a look costs a wake-up.
const BACK_OFF_LAST: u64 = 1_600_000_000;

/// Why a process is evicted. `core::eviction` says when each begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its VRAM was needed.
    Memory,
    /// Client memory that a queue uses was not there.
    Userptr,
    /// It holds more than it was charged for.
    Overdrawn,
    /// By request.
    Request,
    /// It is being checkpointed or restored.
    Checkpoint,
}

impl Reason {
    /// How long until the first look at whether it has passed; `None` when only its author knows.
    fn lasts(self) -> Option<Nanos> {
        match self {
            Self::Memory | Self::Overdrawn => Some(RESTORE),
            Self::Userptr => Some(USERPTR_RESTORE),
            Self::Request | Self::Checkpoint => None,
        }
    }
}

/// An eviction, for listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eviction {
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub since: Nanos,
}

#[derive(Debug, Clone, Copy)]
struct Active {
    since: Nanos,
    /// When to look next whether the reason has passed; `None` when only its author knows.
    due: Option<Nanos>,
    back_off: u64,
}

/// The evictions of a process that have not been restored.
#[derive(Debug, Default)]
pub(crate) struct Evictions {
    active: BTreeMap<Reason, Active>,
    /// Since when there is any.
    began: Nanos,
    /// How long those lasted that are over.
    over: u64,
}

impl Evictions {
    /// The one that lasts longest already.
    pub(crate) fn oldest(&self) -> Option<Eviction> {
        let oldest = self.active.iter().min_by_key(|(_, active)| active.since);
        oldest.map(|(reason, active)| Eviction { reason: *reason, since: active.since })
    }

    /// How long it was evicted in all, the eviction under way apart (`evict_duration_counter`, amdkfd/kfd_process.c).
    pub(crate) fn lasted(&self) -> Nanos {
        Nanos(self.over)
    }

    /// All.
    pub(crate) fn all(&self) -> Vec<Eviction> {
        let row = |(reason, active): (&Reason, &Active)| Eviction { reason: *reason, since: active.since };
        self.active.iter().map(row).collect()
    }

    /// Whether it is evicted for that reason.
    pub(crate) fn has(&self, reason: Reason) -> bool {
        self.active.contains_key(&reason)
    }

    /// An eviction for a reason that there is not yet; when to look whether it has passed.
    pub(crate) fn begin(&mut self, reason: Reason, now: Nanos) -> Option<Nanos> {
        if self.active.is_empty() {
            self.began = now;
        }
        let due = reason.lasts().map(|span| Nanos(now.0.saturating_add(span.0)));
        self.active.insert(reason, Active { since: now, due, back_off: RESTORE.0 });
        due
    }

    /// The reason has passed. `None` when it is not evicted for it; else when it would have been looked at next.
    pub(crate) fn end(&mut self, reason: Reason, now: Nanos) -> Option<Option<Nanos>> {
        let active = self.active.remove(&reason)?;
        if self.active.is_empty() {
            self.over += now.0.saturating_sub(self.began.0);
        }
        Some(active.due)
    }

    /// The reasons to be looked at by now.
    pub(crate) fn due(&self, now: Nanos) -> Vec<Reason> {
        let is_due = |active: &Active| active.due.is_some_and(|at| at <= now);
        self.active.iter().filter(|(_, active)| is_due(active)).map(|(reason, _)| *reason).collect()
    }

    /// The reason has not passed; when to look again.
    pub(crate) fn put_off(&mut self, reason: Reason, now: Nanos) -> Option<Nanos> {
        let active = self.active.get_mut(&reason)?;
        active.back_off = (active.back_off * 2).min(BACK_OFF_LAST);
        active.due = Some(Nanos(now.0.saturating_add(active.back_off)));
        active.due
    }
}
