//! The KFD process object: everything that one address space has, and the listener of its death.
//!
//! States: [`Stage`]. It is made by the first open of a node, found through the process table, and ends when its
//! address space does: the release hook revokes (queues off their devices, addresses and doorbells out of every
//! look-up), the last reference queues the free, the free runs on the reclaimer after every reader has left.
//!
//! Lock order: `inner` is the process mutex, inside a queue's MQD and outside address map, dqm and event table;
//! `events` is the event table, `debug` a leaf beside it, `copies` another. `life` is a leaf. Not for: what ioctls do to it
//! (`ioctl`).
pub mod stage;

pub(crate) mod copies;
pub(crate) mod criu;
pub(crate) mod debug;
pub mod evictions;
pub(crate) mod files;
pub mod obituary;
pub mod owned;
pub(crate) mod pdd;
pub(crate) mod render;
pub(crate) mod table;
pub(crate) mod vitals;

use crate::account::{Charge, Purse};
use crate::device::Device;
use crate::event::EventTable;
use crate::event::deadline::{Deadlines, Due};
use crate::event::smi::Stream;
use crate::event::wait::Condition;
use crate::ids::{Bytes, CallId, Nanos, ProcessId, Tgid, Uid};
use crate::memory::arena::Arena;
use crate::memory::svm::Svm;
use crate::notice::{Notice, Post};
use crate::process::copies::Copies;
use crate::process::criu::Step;
use crate::process::debug::Debug;
use crate::process::evictions::Evictions;
use crate::process::obituary::{Cause, Obituary};
use crate::process::pdd::{ArenaSlot, Binding, Pdd};
use crate::process::render::RenderFiles;
use crate::process::stage::{AtomicStage, Stage};
use crate::process::vitals::Vitals;
use crate::queue::pqm::Pqm;
use crate::sync::{Arc, AtomicBool, Mutex};
use notifier::{Listener, Releasing};
use std::io;

/// When what happened, and why.
#[derive(Debug, Clone, Copy, Default)]
struct Life {
    cause: Option<Cause>,
    doomed_at: Nanos,
    stopped_at: Nanos,
    answered_at: Nanos,
    unpublished_at: Nanos,
}

/// What lies under the process mutex.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    /// The release hook has run: nothing comes any more.
    pub(crate) revoked: bool,
    /// One per device, in order.
    pub(crate) bindings: Vec<Binding>,
    /// Queues.
    pub(crate) pqm: Pqm,
    /// How far a checkpoint or a restore has come.
    pub(crate) step: Step,
    /// Why they do not run, while they do not.
    pub(crate) evictions: Evictions,
    /// Streams of events that it has opened, and what each costs.
    pub(crate) streams: Vec<(Arc<Stream>, Charge)>,
    /// SET_XNACK_MODE.
    pub(crate) xnack: bool,
    /// Ranges of shared virtual memory.
    pub(crate) svm: Svm,
}

impl Inner {
    /// Streams that their client has closed cost nothing any more.
    pub(crate) fn close_streams(&mut self) {
        self.streams.retain(|(stream, _)| !stream.is_over());
    }
}

/// See the module's head. Opaque outside the crate; public because tokens of its death name it.
pub struct Process {
    id: ProcessId,
    tgid: Tgid,
    attached_at: Nanos,
    stage: AtomicStage,
    life: Mutex<Life>,
    devices: Arc<[Device]>,
    vitals: Arc<Vitals>,
    pub(crate) pdds: Vec<Pdd>,
    arena: ArenaSlot,
    pub(crate) inner: Mutex<Inner>,
    pub(crate) events: Mutex<EventTable>,
    pub(crate) debug: Mutex<Debug>,
    /// Copies between it and others that it has asked for.
    pub(crate) copies: Copies,
    /// What its files of render nodes have.
    pub(crate) render: RenderFiles,
    pub(crate) purse: Arc<Purse>,
    /// It has opened kfd, or somebody debugs it.
    pub(crate) uses_kfd: AtomicBool,
    charge: Charge,
}

impl Process {
    /// A process object that nobody finds yet.
    pub(crate) fn new(
        id: ProcessId,
        tgid: Tgid,
        devices: &Arc<[Device]>,
        vitals: &Arc<Vitals>,
        purse: Arc<Purse>,
        charge: Charge,
    ) -> Self {
        vitals.born();
        let bindings = devices.iter().map(|_| Binding::default()).collect();
        Self {
            id,
            tgid,
            attached_at: vitals.now(),
            stage: AtomicStage::default(),
            life: Mutex::default(),
            devices: Arc::clone(devices),
            vitals: Arc::clone(vitals),
            pdds: devices.iter().map(|_| Pdd::default()).collect(),
            arena: ArenaSlot::default(),
            inner: Mutex::new(Inner { bindings, ..Inner::default() }),
            events: Mutex::default(),
            render: RenderFiles::default(),
            debug: Mutex::default(),
            copies: Copies::default(),
            uses_kfd: AtomicBool::new(false),
            purse,
            charge,
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> ProcessId {
        self.id
    }

    /// Its thread group.
    pub(crate) fn tgid(&self) -> Tgid {
        self.tgid
    }

    /// Its user.
    pub(crate) fn uid(&self) -> Uid {
        self.purse.uid()
    }

    /// Its arena, made now if there was none: `bytes` for each device.
    pub(crate) fn arena(&self, bytes: u64) -> io::Result<Arc<Arena>> {
        self.arena.get(bytes.saturating_mul(self.devices.len() as u64), &self.vitals.arena_fds)
    }

    /// Bytes of memory behind its arena.
    pub(crate) fn resident(&self) -> u64 {
        self.arena.resident()
    }

    /// By how much it holds more memory than it is charged for, when it does. A client can touch any byte of its own
    /// arena without a call.
    pub(crate) fn excess(&self) -> Option<Bytes> {
        let holds = self.purse.holds();
        let resident = self.resident();
        // What was shared costs nothing once nobody holds it, and is there for a grace period longer.
        let excess = resident.checked_sub(holds.vram_bytes + holds.gtt_bytes + self.arena.parting())?;
        (excess > 0).then_some(Bytes(excess))
    }

    /// When it was made.
    pub(crate) fn attached_at(&self) -> Nanos {
        self.attached_at
    }

    /// Where in its life it is.
    pub(crate) fn stage(&self) -> Stage {
        self.stage.load()
    }

    /// Why it dies, once it does.
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.life.lock().cause
    }

    /// It can be found from now on.
    pub(crate) fn attached(&self) {
        let moved = self.stage.advance(Stage::Attaching);
        debug_assert!(moved, "a process object is published once");
    }

    /// `Live → Doomed`. True for one caller only.
    pub(crate) fn doom(&self, cause: Cause, now: Nanos) -> bool {
        if !self.stage.advance(Stage::Live) {
            return false;
        }
        let mut life = self.life.lock();
        (life.cause, life.doomed_at) = (Some(cause), now);
        true
    }

    /// Moves from `from` to the stage after it, for the holder of the token.
    pub(crate) fn reached(&self, from: Stage, now: Nanos) {
        {
            let mut life = self.life.lock();
            match from {
                Stage::Doomed => life.stopped_at = now,
                Stage::QueuesStopped => life.answered_at = now,
                Stage::WaitersAnswered => life.unpublished_at = now,
                _ => {}
            }
        }
        if cfg!(debug_assertions) {
            let running = owned::still_running(self, from != Stage::Doomed);
            assert!(running.is_empty(), "after the step from {from:?} there still run {running:?}");
        }
        let moved = self.stage.advance(from);
        debug_assert!(moved, "a token's step is taken once, from {from:?}");
    }

    /// Ends those of `calls` whose condition is no longer unmet. The event table is held by the caller.
    pub(crate) fn settle(
        &self,
        table: &mut EventTable,
        calls: Vec<CallId>,
        deadlines: &Deadlines,
        post: &mut Post,
    ) {
        for call in calls {
            let Some(condition) = table.waits.get(&call).map(crate::event::wait::Wait::condition) else {
                continue;
            };
            if condition == Condition::Unmet {
                continue;
            }
            let Some(wait) = self.end_wait(table, call, deadlines) else { continue };
            let outcome = match condition {
                Condition::Met => wait.complete(&table.events),
                Condition::Lost | Condition::Unmet => wait.fail(crate::call::Errno::IO),
            };
            post.add(Notice::Complete { call, process: self.id, outcome });
        }
    }

    /// Takes a parked wait off every list.
    pub(crate) fn end_wait(
        &self,
        table: &mut EventTable,
        call: CallId,
        deadlines: &Deadlines,
    ) -> Option<crate::event::wait::Wait> {
        let wait = table.waits.remove(&call)?;
        wait.delist(&mut table.events, call);
        if let Some(at) = wait.deadline {
            deadlines.remove(at, Due::Wait(self.id, call));
        }
        Some(wait)
    }

    fn obituary(&self) -> Option<Obituary> {
        let life = *self.life.lock();
        Some(Obituary {
            tgid: self.tgid,
            uid: self.uid(),
            process: self.id,
            cause: life.cause?,
            doomed_at: life.doomed_at,
            stopped_at: life.stopped_at,
            answered_at: life.answered_at,
            unpublished_at: life.unpublished_at,
            freed_at: self.vitals.now(),
        })
    }
}

impl Listener for Process {
    /// Revokes: O(queues), waits for an engine's step at most, frees nothing, may run twice.
    fn release(&self, _: &Releasing<'_>) {
        self.inner.lock().revoked = true;
        owned::stop_all(self);
    }

    /// On the reclaimer, when nobody can look any more: unmaps, closes, returns the last charge.
    fn free(self: Box<Self>) {
        let obituary = self.obituary();
        self.vitals.orphans.orphaned(self.id, self.tgid, self.uid(), self.resident());
        owned::free_all(&self);
        let Self { id, tgid, stage, vitals, purse, charge, .. } = *self;
        drop(charge);
        let left = purse.holds();
        if !left.is_zero() {
            tracing::error!(process = %id, tgid = %tgid, ?left, "a freed process still holds something");
        }
        stage.advance(Stage::Unpublished);
        vitals.died(obituary);
        debug_assert!(left.is_zero(), "zero balance at process free: {left:?}");
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Process({} tgid {} {:?})", self.id, self.tgid, self.stage())
    }
}
