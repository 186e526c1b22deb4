//! The warden of a lane: watches the time, replaces workers, and does what may take long.
//!
//! ```text
//! Current ──(its front job unanswered for `stall`, not merely waiting for a CPU)──► Retired ──answered──► ended
//!    │                                                                                │
//!    └──(socket dead: the link does it)──► ended: the job it had begun fails          └──`deadline`──► abandoned
//! ```
//! A *retired* worker can claim nothing more (`shm`): only what it has begun is left to it, and everything else goes to a
//! fresh worker at once, so a slow client costs the others the stall time, not the deadline. Past the deadline the worker
//! is *abandoned*: killed, not waited for, its client reported lost and its job failed. It may stay for as long as the page
//! does not come; its pidfd is polled so that it is reaped when it goes.
//!
//! Workers are started here and nowhere else: a worker's death signal is tied to the thread that started it.
//!
//! Lock order: takes the lane's lock; `on_lost` and continuations run with no lock held.

use super::job::{Answered, Part};
use super::keeper::Keeper;
use super::lane::{Lane, Retired, State};
use super::link;
use super::spawn::{Body, Peer, Program};
use kfd_core::ids::ProcessId;
use kfd_core::sync::Mutex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{Shutdown, shutdown};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A worker that only waits for a CPU is given this many times the deadline.
const STARVED: u32 = 8;
/// How long nothing is started after a start that failed.
const START_PAUSE: Duration = Duration::from_millis(100);
/// How long shutdown waits for workers that were killed. One in an uninterruptible sleep is left behind.
const STOP_PATIENCE: Duration = Duration::from_millis(200);

/// What all lanes of a pool share.
pub(super) struct Shared {
    pub program: Program,
    pub deadline: Duration,
    pub stall: Duration,
    pub keeper: Keeper,
    pub on_lost: Arc<dyn Fn(ProcessId) + Send + Sync>,
    /// Link threads that may still run.
    pub links: Mutex<Vec<JoinHandle<()>>>,
}

/// A warden's own state.
pub(super) struct Warden {
    lane: Arc<Lane>,
    shared: Arc<Shared>,
    /// The first lane's also starts the keeper.
    first: bool,
    /// Workers in use or retired, by incarnation.
    bodies: HashMap<u64, Body>,
    /// Workers that were killed and are not reaped yet.
    dying: Vec<Body>,
    incarnations: u64,
    /// The current worker's front job is not judged before.
    next_look: Instant,
    start_after: Instant,
}

impl Warden {
    pub(super) fn new(lane: Arc<Lane>, shared: Arc<Shared>, first: bool) -> Self {
        let now = Instant::now();
        Self {
            lane,
            shared,
            first,
            bodies: HashMap::new(),
            dying: Vec::new(),
            incarnations: 0,
            next_look: now,
            start_after: now,
        }
    }

    /// Starts the lane's first worker (and the pool's keeper).
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        if self.first {
            self.shared.keeper.ensure(&self.shared.program)?;
        }
        let peer = self.start()?;
        self.lane.locked().peer = Some(peer);
        Ok(())
    }

    /// Runs until the pool is stopped.
    pub(super) fn run(mut self) {
        loop {
            if self.wait() {
                self.look_at_the_time();
            }
            if self.lane.locked().closing {
                break;
            }
            self.repair();
            self.bury();
        }
        self.stop();
    }

    /// Sleeps until there is something to do. Answers whether the timer fired.
    fn wait(&mut self) -> bool {
        let full = {
            let state = self.lane.locked();
            state.peer.clone().filter(|_| state.blocked)
        };
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut set = vec![readable(self.lane.wake.as_fd()), readable(self.lane.timer.as_fd())];
        set.extend(self.dying.iter().map(Body::pidfd).map(readable));
        if let Some(peer) = &full {
            set.push(PollFd::new(peer.socket.as_fd(), PollFlags::POLLOUT));
        }
        // EINTR is a wake-up with nothing ready; nothing else can fail here.
        let _ = poll(&mut set, PollTimeout::NONE);
        let ready = |at: usize| set.get(at).and_then(PollFd::any).unwrap_or(false);
        let (woken, timer) = (ready(0), ready(1));
        if woken {
            let _ = self.lane.wake.read();
        }
        timer
    }

    fn look_at_the_time(&mut self) {
        let _ = self.lane.timer.wait();
        let now = Instant::now();
        let lane = Arc::clone(&self.lane);
        let mut state = lane.locked();
        let mut orphans = Vec::new();
        if state.queue.is_busy()
            && let Some(peer) = state.peer.clone()
        {
            let since = state.queue.head_since;
            if now >= (since + self.shared.stall).max(self.next_look) {
                if self.excused(&peer, since, now) {
                    self.next_look = now + self.shared.stall;
                } else {
                    tracing::info!(worker = peer.pid, "a memory worker is slow and was retired");
                    orphans = state.retire();
                }
            }
        }
        let mut lost = Vec::new();
        for mut retired in std::mem::take(&mut state.retired) {
            if now < (retired.since + self.shared.deadline).max(retired.next_look) {
                state.retired.push(retired);
            } else if self.excused(&retired.peer, retired.since, now) {
                retired.next_look = now + self.shared.stall;
                state.retired.push(retired);
            } else {
                lost.push(retired);
            }
        }
        self.arm(&mut state, now);
        drop(state);
        orphans.into_iter().for_each(fail);
        lost.into_iter().for_each(|retired| self.abandon(retired));
    }

    /// Whether a late answer is not the page's fault: the link has not read it yet, or the worker has had no CPU.
    fn excused(&self, peer: &Peer, since: Instant, now: Instant) -> bool {
        now < since + self.shared.deadline * STARVED && (peer.has_spoken() || peer.is_running())
    }

    /// Sets the timer to the next moment at which anything is to be judged; to none if nothing is.
    fn arm(&self, state: &mut State, now: Instant) {
        let front = if state.queue.is_busy() && state.peer.is_some() {
            Some((state.queue.head_since + self.shared.stall).max(self.next_look))
        } else {
            None
        };
        let held =
            state.retired.iter().map(|retired| (retired.since + self.shared.deadline).max(retired.next_look));
        match held.chain(front).min() {
            Some(next) => self.lane.arm(state, now, next),
            None => state.armed = None,
        }
    }

    /// Gives a retired worker up, and with it the client whose job it is in. (Jobs before that one were answered: their
    /// answers lie in the socket or with the link, or they would be the one.)
    fn abandon(&mut self, retired: Retired) {
        let Retired { peer, mut parts, .. } = retired;
        let Some(process) = parts.back().map(|part| part.process) else { return };
        tracing::warn!(%process, worker = peer.pid, "a memory worker hangs and was abandoned");
        self.end(&peer);
        let mut state = self.lane.locked();
        for part in &parts {
            state.queue.unstick(part);
        }
        let waiting = state.queue.detach(process);
        drop(state);
        self.shared.keeper.detach(process);
        if waiting.is_some() {
            (self.shared.on_lost)(process);
        }
        parts.extend(waiting.into_iter().flatten());
        parts.into_iter().for_each(fail);
    }

    /// Replaces a worker that is missing, fetches mem fds, and sends what waits.
    fn repair(&mut self) {
        let lane = Arc::clone(&self.lane);
        let mut state = lane.locked();
        if std::mem::take(&mut state.broken)
            && let Some(peer) = &state.peer
        {
            // Its link sees the end and does the rest.
            hang_up(peer);
        }
        if state.peer.is_none() {
            drop(state);
            let started = if Instant::now() < self.start_after { None } else { Some(self.start()) };
            state = lane.locked();
            match started {
                Some(Ok(peer)) => state.peer = Some(peer),
                other => {
                    if let Some(Err(error)) = other {
                        tracing::error!(%error, "a memory worker cannot be started; jobs fail until it can");
                        self.start_after = Instant::now() + START_PAUSE;
                    }
                    let parts = state.queue.drain_pending();
                    drop(state);
                    parts.into_iter().for_each(fail);
                    state = lane.locked();
                }
            }
        }
        loop {
            lane.push(&mut state);
            let wanted = std::mem::take(&mut state.fetch);
            if wanted.is_empty() {
                break;
            }
            drop(state);
            wanted.into_iter().for_each(|process| self.fetch(process));
            state = lane.locked();
        }
        drop(state);
        if self.first
            && self.shared.keeper.is_missing()
            && let Err(error) = self.shared.keeper.ensure(&self.shared.program)
        {
            tracing::error!(%error, "the keeper of mem fds cannot be started");
        }
    }

    fn fetch(&self, process: ProcessId) {
        let memory = self.shared.keeper.fetch(process);
        let mut state = self.lane.locked();
        let waiting = state.queue.fetched(process, memory);
        self.lane.push(&mut state);
        drop(state);
        if let Some(parts) = waiting {
            tracing::warn!(%process, "the mem fd of a client is lost");
            (self.shared.on_lost)(process);
            parts.into_iter().for_each(fail);
        }
    }

    /// Starts a worker and its link.
    fn start(&mut self) -> io::Result<Arc<Peer>> {
        self.incarnations += 1;
        let (peer, body) = self.shared.program.start(self.incarnations)?;
        let peer = Arc::new(peer);
        let (lane, its) = (Arc::clone(&self.lane), Arc::clone(&peer));
        let link =
            std::thread::Builder::new().name("kfdd-link".into()).spawn(move || link::serve(&lane, &its));
        self.bodies.insert(peer.incarnation, body);
        let mut links = self.shared.links.lock();
        links.retain(|link| !link.is_finished());
        match link {
            Ok(link) => links.push(link),
            Err(error) => {
                drop(links);
                self.end(&peer);
                return Err(error);
            }
        }
        self.next_look = Instant::now();
        Ok(peer)
    }

    /// Ends a worker: its link by hanging up, itself by a kill that is not waited for.
    fn end(&mut self, peer: &Peer) {
        hang_up(peer);
        if let Some(mut body) = self.bodies.remove(&peer.incarnation) {
            body.kill();
            self.dying.push(body);
        }
    }

    /// Ends those that are neither in use nor retired, and reaps, without waiting.
    fn bury(&mut self) {
        let mut state = self.lane.locked();
        let over: Vec<u64> =
            self.bodies.keys().copied().filter(|&incarnation| !state.is_in_use(incarnation)).collect();
        for incarnation in over {
            if let Some(mut body) = self.bodies.remove(&incarnation) {
                body.kill();
                self.dying.push(body);
            }
        }
        self.dying.retain_mut(|body| !body.reap());
        state.stuck = self.dying.len();
    }

    fn stop(mut self) {
        let mut state = self.lane.locked();
        let mut parts = state.queue.clear();
        let mut peers: Vec<Arc<Peer>> = state.peer.take().into_iter().collect();
        for retired in std::mem::take(&mut state.retired) {
            peers.push(retired.peer);
            parts.extend(retired.parts);
        }
        drop(state);
        peers.iter().for_each(|peer| self.end(peer));
        parts.into_iter().for_each(fail);
        if self.first {
            self.dying.extend(self.shared.keeper.stop());
        }
        let until = Instant::now() + STOP_PATIENCE;
        loop {
            self.bury();
            let now = Instant::now();
            if self.dying.is_empty() || now >= until {
                break;
            }
            let readable = |body| PollFd::new(Body::pidfd(body), PollFlags::POLLIN);
            let mut set: Vec<_> = self.dying.iter().map(readable).collect();
            let left = u16::try_from((until - now).as_millis()).unwrap_or(u16::MAX).max(1);
            let _ = poll(&mut set, left);
        }
        if !self.dying.is_empty() {
            tracing::warn!(workers = self.dying.len(), "memory workers that hang were left behind");
        }
    }
}

/// Ends a link: its receive answers the end. The worker ends, too, at its next message.
fn hang_up(peer: &Peer) {
    // It may have been hung up already.
    let _ = shutdown(peer.socket.as_raw_fd(), Shutdown::Both);
}

fn fail(part: Part) {
    link::run(part, Answered::Failed);
}
