//! The KFD process object: everything that one address space has, and the listener of its death.
//!
//! States: [`Stage`]. It is made by the first open of a node, found through the process table, and ends when its
//! address space does: the release hook revokes (queues off their devices, addresses and doorbells out of every
//! look-up), the last reference queues the free, the free runs on the reclaimer after every reader has left.
//!
//! Lock order: `inner` is the process mutex, inside a queue's MQD and outside address map, dqm and event table;
//! `events` is the event table, `debug` a leaf beside it, `copies` and `dispatches` others. `life` is a leaf. Not for: what ioctls do to it
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
use crate::memory::epochs::EpochPage;
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
use crate::queue::dispatches::Dispatches;
use crate::queue::pqm::Pqm;
use crate::sync::{Arc, AtomicBool, Mutex, OnceLock};
use notifier::{Listener, Releasing};
use std::io;

/// The times of a process's death, and its cause.
#[derive(Debug, Clone, Copy, Default)]
struct Life {
    cause: Option<Cause>,
    doomed_at: Nanos,
    stopped_at: Nanos,
    answered_at: Nanos,
    unpublished_at: Nanos,
}

/// The state under the process mutex.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    /// Whether the release hook has run: nothing is made any more.
    pub(crate) revoked: bool,
    /// The process's state on each device, in topology order.
    pub(crate) bindings: Vec<Binding>,
    /// The process's queues.
    pub(crate) pqm: Pqm,
    /// The step of a checkpoint or a restore that the process is at.
    pub(crate) step: Step,
    /// The evictions under way, while which its queues stand still.
    pub(crate) evictions: Evictions,
    /// The SMI event streams that it has opened, each with its charge.
    pub(crate) streams: Vec<(Arc<Stream>, Charge)>,
    /// Whether retried faults are on (SET_XNACK_MODE).
    pub(crate) xnack: bool,
    /// The ranges of shared virtual memory.
    pub(crate) svm: Svm,
}

impl Inner {
    /// Gives back the charges of the SMI event streams that the client has closed.
    pub(crate) fn close_streams(&mut self) {
        self.streams.retain(|(stream, _)| !stream.is_over());
    }
}

/// The KFD process object. Opaque outside the crate; public because the tokens of its death name it.
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
    /// The process mutex.
    pub(crate) inner: Mutex<Inner>,
    pub(crate) events: Mutex<EventTable>,
    pub(crate) debug: Mutex<Debug>,
    /// The dispatches that an engine of waves has.
    pub(crate) dispatches: Dispatches,
    /// Where its wave worker reads the epochs of its address maps, once it had one.
    pub(crate) epochs: OnceLock<Arc<EpochPage>>,
    /// CROSS_MEMORY_COPY calls of this process that have not ended.
    pub(crate) copies: Copies,
    /// The state of its open render node files.
    pub(crate) render: RenderFiles,
    pub(crate) purse: Arc<Purse>,
    /// Whether the process has opened kfd, or somebody debugs it.
    pub(crate) uses_kfd: AtomicBool,
    charge: Charge,
}

impl Process {
    /// A process object that is not published yet.
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
            dispatches: Dispatches::default(),
            epochs: OnceLock::new(),
            copies: Copies::default(),
            uses_kfd: AtomicBool::new(false),
            purse,
            charge,
        }
    }

    /// The id that the core gave the object.
    pub(crate) fn id(&self) -> ProcessId {
        self.id
    }

    /// The thread group of the client.
    pub(crate) fn tgid(&self) -> Tgid {
        self.tgid
    }

    /// The user who is charged for the process.
    pub(crate) fn uid(&self) -> Uid {
        self.purse.uid()
    }

    /// The process's arena, with room for `bytes` of each device; made now if there was none.
    pub(crate) fn arena(&self, bytes: u64) -> io::Result<Arc<Arena>> {
        self.arena.get(bytes.saturating_mul(self.devices.len() as u64), &self.vitals.arena_fds)
    }

    /// Whether this is the process's arena.
    pub(crate) fn has_arena(&self, arena: &Arc<Arena>) -> bool {
        self.arena.is(arena)
    }

    /// The bytes of memory that the arena has now.
    pub(crate) fn resident(&self) -> u64 {
        self.arena.resident()
    }

    /// The bytes that the process holds beyond what it is charged for; `None` when there are none. A client can touch
    /// any byte of its own arena without a call.
    pub(crate) fn excess(&self) -> Option<Bytes> {
        let holds = self.purse.holds();
        let resident = self.resident();
        // A share that nobody holds costs nothing any more, but its bytes stay for a grace period.
        let excess = resident.checked_sub(holds.vram_bytes + holds.gtt_bytes + self.arena.parting())?;
        (excess > 0).then_some(Bytes(excess))
    }

    /// The time at which the object was made.
    pub(crate) fn attached_at(&self) -> Nanos {
        self.attached_at
    }

    /// The stage of its life.
    pub(crate) fn stage(&self) -> Stage {
        self.stage.load()
    }

    /// The cause of its death, from the first sign on.
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.life.lock().cause
    }

    /// Moves the object to `Live`: it was published and can be found from now on.
    pub(crate) fn attached(&self) {
        let moved = self.stage.advance(Stage::Attaching);
        debug_assert!(moved, "a process object is published once");
    }

    /// Moves the object from `Live` to `Doomed`. True for one caller only.
    pub(crate) fn doom(&self, cause: Cause, now: Nanos) -> bool {
        if !self.stage.advance(Stage::Live) {
            return false;
        }
        let mut life = self.life.lock();
        (life.cause, life.doomed_at) = (Some(cause), now);
        true
    }

    /// Moves the object from `from` to the next stage, on behalf of the holder of the token.
    pub(crate) fn leave(&self, from: Stage, now: Nanos) {
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

    /// Ends those of the parked `calls` whose condition is met or can never be. The caller holds the event table.
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

    /// Takes a parked wait off the event table, its events and the deadlines.
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
    /// Stops everything that runs: O(queues), waits for at most one step of an engine, frees nothing, and may run
    /// twice.
    fn release(&self, _: &Releasing<'_>) {
        self.inner.lock().revoked = true;
        owned::stop_all(self);
    }

    /// Frees the process on the reclaimer, when no reader is left: unmaps, closes, gives back the last charge.
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
