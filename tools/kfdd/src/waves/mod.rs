//! The wave workers of all clients: who has one, and what the core and it say to each other.
//!
//! ```text
//! no worker ── first dispatch ──► linked ── its end, the client's death ──► ended ── its socket and process are gone ──► no worker
//! ```
//! A worker is made at the first dispatch that reaches the head of a queue, and again when the last one died, `BIRTHS`
//! times a minute. Orders go out on the thread that the core was on and never wait; claims are taken in by the event loop,
//! `LOOK` at a time. A worker that does not take its orders, or says what cannot be read, is killed; a dead one's dispatches
//! end in an error of their queues. Its process object is held until it is gone.
//!
//! Lock order: `clients` is outside the locks of a link, and may be held while the core is called, which never calls back in
//! here with a lock of its own held. Not for: what a worker does (`door::wave_workers`).

mod changes;
mod ends;
mod kernels;
pub(crate) mod limits;
mod linked;
mod maker;
mod mnemonics;
mod out;

pub use kernels::{KernelRow, KernelSums};
pub use maker::Maker;

use crate::mailbox::Mailbox;

use door::wave_workers::{Link, Told};
use door::workers::Workers;
use kernels::{Kernels, Ledger};
use kfd_core::Core;
use kfd_core::dispatch::{DispatchOrder, QueueError, WaveAnswer};
use kfd_core::ids::{ProcessId, QueueKey};
use kfd_core::listing::{ProcessRow, QueueRow};
use kfd_core::sync::{Arc, Condvar, Mutex, MutexGuard};
use kfd_core::waves::WaveClient;
use linked::{Linked, Served};
use notifier::watch::Pidfd;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How many workers a client may have within [`MINUTE`]; its kernels kill them faster than they are of use otherwise.
const BIRTHS: usize = 4;
const MINUTE: Duration = Duration::from_secs(60);
/// How many claims of one worker are taken in before others have their turn.
const LOOK: usize = 64;

/// The workers of all clients. See the module's head.
pub struct WaveLinks {
    maker: Maker,
    mailbox: Arc<Mailbox>,
    clients: Mutex<HashMap<ProcessId, Client>>,
    /// Somebody's worker is gone.
    gone: Condvar,
    ledger: Arc<Ledger>,
    /// For claims, which the event loop alone takes in.
    buffer: Mutex<Vec<u8>>,
}

/// A client that has had a worker.
#[derive(Default)]
struct Client {
    worker: Option<Arc<Linked>>,
    /// What its workers have run.
    kernels: Option<Arc<Kernels>>,
    births: VecDeque<Instant>,
    /// It dies: it has no other worker.
    doomed: bool,
}

/// What the event loop does after it has served a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Its socket is listened to again.
    Listen,
    /// It says nothing any more.
    Silent,
}

impl WaveLinks {
    /// No worker yet; `maker` makes them.
    #[must_use]
    pub fn new(maker: Maker, mailbox: Arc<Mailbox>) -> Self {
        let (clients, ledger, buffer) = (Mutex::default(), Arc::default(), Mutex::new(Link::buffer()));
        Self { maker, mailbox, clients, gone: Condvar::new(), ledger, buffer }
    }

    /// A queue came to a dispatch.
    pub(crate) fn dispatch(&self, core: &Core, order: &DispatchOrder) {
        let DispatchOrder { queue, ticket, .. } = *order;
        match self.worker(core, queue.process) {
            Ok(worker) => worker.begin(core, order),
            Err(error) => core.wave_answer(queue, ticket, WaveAnswer::Error(error)),
        }
    }

    /// What is wished of a dispatch has changed.
    pub(crate) fn wish(&self, core: &Core, queue: QueueKey, ticket: u64) {
        if let Some(worker) = self.linked(queue.process) {
            worker.wish(core, queue, ticket);
        }
    }

    /// The first sure sign of a client's death: its worker is killed. Waits for nothing.
    pub(crate) fn doomed(&self, process: ProcessId) {
        let mut clients = self.locked();
        if let Some(client) = clients.get_mut(&process) {
            client.doomed = true;
            match &client.worker {
                Some(worker) => worker.kill(),
                None => drop(clients.remove(&process)),
            }
        }
    }

    /// Something can be read of a client's worker.
    pub(crate) fn serve(&self, core: &Core, workers: &Arc<Workers>, process: ProcessId) -> Next {
        let Some(worker) = self.linked(process) else { return Next::Silent };
        match self.look(&worker, core, workers) {
            Served::More | Served::All => Next::Listen,
            Served::End => {
                if worker.has_no_process() {
                    self.ended(core, workers, process);
                }
                Next::Silent
            }
        }
    }

    fn look(&self, worker: &Arc<Linked>, core: &Core, workers: &Arc<Workers>) -> Served {
        worker.serve(core, workers, &mut self.buffer.lock(), LOOK)
    }

    /// A client's worker is gone: what it had in hand is lost.
    pub(crate) fn ended(&self, core: &Core, workers: &Arc<Workers>, process: ProcessId) {
        let Some(worker) = self.linked(process) else { return };
        // What it said before its end counts.
        while self.look(&worker, core, workers) == Served::More {}
        let mut clients = self.locked();
        let mut doomed = true;
        if let Some(client) = clients.get_mut(&process) {
            client.worker = None;
            doomed = client.doomed;
            if doomed {
                clients.remove(&process);
            }
        }
        drop(clients);
        worker.lost(core, doomed);
        // With it the hold on the process goes, unless somebody is in it just now.
        drop(worker);
        self.gone.notify_all();
    }

    /// The worker of a client is killed, whatever it does; its client lives on.
    pub(crate) fn kill(&self, process: ProcessId) {
        if let Some(worker) = self.linked(process) {
            worker.kill();
        }
    }

    /// What is told of births, until nothing is.
    pub(crate) fn told(&self) -> Option<Told> {
        self.maker.told()
    }

    /// A worker's process has been made.
    pub(crate) fn born(&self, process: ProcessId, pid: u32, pidfd: Pidfd) {
        match self.linked(process) {
            Some(worker) => worker.born(pid, pidfd),
            // Nobody has it any more: it ends with its socket.
            None => drop(pidfd),
        }
    }

    /// The zygote has died, and its workers with it: another one makes those to come.
    pub(crate) fn restart(&self) {
        if let Err(error) = self.maker.restart() {
            tracing::error!(%error, "no wave worker can be made any more: dispatches are refused");
        }
    }

    /// Lends the descriptor on which births are told, where workers are processes.
    pub(crate) fn with_zygote<T>(&self, f: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        self.maker.with_descriptor(f)
    }

    /// The descriptor on which a client's worker says something.
    pub(crate) fn with_socket<T>(
        &self,
        process: ProcessId,
        f: impl FnOnce(BorrowedFd<'_>) -> T,
    ) -> Option<T> {
        self.linked(process).map(|worker| f(worker.socket()))
    }

    /// Waits until no client has a worker, and no longer than `patience`; how many still have one.
    pub(crate) fn drained(&self, patience: Duration) -> usize {
        let until = Instant::now() + patience;
        let mut clients = self.locked();
        loop {
            let left = clients.values().filter(|client| client.worker.is_some()).count();
            let wait = until.saturating_duration_since(Instant::now());
            if left == 0 || wait.is_zero() {
                return left;
            }
            clients = self.gone.wait_timeout(clients, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What the kernels of each user did.
    #[must_use]
    pub fn kernels(&self) -> Vec<KernelRow> {
        self.ledger.rows()
    }

    /// Tells what workers know of these processes.
    pub(crate) fn tell_processes(&self, rows: &mut [ProcessRow]) {
        for row in rows {
            let clients = self.locked();
            let Some(client) = clients.get(&row.process) else { continue };
            if let Some(kernels) = &client.kernels {
                (row.dispatches, row.instructions) = kernels.sums();
            }
            if let Some(worker) = &client.worker {
                row.wave_worker = worker.pid();
                let (instructions, waves) = worker.running();
                row.instructions += instructions;
                row.waves = waves;
            }
        }
    }

    /// Tells what workers know of these queues.
    pub(crate) fn tell_queues(&self, rows: &mut [QueueRow]) {
        for row in rows {
            if let Some(worker) = self.linked(row.process) {
                worker.tell_queue(row);
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<ProcessId, Client>> {
        self.clients.lock()
    }

    fn linked(&self, process: ProcessId) -> Option<Arc<Linked>> {
        self.locked().get(&process)?.worker.clone()
    }

    /// A client's worker; made now if it has none.
    fn worker(&self, core: &Core, process: ProcessId) -> Result<Arc<Linked>, QueueError> {
        let mut clients = self.locked();
        let client = clients.entry(process).or_default();
        if let Some(worker) = &client.worker {
            return Ok(Arc::clone(worker));
        }
        let now = Instant::now();
        while client.births.front().is_some_and(|birth| now.duration_since(*birth) > MINUTE) {
            client.births.pop_front();
        }
        if client.doomed || client.births.len() >= BIRTHS {
            tracing::warn!(%process, "the client's kernels have killed {BIRTHS} wave workers within a minute: it gets no other for now");
            return Err(QueueError::Lost);
        }
        let made = core.wave_client(process).map_err(|errno| io::Error::from_raw_os_error(errno.0)).and_then(
            |WaveClient { arena, epochs, hold }| Ok((self.maker.make(process, arena, epochs)?, hold)),
        );
        let (made, hold) = match made {
            Ok(made) => made,
            Err(error) => {
                tracing::warn!(%process, %error, "no wave worker for this client");
                // One that dies may be forgotten already, and is told of no second time.
                if client.births.is_empty() {
                    clients.remove(&process);
                }
                return Err(QueueError::Lost);
            }
        };
        let own = || Arc::new(Kernels::new(&self.ledger, hold.uid()));
        let kernels = Arc::clone(client.kernels.get_or_insert_with(own));
        let worker = Arc::new(Linked::new(made, hold, kernels));
        client.births.push_back(now);
        client.worker = Some(Arc::clone(&worker));
        drop(clients);
        self.mailbox.wave_worker(process);
        Ok(worker)
    }
}

impl std::fmt::Debug for WaveLinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WaveLinks")
    }
}
