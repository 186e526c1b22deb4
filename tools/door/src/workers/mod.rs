//! Memory workers: separate processes that alone touch client memory, and the pool that feeds them.
//!
//! A client can point the daemon at a page that never arrives (a mapping of its own hung FUSE mount). Whoever reads it
//! sleeps uninterruptibly and pins every descriptor it has. So the accesses are made by expendable processes
//! (`child`), which get their work as messages (`wire`), answer to a thread each (`link`), and are replaced when they hang
//! (`warden`).
//!
//! - [`Workers::submit`] never blocks. A client's jobs are done in order; clients take turns (`queue`).
//! - A job that is not answered within the stall time (20 ms) holds up its own client only: all others go on in a fresh
//!   worker. Not answered within the deadline (1 s) it fails, and its client is reported to `on_lost`, to be doomed.
//! - A failed or short access is [`UserAnswer::Failed`], never zeros.
//! - Each continuation runs exactly once, on a thread of the pool or, when the job cannot even be queued, on the caller's.
//! - No job is ever done twice (`shm`).
//! - The core keeps no mem fd: the client's worker and the keeper (`keeper`) have them.
//!
//! Limits: a worker that hangs stays, as a process of its own, until the page comes or the FUSE connection is aborted
//! ([`Workers::stuck`] counts them); how many clients one uid may have doomed that way is not bounded here.
//!
//! Lock order: `submit` and its like take the lane's lock, below every lock of the core; call them with no SRCU read
//! section held if continuations of refused jobs may look something up.

mod child;
mod guard;
mod job;
mod keeper;
mod lane;
mod link;
mod maps;
mod packets;
mod queue;
mod shm;
mod spawn;
mod sys;
mod warden;
pub mod wire;

pub use job::MmState;

use job::{Answered, Part};
use kfd_core::ids::{ProcessId, Tgid};
use kfd_core::notice::{UserAccess, UserAnswer};
use kfd_core::sync::Mutex;
use lane::Lane;
use notifier::MmId;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use warden::{Shared, Warden};

/// The argument that makes a program a memory worker.
pub const MARKER: &str = "--kfdd-memory-worker";

/// How a pool is made.
#[derive(Debug, Clone)]
pub struct WorkersConfig {
    /// What to execute; its `main` begins with [`enter_if_asked`]. Default: the current program.
    pub program: PathBuf,
    /// Its arguments. Default: [`MARKER`].
    pub args: Vec<OsString>,
    /// How many workers share the clients, at least 1. Default: 2.
    pub count: usize,
    /// After this a job has failed and its client is lost. Default: 1 s.
    pub deadline: Duration,
    /// After this a job holds up nobody but its own client. Default: 20 ms, at most `deadline`.
    pub stall: Duration,
}

impl Default for WorkersConfig {
    fn default() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            args: vec![OsString::from(MARKER)],
            count: 2,
            deadline: Duration::from_secs(1),
            stall: Duration::from_millis(20),
        }
    }
}

/// A pool of memory workers. Dropping it stops it.
pub struct Workers {
    lanes: Vec<Arc<Lane>>,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    /// Starts the processes and their threads. `on_lost` is told of clients that are to be doomed; it runs on a warden
    /// with no lock held and must not block.
    ///
    /// # Errors
    /// When a process, thread or descriptor cannot be had; nothing is left running then.
    pub fn start(
        config: WorkersConfig,
        on_lost: Arc<dyn Fn(ProcessId) + Send + Sync>,
    ) -> io::Result<Arc<Self>> {
        let stall = config.stall.min(config.deadline);
        let shared = Arc::new(Shared {
            program: spawn::Program { path: config.program, args: config.args },
            deadline: config.deadline,
            stall,
            keeper: keeper::Keeper::default(),
            on_lost,
            links: Mutex::new(Vec::new()),
        });
        let mut workers = Self { lanes: Vec::new(), shared, threads: Mutex::new(Vec::new()) };
        for at in 0..config.count.max(1) {
            workers.add_lane(at == 0, stall)?;
        }
        Ok(Arc::new(workers))
    }

    /// Takes a client in. `memory` is its `/proc/TID/mem`, opened for reading and writing while it was identified.
    pub fn attach(&self, process: ProcessId, tgid: Tgid, mm: MmId, memory: OwnedFd) {
        tracing::debug!(%process, %tgid, mm = ?mm, "client attached to its memory worker");
        self.shared.keeper.attach(process, memory.as_fd());
        if self.shared.keeper.is_missing()
            && let Some(first) = self.lanes.first()
        {
            first.kick();
        }
        let lane = self.lane(process);
        let mut state = lane.locked();
        if state.closing {
            return;
        }
        let orphans = state.queue.attach(process, memory);
        lane.push(&mut state);
        drop(state);
        orphans.into_iter().for_each(fail);
    }

    /// Has the keeper's process write to `abort` when this process dies: what [`crate::fuse::abort_file`] answers. A
    /// keeper that was killed is replaced at the next [`attach`](Self::attach), and nobody guards until then.
    pub fn guard(&self, abort: OwnedFd) {
        self.shared.keeper.guard(abort);
    }

    /// Lets a client go: its mem fd is closed everywhere, jobs not yet sent fail, those already sent are answered.
    /// Idempotent.
    pub fn detach(&self, process: ProcessId) {
        self.shared.keeper.detach(process);
        let lane = self.lane(process);
        let mut state = lane.locked();
        let orphans = state.queue.detach(process);
        lane.push(&mut state);
        drop(state);
        orphans.into_iter().flatten().for_each(fail);
    }

    /// Does accesses, each of at most 64 KiB, in order, and then runs `done` with one answer each. Never blocks.
    ///
    /// All answers are [`UserAnswer::Failed`], at once, when there is no such client or more than 8 MiB of its jobs wait.
    /// After a failed access the later ones of the job are tried all the same.
    pub fn submit(
        &self,
        process: ProcessId,
        accesses: Vec<UserAccess>,
        done: Box<dyn FnOnce(Vec<UserAnswer>) + Send>,
    ) {
        if accesses.is_empty() {
            return done(Vec::new());
        }
        self.queue(process, job::split(process, accesses, done));
    }

    /// Looks whether the client's address space is still there. Never blocks; in order with the client's jobs.
    pub fn probe(&self, process: ProcessId, done: Box<dyn FnOnce(MmState) + Send>) {
        self.queue(process, vec![Part::probe(process, done)]);
    }

    /// How many clients are attached.
    #[must_use]
    pub fn attached(&self) -> usize {
        self.lanes.iter().map(|lane| lane.locked().queue.clients()).sum()
    }

    /// The process ids of the current workers; a place that is just being given a new one is left out.
    #[must_use]
    pub fn worker_pids(&self) -> Vec<u32> {
        self.lanes.iter().filter_map(|lane| Some(lane.locked().peer.as_ref()?.pid)).collect()
    }

    /// The process id of the keeper of mem fds, if it is there.
    #[must_use]
    pub fn keeper_pid(&self) -> Option<u32> {
        self.shared.keeper.pid()
    }

    /// How many abandoned worker processes still exist.
    #[must_use]
    pub fn stuck(&self) -> usize {
        self.lanes.iter().map(|lane| lane.locked().stuck).sum()
    }

    /// Fails everything that waits, ends the workers and joins their threads. A worker that hangs is left behind.
    /// Idempotent. Must not be called by a continuation.
    pub fn stop(&self) {
        for lane in &self.lanes {
            lane.locked().closing = true;
            lane.kick();
        }
        // The wardens first: they hang up on the links.
        for threads in [&self.threads, &self.shared.links] {
            let threads = std::mem::take(&mut *threads.lock());
            for thread in threads {
                // The pool may be dropped by a continuation, which runs on one of these threads: that one ends by itself.
                if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                    tracing::error!("a thread of the memory workers panicked");
                }
            }
        }
    }

    fn add_lane(&mut self, first: bool, stall: Duration) -> io::Result<()> {
        let lane = Arc::new(Lane::new(stall)?);
        let mut warden = Warden::new(Arc::clone(&lane), Arc::clone(&self.shared), first);
        let (ready, started) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("kfdd-warden".into()).spawn(move || {
            let prepared = warden.prepare();
            let good = prepared.is_ok();
            if ready.send(prepared).is_ok() && good {
                warden.run();
            }
        })?;
        self.lanes.push(lane);
        self.threads.lock().push(thread);
        started.recv().unwrap_or_else(|_| Err(io::Error::other("the warden ended")))
    }

    fn queue(&self, process: ProcessId, parts: Vec<Part>) {
        let lane = self.lane(process);
        let mut state = lane.locked();
        let refused = if state.closing || !parts.iter().all(job::fits) {
            parts
        } else if let Err(parts) = state.queue.submit(process, parts) {
            parts
        } else {
            lane.push(&mut state);
            Vec::new()
        };
        drop(state);
        refused.into_iter().for_each(fail);
    }

    fn lane(&self, process: ProcessId) -> &Lane {
        &self.lanes[process.slot as usize % self.lanes.len()]
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("lanes", &self.lanes.len()).finish_non_exhaustive()
    }
}

fn fail(part: Part) {
    link::run(part, Answered::Failed);
}

/// Becomes a memory worker if that is what this process was started for, and then never returns.
///
/// First thing in the `main` of every program that embeds a pool: nothing may have been opened before.
pub fn enter_if_asked() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == MARKER) {
        std::process::exit(child::run());
    }
}
