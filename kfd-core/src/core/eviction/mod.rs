//! Eviction: a process's queues are taken off every device for a reason that passes, and come back when it has passed.
//!
//! ```text
//!   running ── evict(reason) ──► evicted ── restore, by whoever evicted or when due ──► running
//!                                  │  ▲
//!                                  └──┘ due, and the reason has not passed: due again, later
//! ```
//! Reasons nest: queues run when none is left (`kfd_process_evict_queues`, amdkfd/kfd_process.c, counts the same way).
//! While a process is evicted its calls go on, queues that it makes or enables are held too, its doorbells lead nowhere,
//! and it dies as ever. What the queues had on the hardware is saved first (`cwsr`).
//!
//! | reason | begins | ends |
//! |---|---|---|
//! | `memory` | somebody needs VRAM: the process's buffers move to system memory, as accounts have it | they have room again, looked at when due |
//! | `userptr` | a worker's access to client memory failed, which may be a range between two mappings | when due; the access is made again, and its second failure is a memory exception |
//! | `overdrawn` | it holds more memory than it was charged for | it does not any more, looked at when due |
//! | `request` | an administrator or a test | the same asks for it |
//! | `checkpoint` | CRIU_OP's PROCESS_INFO or RESTORE | its UNPAUSE or RESUME |
//!
//! A kernel evicts by MMU notifiers before a page of the client goes; no notifier reaches this daemon, so a USERPTR range
//! that goes is seen when a queue uses it.
//!
//! Lock order: what is here lies under the process mutex. Not for: putting a process out for good, which `death` does.

mod memory;

use crate::core::Core;
use crate::core::cwsr;
use crate::event::deadline::Due;
use crate::event::smi::SmiKind;
use crate::ids::{Bytes, Nanos, ProcessId};
use crate::notice::Post;
use crate::process::stage::Stage;
use crate::process::{Inner, Process};
use crate::sync::Ordering;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `PROCESS_RESTORE_TIME_MS` (amdkfd/kfd_priv.h): how long an eviction for memory lasts at least.
const RESTORE: Nanos = Nanos(100_000_000);
/// `AMDGPU_USERPTR_RESTORE_DELAY_MS` (amdgpu/amdgpu_amdkfd_gpuvm.c).
const USERPTR_RESTORE: Nanos = Nanos(1_000_000);
/// The longest time between two looks at whether the reason has passed. The first is after [`RESTORE`], which is also
/// amdkfd's `PROCESS_BACK_OFF_TIME_MS`; each is twice as long as the last, since a look costs a wake-up.
const BACK_OFF_LAST: u64 = 1_600_000_000;

/// What a process may hold beyond its charges before its own next allocation evicts it: pages that it touched by
/// mistake, and huge ones that were given for a small range.
const TOLERATED: Bytes = Bytes(64 << 20);

/// Why a process is evicted. See the module's head.
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
}

impl Core {
    /// Takes the queues of a live process off every device; when it returns no engine is in them. False when the process
    /// is evicted for that reason already, or is not live.
    pub fn evict(&self, process: ProcessId, reason: Reason) -> bool {
        let mut post = Post::default();
        let evicted =
            self.process(process).is_some_and(|process| self.evict_for(&process, reason, &mut post));
        self.post(post);
        evicted
    }

    /// [`Core::evict`], with no lock of the process held.
    pub(crate) fn evict_for(&self, process: &Process, reason: Reason, post: &mut Post) -> bool {
        let queues = {
            let mut inner = process.inner.lock();
            if process.stage() != Stage::Live || inner.revoked || inner.evictions.active.contains_key(&reason)
            {
                return false;
            }
            let since = self.now();
            let due = reason.lasts().map(|span| Nanos(since.0.saturating_add(span.0)));
            if inner.evictions.active.is_empty() {
                inner.evictions.began = since;
            }
            inner.evictions.active.insert(reason, Active { since, due, back_off: RESTORE.0 });
            if let Some(at) = due {
                self.deadlines.add(at, Due::Restore(process.id()), post);
            }
            let evict = |device: &crate::device::Device| device.dqm.evict(process.id(), process.uid());
            self.devices.iter().flat_map(evict).collect::<Vec<_>>()
        };
        if reason == Reason::Memory {
            self.vitals.evictions.fetch_add(1, Ordering::Relaxed);
        }
        tracing::debug!(process = %process.id(), tgid = %process.tgid(), ?reason, queues = queues.len(), "evicted");
        for device in self.devices.iter() {
            self.smi(device.gpu(), process.tgid(), SmiKind::QueueEviction(reason), post);
        }
        for queue in &queues {
            queue.quiesce();
        }
        let inner = process.inner.lock();
        if !inner.revoked {
            for queue in &queues {
                cwsr::save(&inner, process, &self.devices[queue.device], queue, post);
            }
        }
        true
    }

    /// The reason has passed: the queues run again, unless there is another. False when the process is not evicted for
    /// it, or when its memory has no room yet.
    pub fn restore(&self, process: ProcessId, reason: Reason) -> bool {
        let mut post = Post::default();
        let restored = self.process(process).is_some_and(|process| {
            let mut inner = process.inner.lock();
            let active = inner.evictions.active.contains_key(&reason) && !inner.revoked;
            active && self.has_passed(&process, &mut inner, reason) && {
                self.let_run(&process, &mut inner, reason, &mut post);
                true
            }
        });
        self.post(post);
        restored
    }

    fn let_run(&self, process: &Process, inner: &mut Inner, reason: Reason, post: &mut Post) {
        let Some(active) = inner.evictions.active.remove(&reason) else { return };
        if inner.evictions.active.is_empty() {
            inner.evictions.over += self.now().0.saturating_sub(inner.evictions.began.0);
        }
        if let Some(at) = active.due {
            self.deadlines.remove(at, Due::Restore(process.id()));
        }
        tracing::debug!(process = %process.id(), tgid = %process.tgid(), ?reason, "restored");
        for device in self.devices.iter() {
            if device.dqm.restore(process.id()) {
                post.runnable();
            }
            self.smi(device.gpu(), process.tgid(), SmiKind::QueueRestore, post);
        }
    }

    /// An eviction is due to end. It does, or is due again later.
    pub(crate) fn restore_due(&self, process: ProcessId, now: Nanos, post: &mut Post) {
        let Some(process) = self.process(process) else { return };
        let mut inner = process.inner.lock();
        if inner.revoked {
            return;
        }
        let is_due = |active: &Active| active.due.is_some_and(|at| at <= now);
        let due: Vec<_> =
            inner.evictions.active.iter().filter(|(_, active)| is_due(active)).map(|(r, _)| *r).collect();
        for reason in due {
            if self.has_passed(&process, &mut inner, reason) {
                self.let_run(&process, &mut inner, reason, post);
            } else if let Some(active) = inner.evictions.active.get_mut(&reason) {
                active.back_off = (active.back_off * 2).min(BACK_OFF_LAST);
                let at = Nanos(now.0.saturating_add(active.back_off));
                active.due = Some(at);
                self.deadlines.add(at, Due::Restore(process.id()), post);
            }
        }
    }

    fn has_passed(&self, process: &Process, inner: &mut Inner, reason: Reason) -> bool {
        match reason {
            Reason::Memory => self.take_back_vram(process, inner),
            Reason::Overdrawn => process.excess().is_none(),
            Reason::Userptr | Reason::Request | Reason::Checkpoint => true,
        }
    }

    /// A process asks for memory: it is evicted if it took a good deal without asking.
    pub(crate) fn reconcile(&self, process: &Process, post: &mut Post) {
        if process.excess().is_some_and(|excess| excess >= TOLERATED) {
            self.evict_for(process, Reason::Overdrawn, post);
        }
    }

    /// Evicts every process that holds at least `from` more than it was charged for; those that were not evicted for it
    /// before. To be called when memory is short: a client can touch any byte of its own arena without a call.
    pub fn evict_overdrawn(&self, from: Bytes) -> Vec<ProcessId> {
        let over = self.overdrawn().into_iter().filter(|(_, excess)| *excess >= from);
        over.map(|(process, _)| process).filter(|process| self.evict(*process, Reason::Overdrawn)).collect()
    }
}
