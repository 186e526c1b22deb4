//! Where each notice of the core goes.
//!
//! | notice | goes to |
//! |---|---|
//! | `Complete` | the door, at once, on the thread that caused it |
//! | `Runnable`, `Rearm` | the engines' bell |
//! | `Memory`, `Copy` | the memory workers; the answer goes back into the core |
//! | `Dispatch`, `Wish` | the wave workers |
//! | `Deadline` | the event loop's mailbox |
//! | `Freed` | the record of deaths |
//! | `Smi` | the streams of events, without blocking |
//! | `DebugEvent` | the debugger's pipe, without blocking |
//!
//! The parts behind it are made after the core, so they are attached once; before that there is no client and no
//! notice. Nothing here blocks and nothing is locked while something else is called.

use crate::deaths::Deaths;
use crate::engine::{Bell, Rearm};
use crate::mailbox::Mailbox;
use crate::streams;
use crate::tally::Tally;
use crate::waves::WaveLinks;
use door::fuse::FuseDoor;
use door::workers::Workers;
use kfd_core::Core;
use kfd_core::dispatch::QueueError;
use kfd_core::ids::ProcessId;
use kfd_core::notice::{CopyRequest, MemoryRequest, Notice, Outbox, UserAccess, UserAnswer, WaveAnswer};
use std::sync::{Arc, OnceLock, Weak};

/// The daemon's outbox: takes each notice of the core to the part that acts on it.
#[allow(missing_docs, reason = "the names say it")]
pub struct Router {
    pub bell: Arc<Bell>,
    /// The event loop.
    pub mailbox: Arc<Mailbox>,
    pub deaths: Arc<Deaths>,
    violations: Tally,
    behind: OnceLock<Behind>,
}

/// What the router delivers to and what itself needs the core.
struct Behind {
    core: Weak<Core>,
    door: Weak<FuseDoor>,
    workers: Weak<Workers>,
    /// Where waves run.
    waves: Option<Weak<WaveLinks>>,
}

impl Router {
    /// A router that nothing is attached to yet.
    #[must_use]
    pub fn new(mailbox: Arc<Mailbox>) -> Self {
        let (bell, deaths, violations) = <(Arc<Bell>, Arc<Deaths>, Tally)>::default();
        Self { bell, mailbox, deaths, violations, behind: OnceLock::new() }
    }

    /// Attaches the parts that need the core, before the first client. The second call changes nothing.
    pub fn attach(
        &self,
        core: &Arc<Core>,
        door: &Arc<FuseDoor>,
        workers: &Arc<Workers>,
        waves: Option<&Arc<WaveLinks>>,
    ) {
        let behind = Behind {
            core: Arc::downgrade(core),
            door: Arc::downgrade(door),
            workers: Arc::downgrade(workers),
            waves: waves.map(Arc::downgrade),
        };
        if self.behind.set(behind).is_err() {
            tracing::error!("the router was attached twice");
        }
    }

    fn to_waves(&self, f: impl FnOnce(&Core, Option<&WaveLinks>)) {
        let Some(behind) = self.behind.get() else { return };
        if let Some(core) = behind.core.upgrade() {
            let waves = behind.waves.as_ref().and_then(Weak::upgrade);
            f(&core, waves.as_deref());
        }
    }

    fn to_workers(
        &self,
        memory: ProcessId,
        access: UserAccess,
        then: impl FnOnce(&Core, UserAnswer) + Send + 'static,
    ) {
        let Some(behind) = self.behind.get() else { return };
        let core = behind.core.clone();
        let answer = move |mut answers: Vec<UserAnswer>| {
            if let Some(core) = core.upgrade() {
                then(&core, answers.pop().unwrap_or(UserAnswer::Failed));
            }
        };
        match behind.workers.upgrade() {
            Some(workers) => workers.submit(memory, vec![access], Box::new(answer)),
            None => answer(Vec::new()),
        }
    }
}

impl Outbox for Router {
    fn post(&self, notice: Notice) {
        match notice {
            Notice::Complete { call, process, outcome } => {
                if let Some(door) = self.behind.get().and_then(|behind| behind.door.upgrade()) {
                    door.complete(call, process, outcome);
                }
            }
            Notice::Runnable => self.bell.ring(),
            Notice::Rearm { process, offset, len } => self.bell.rearm(Rearm { process, offset, len }),
            Notice::Memory(MemoryRequest { process, queue, ticket, access }) => {
                self.to_workers(process, access, move |core, answer| {
                    core.memory_answer(queue, ticket, answer);
                });
            }
            Notice::Copy(CopyRequest { memory, process, call, access }) => {
                self.to_workers(memory, access, move |core, answer| core.copy_answer(process, call, answer));
            }
            Notice::Deadline => self.mailbox.deadline(),
            Notice::Freed(obituary) => {
                tracing::debug!(tgid = obituary.tgid.0, cause = ?obituary.cause, "client gone, everything freed");
                self.deaths.add(obituary);
            }
            // A pipe that is full has a byte to be read already; one that nobody reads is its debugger's own affair.
            Notice::DebugEvent { pipe } => drop(nix::unistd::write(&*pipe, b".")),
            Notice::Smi { event, streams } => streams::tell(&event, &streams),
            Notice::Dispatch(order) => self.to_waves(|core, waves| match waves {
                Some(waves) => waves.dispatch(core, &order),
                None => {
                    let answer = WaveAnswer::Error(QueueError::DispatchCode);
                    core.wave_answer(order.queue, order.ticket, answer);
                }
            }),
            Notice::Wish { queue, ticket } => self.to_waves(|core, waves| {
                if let Some(waves) = waves {
                    waves.wish(core, queue, ticket);
                }
            }),
            Notice::MemoryException { queue, uid, va } => {
                if let Some(times) = self.violations.tells(uid) {
                    tracing::warn!(%uid, times, process = %queue.process, queue = queue.queue.0, va = %va, "queue stopped: its memory is not mapped");
                }
            }
        }
    }
}
