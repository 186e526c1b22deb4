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

use crate::core::Core;
use crate::core::cwsr;
use crate::event::deadline::Due;
use crate::event::smi::SmiKind;
use crate::ids::{Bytes, Nanos, ProcessId};
use crate::notice::Post;
pub use crate::process::evictions::{Eviction, Reason};
use crate::process::stage::Stage;
use crate::process::{Inner, Process};
use crate::sync::Ordering;

/// What a process may hold beyond its charges before its own next allocation evicts it: pages that it touched by
/// mistake, and huge ones that were given for a small range.
const TOLERATED: Bytes = Bytes(64 << 20);

impl Core {
    /// Takes the queues of a live process off every device; when it returns no engine is in them, and of dispatches whose
    /// waves run no answer leads to a packet. False when the process
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
            if process.stage() != Stage::Live || inner.revoked || inner.evictions.has(reason) {
                return false;
            }
            if let Some(at) = inner.evictions.begin(reason, self.now()) {
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
        drop(inner);
        self.wake_for_slots(post);
        true
    }

    /// The reason has passed: the queues run again, unless there is another. False when the process is not evicted for
    /// it, or when its memory has no room yet.
    pub fn restore(&self, process: ProcessId, reason: Reason) -> bool {
        let mut post = Post::default();
        let restored = self.process(process).is_some_and(|process| {
            let mut inner = process.inner.lock();
            let active = inner.evictions.has(reason) && !inner.revoked;
            active && self.has_passed(&process, &mut inner, reason) && {
                self.let_run(&process, &mut inner, reason, &mut post);
                true
            }
        });
        self.post(post);
        restored
    }

    fn let_run(&self, process: &Process, inner: &mut Inner, reason: Reason, post: &mut Post) {
        let Some(due) = inner.evictions.end(reason, self.now()) else { return };
        if let Some(at) = due {
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
        for reason in inner.evictions.due(now) {
            if self.has_passed(&process, &mut inner, reason) {
                self.let_run(&process, &mut inner, reason, post);
            } else if let Some(at) = inner.evictions.put_off(reason, now) {
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
