//! The link thread of a lane: reads answers, runs continuations, watches the time, and replaces workers.
//!
//! ```text
//! Current ──(front job unanswered for `stall`, not merely waiting for a CPU)──► Retired ──answered──► ended
//!    │                                                                            │
//!    └──(socket dead)──► ended: the job it had begun fails, the rest goes on      └─`deadline`─► Abandoned
//! ```
//! A *retired* worker can claim nothing more (`shm`): only the job it has begun is left to it, and everything else goes
//! to a fresh worker at once, so a slow client costs the others the stall time, not the deadline. Past the deadline the worker is
//! *abandoned*: killed, not waited for, its client reported lost and its job failed. It may stay for as long as
//! the page does not come; its pidfd is polled so that it is reaped when it goes.
//!
//! Lock order: takes the lane's lock; continuations and `on_lost` run with no lock held.

use super::MmState;
use super::job::{Answered, Part};
use super::keeper::Keeper;
use super::lane::{Lane, State};
use super::queue::Queue;
use super::spawn::{Body, Peer, Program};
use super::sys;
use super::wire::{self, Kind, MESSAGE_MAX, Malformed};
use kfd_core::ids::ProcessId;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
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
}

/// A worker that was retired in the middle of a job.
struct Retired {
    peer: Arc<Peer>,
    part: Part,
    since: Instant,
    /// Not to be judged before.
    next_look: Instant,
}

/// A link thread's own state.
pub(super) struct Link {
    lane: Arc<Lane>,
    shared: Arc<Shared>,
    /// Lane 0 also starts the keeper.
    first: bool,
    retired: Vec<Retired>,
    bodies: Vec<Body>,
    /// Workers whose process may still be shared with a submitter that is just sending.
    ending: Vec<Arc<Peer>>,
    finished: Vec<(Part, Answered)>,
    buffer: Vec<u8>,
    incarnations: u64,
    next_look: Instant,
    start_after: Instant,
}

/// The worker's socket is dead or it said something wrong.
struct Broken;

impl Link {
    pub(super) fn new(lane: Arc<Lane>, shared: Arc<Shared>, first: bool) -> Self {
        let now = Instant::now();
        Self {
            lane,
            shared,
            first,
            retired: Vec::new(),
            bodies: Vec::new(),
            ending: Vec::new(),
            finished: Vec::new(),
            buffer: vec![0; MESSAGE_MAX + 1],
            incarnations: 0,
            next_look: now,
            start_after: now,
        }
    }

    /// Starts the lane's first worker (and the pool's keeper).
    pub(super) fn prepare(&mut self) -> std::io::Result<()> {
        if self.first {
            self.shared.keeper.ensure(&self.shared.program)?;
        }
        self.incarnations += 1;
        let peer = self.shared.program.start(self.incarnations)?;
        self.lane.locked().peer = Some(Arc::new(peer));
        Ok(())
    }

    /// Runs until the pool is stopped.
    pub(super) fn run(mut self) {
        loop {
            let (timer, current) = self.wait();
            if current && self.read_current().is_err() {
                self.lane.locked().broken = true;
            }
            self.read_retired();
            if timer {
                self.look_at_the_time();
            }
            if self.lane.locked().closing {
                break;
            }
            self.repair();
            self.settle();
            self.bury();
        }
        self.stop();
    }

    /// Sleeps until there is something to do. Answers whether the timer fired and whether the current worker spoke.
    fn wait(&mut self) -> (bool, bool) {
        let (peer, blocked) = {
            let state = self.lane.locked();
            (state.peer.clone(), state.blocked)
        };
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut set = vec![readable(self.lane.wake.as_fd()), readable(self.lane.timer.as_fd())];
        let others = self.retired.iter().map(|retired| retired.peer.socket.as_fd());
        set.extend(others.chain(self.bodies.iter().map(Body::pidfd)).map(readable));
        if let Some(peer) = &peer {
            let mut interest = PollFlags::POLLIN;
            interest.set(PollFlags::POLLOUT, blocked);
            set.push(PollFd::new(peer.socket.as_fd(), interest));
        }
        // EINTR is a wake-up with nothing ready; nothing else can fail here.
        let _ = poll(&mut set, PollTimeout::NONE);
        let ready = |at: usize| set.get(at).and_then(PollFd::any).unwrap_or(false);
        let (woken, timer, current) = (ready(0), ready(1), peer.is_some() && ready(set.len() - 1));
        if woken {
            let _ = self.lane.wake.read();
        }
        (timer, current)
    }

    fn read_current(&mut self) -> Result<(), Broken> {
        let Some(peer) = self.lane.locked().peer.clone() else { return Ok(()) };
        loop {
            let len = match sys::receive(peer.socket.as_fd(), &mut self.buffer, false) {
                Ok(0) => return Err(Broken),
                Ok(len) => len,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(Broken),
            };
            let mut state = self.lane.locked();
            let (part, answered) = take_answer(&mut state.queue, &self.buffer[..len])?;
            self.lane.push(&mut state);
            let busy = state.queue.is_busy();
            drop(state);
            run(part, answered);
            if !busy {
                return Ok(());
            }
        }
    }

    fn read_retired(&mut self) {
        let mut at = 0;
        while let Some(retired) = self.retired.get(at) {
            let answered = match sys::receive(retired.peer.socket.as_fd(), &mut self.buffer, false) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    at += 1;
                    continue;
                }
                Ok(len) if len > 0 => match parse(&self.buffer[..len]) {
                    Ok((id, answered)) if id == retired.part.id => answered,
                    _ => Answered::Failed,
                },
                _ => Answered::Failed,
            };
            let Retired { peer, part, .. } = self.retired.swap_remove(at);
            self.ending.push(peer);
            let mut state = self.lane.locked();
            state.queue.unstick(&part);
            self.lane.push(&mut state);
            drop(state);
            self.finished.push((part, answered));
        }
    }

    fn look_at_the_time(&mut self) {
        let _ = self.lane.timer.wait();
        let now = Instant::now();
        let (deadline, stall) = (self.shared.deadline, self.shared.stall);
        let mut next: Option<Instant> = None;
        let mut sooner = |at: Instant| next = Some(next.map_or(at, |next| next.min(at)));

        let lane = Arc::clone(&self.lane);
        let mut state = lane.locked();
        if state.queue.is_busy()
            && let Some(peer) = state.peer.clone()
        {
            let since = state.queue.head_since;
            let due = (since + stall).max(self.next_look);
            if now < due {
                sooner(due);
            } else if now < since + deadline * STARVED && peer.body.is_running() {
                self.next_look = now + stall;
                sooner(self.next_look);
            } else {
                self.retire(&mut state, &peer);
            }
        }
        drop(state);

        let mut lost = Vec::new();
        let mut at = 0;
        while let Some(retired) = self.retired.get_mut(at) {
            let due = (retired.since + deadline).max(retired.next_look);
            if now < due {
                sooner(due);
                at += 1;
            } else if now < retired.since + deadline * STARVED && retired.peer.body.is_running() {
                retired.next_look = now + stall;
                sooner(retired.next_look);
                at += 1;
            } else {
                lost.push(self.retired.swap_remove(at));
            }
        }
        let mut state = self.lane.locked();
        match next {
            Some(next) => self.lane.arm(&mut state, next.saturating_duration_since(now)),
            None => state.armed = false,
        }
        drop(state);
        for retired in lost {
            self.abandon(retired);
        }
    }

    /// Takes the current worker out of use: see the module's head.
    fn retire(&mut self, state: &mut State, peer: &Arc<Peer>) {
        state.peer = None;
        let last = peer.claim.retire();
        // What it answered before the retirement counts.
        while let Ok(len @ 1..) = sys::receive(peer.socket.as_fd(), &mut self.buffer, false) {
            match take_answer(&mut state.queue, &self.buffer[..len]) {
                Ok(answer) => self.finished.push(answer),
                Err(Broken) => break,
            }
        }
        let since = state.queue.head_since;
        if let Some(part) = state.queue.take_begun(last) {
            let process = part.process;
            tracing::info!(%process, worker = peer.body.pid(), "a memory worker is slow and was retired");
            self.retired.push(Retired { peer: Arc::clone(peer), part, since, next_look: since });
        } else {
            self.ending.push(Arc::clone(peer));
        }
        self.finished.extend(state.queue.requeue().into_iter().map(|part| (part, Answered::Failed)));
    }

    /// Gives a retired worker and its client up.
    fn abandon(&mut self, retired: Retired) {
        let Retired { peer, part, .. } = retired;
        let process = part.process;
        tracing::warn!(%process, worker = peer.body.pid(), "a memory worker hangs and was abandoned");
        self.ending.push(peer);
        let waiting = self.lane.locked().queue.detach(process);
        self.shared.keeper.detach(process);
        let known = waiting.is_some();
        if known {
            (self.shared.on_lost)(process);
        }
        self.finished.push((part, Answered::Failed));
        self.finished.extend(waiting.into_iter().flatten().map(|part| (part, Answered::Failed)));
    }

    /// Replaces a dead worker, fetches mem fds, and sends what waits.
    fn repair(&mut self) {
        let lane = Arc::clone(&self.lane);
        let mut state = lane.locked();
        if state.broken {
            state.broken = false;
            if let Some(peer) = state.peer.clone() {
                tracing::warn!(worker = peer.body.pid(), "a memory worker ended; a fresh one takes over");
                self.retire(&mut state, &peer);
            }
        }
        if state.peer.is_none() {
            drop(state);
            let started = self.start();
            state = lane.locked();
            match started {
                Some(peer) => state.peer = Some(Arc::new(peer)),
                None => {
                    for part in state.queue.drain_pending() {
                        self.finished.push((part, Answered::Failed));
                    }
                }
            }
        }
        loop {
            lane.push(&mut state);
            let wanted = std::mem::take(&mut state.fetch);
            if wanted.is_empty() {
                break;
            }
            for process in wanted {
                drop(state);
                let memory = self.shared.keeper.fetch(process);
                let missing = memory.is_none();
                state = lane.locked();
                let failed = state.queue.fetched(process, memory);
                if let Some(parts) = failed
                    && missing
                {
                    tracing::warn!(%process, "the mem fd of a client is lost");
                    self.finished.extend(parts.into_iter().map(|part| (part, Answered::Failed)));
                    drop(state);
                    (self.shared.on_lost)(process);
                    state = lane.locked();
                }
            }
        }
        drop(state);
        if self.first
            && self.shared.keeper.is_missing()
            && let Err(error) = self.shared.keeper.ensure(&self.shared.program)
        {
            tracing::error!(%error, "the keeper of mem fds cannot be started");
        }
    }

    fn start(&mut self) -> Option<Peer> {
        let now = Instant::now();
        if now < self.start_after {
            return None;
        }
        self.incarnations += 1;
        match self.shared.program.start(self.incarnations) {
            Ok(peer) => {
                self.next_look = now;
                Some(peer)
            }
            Err(error) => {
                tracing::error!(%error, "a memory worker cannot be started; jobs fail until it can");
                self.start_after = now + START_PAUSE;
                None
            }
        }
    }

    fn settle(&mut self) {
        for (part, answered) in std::mem::take(&mut self.finished) {
            run(part, answered);
        }
    }

    /// Kills and reaps what is over, without waiting.
    fn bury(&mut self) {
        if self.ending.is_empty() && self.bodies.is_empty() {
            return;
        }
        for peer in std::mem::take(&mut self.ending) {
            match Arc::try_unwrap(peer) {
                Ok(Peer { mut body, .. }) => {
                    body.kill();
                    self.bodies.push(body);
                }
                // A submitter is just sending to it. It has been retired, so it does nothing; next time.
                Err(shared) => {
                    self.ending.push(shared);
                    self.lane.kick();
                }
            }
        }
        self.bodies.retain_mut(|body| !body.reap());
        self.lane.locked().stuck = self.bodies.len();
    }

    fn stop(mut self) {
        let peer = {
            let mut state = self.lane.locked();
            let parts = state.queue.clear();
            self.finished.extend(parts.into_iter().map(|part| (part, Answered::Failed)));
            state.peer.take()
        };
        for Retired { peer, part, .. } in std::mem::take(&mut self.retired) {
            self.ending.push(peer);
            self.finished.push((part, Answered::Failed));
        }
        self.ending.extend(peer);
        self.settle();
        if self.first {
            self.bodies.extend(self.shared.keeper.stop());
        }
        let until = Instant::now() + STOP_PATIENCE;
        loop {
            self.bury();
            let now = Instant::now();
            if (self.bodies.is_empty() && self.ending.is_empty()) || now >= until {
                break;
            }
            let mut set: Vec<_> =
                self.bodies.iter().map(|body| PollFd::new(body.pidfd(), PollFlags::POLLIN)).collect();
            let left = u16::try_from((until - now).as_millis()).unwrap_or(u16::MAX).max(1);
            let _ = poll(&mut set, left);
        }
        if !self.bodies.is_empty() {
            tracing::warn!(workers = self.bodies.len(), "memory workers that hang were left behind");
        }
    }
}

/// Runs one continuation. A panic in it is its owner's, not the pool's.
pub(super) fn run(part: Part, answered: Answered) {
    let process = part.process;
    if catch_unwind(AssertUnwindSafe(|| part.finish(answered))).is_err() {
        tracing::error!(%process, "a continuation of a memory job panicked");
    }
}

fn take_answer(queue: &mut Queue, message: &[u8]) -> Result<(Part, Answered), Broken> {
    let (id, answered) = parse(message).map_err(|Malformed| Broken)?;
    let part = queue.answered(id, Instant::now()).ok_or(Broken)?;
    Ok((part, answered))
}

fn parse(message: &[u8]) -> Result<(u64, Answered), Malformed> {
    let (header, rest) = wire::header(message)?;
    let answered = match (header.kind, header.count) {
        (Kind::Answer, count) => Answered::Accesses(wire::answers(count, rest)?),
        (Kind::Probed, 0) => Answered::Probed(MmState::Gone),
        (Kind::Probed, 1) => Answered::Probed(MmState::Alive),
        (Kind::Probed, _) => Answered::Probed(MmState::Unknown),
        _ => return Err(Malformed),
    };
    Ok((header.id, answered))
}
