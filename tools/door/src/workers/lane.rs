//! One position of the pool: its queue, its current worker, and sending, which any thread does.
//!
//! A submitter sends straight from its own thread when the window has room; the link thread (`link`) reads the answers.
//! No send here ever blocks: a full socket sets `blocked` and the warden (`warden`) sends the rest when there is room.
//!
//! Time costs nothing while nothing is in flight: the timer is armed by whoever finds something in flight and no timer
//! soon enough, and when it fires with nothing in flight it is not armed again. Under load it fires once per
//! stall time, not once per job.
//!
//! Lock order: the lane's lock is taken with none of the pool's own held, nothing foreign is called under it.

use super::job::{Part, Work};
use super::queue::{Memory, Queue};
use super::spawn::Peer;
use super::sys;
use super::wire::{self, Header, Kind};
use kfd_core::ids::ProcessId;
use kfd_core::sync::{Mutex, MutexGuard};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A worker's place: its process now, what waits for that, and who looks after it.
pub(super) struct Lane {
    state: Mutex<State>,
    pub wake: EventFd,
    pub timer: TimerFd,
    stall: Duration,
}

/// A worker that was retired and has not yet answered all that it had begun or answered before.
pub(super) struct Retired {
    pub peer: Arc<Peer>,
    /// In order; the last is the one it is in, the others were answered and their answers are on their way.
    pub parts: VecDeque<Part>,
    /// When the one it is in began.
    pub since: Instant,
    /// Not to be judged before.
    pub next_look: Instant,
}

/// What the lane's lock protects.
pub(super) struct State {
    pub queue: Queue,
    /// The current worker; `None` while the warden starts one.
    pub peer: Option<Arc<Peer>>,
    pub retired: Vec<Retired>,
    /// Clients whose mem fd the warden is to fetch.
    pub fetch: Vec<ProcessId>,
    /// The socket was full.
    pub blocked: bool,
    /// The socket refuses what is sent.
    pub broken: bool,
    /// When the timer fires, if it is set.
    pub armed: Option<Instant>,
    pub closing: bool,
    /// Workers that were given up and still exist.
    pub stuck: usize,
    message: Vec<u8>,
}

impl Lane {
    pub(super) fn new(stall: Duration) -> io::Result<Self> {
        let state = State {
            queue: Queue::new(),
            peer: None,
            retired: Vec::new(),
            fetch: Vec::new(),
            blocked: false,
            broken: false,
            armed: None,
            closing: false,
            stuck: 0,
            message: Vec::new(),
        };
        Ok(Self {
            state: Mutex::new(state),
            wake: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
            timer: TimerFd::new(
                ClockId::CLOCK_MONOTONIC,
                TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK,
            )?,
            stall,
        })
    }

    pub(super) fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Wakes the warden, which looks at the state.
    pub(super) fn kick(&self) {
        // The only error is a counter about to overflow, which wakes as well.
        let _ = self.wake.write(1);
    }

    /// Sends what can be sent, and sees to it that time is watched and that the warden does what is left.
    pub(super) fn push(&self, state: &mut State) {
        let was_blocked = state.blocked;
        let now = Instant::now();
        state.pump(now);
        let due = now + self.stall;
        if state.queue.is_busy() && state.armed.is_none_or(|armed| armed > due) {
            self.arm(state, now, due);
        }
        let stuck = state.broken || !state.fetch.is_empty() || (state.blocked && !was_blocked);
        if stuck || (state.peer.is_none() && state.queue.has_turns()) {
            self.kick();
        }
    }

    /// Sets the timer that wakes the warden.
    pub(super) fn arm(&self, state: &mut State, now: Instant, at: Instant) {
        let after = at.saturating_duration_since(now).max(Duration::from_micros(100));
        let set =
            self.timer.set(Expiration::OneShot(TimeSpec::from_duration(after)), TimerSetTimeFlags::empty());
        // An error would need an invalid time.
        state.armed = set.is_ok().then_some(at);
    }
}

impl State {
    /// Whether this is the worker that gets the jobs.
    pub(super) fn is_current(&self, peer: &Arc<Peer>) -> bool {
        self.peer.as_ref().is_some_and(|current| Arc::ptr_eq(current, peer))
    }

    /// Whether the worker of this incarnation may still answer something.
    pub(super) fn is_in_use(&self, incarnation: u64) -> bool {
        let mut all = self.peer.iter().chain(self.retired.iter().map(|retired| &retired.peer));
        all.any(|peer| peer.incarnation == incarnation)
    }

    /// Takes the current worker out of use. What it never began goes back to be sent to another; answers those
    /// parts of it whose client has left, to be failed.
    pub(super) fn retire(&mut self) -> Vec<Part> {
        let Some(peer) = self.peer.take() else { return Vec::new() };
        let since = self.queue.head_since;
        let parts = self.queue.take_begun(peer.claim.retire());
        if !parts.is_empty() {
            self.retired.push(Retired { peer, parts, since, next_look: since });
        }
        self.queue.requeue()
    }

    /// Takes the part that a retired worker has just answered; `None` if it is not the one that is due.
    pub(super) fn answered_late(&mut self, peer: &Arc<Peer>, id: u64) -> Option<Part> {
        let at = self.retired.iter().position(|retired| Arc::ptr_eq(&retired.peer, peer))?;
        let parts = &mut self.retired[at].parts;
        if parts.front()?.id != id {
            return None;
        }
        let part = parts.pop_front()?;
        if self.retired[at].parts.is_empty() {
            self.retired.swap_remove(at);
        }
        self.queue.unstick(&part);
        Some(part)
    }

    /// Forgets a retired worker that has nothing more to say; answers what it owed, to be failed.
    pub(super) fn end_retired(&mut self, peer: &Arc<Peer>) -> VecDeque<Part> {
        let Some(at) = self.retired.iter().position(|retired| Arc::ptr_eq(&retired.peer, peer)) else {
            return VecDeque::new();
        };
        let parts = self.retired.swap_remove(at).parts;
        for part in &parts {
            self.queue.unstick(part);
        }
        parts
    }

    /// Sends as much as window and socket take.
    pub(super) fn pump(&mut self, now: Instant) {
        let Some(peer) = self.peer.clone() else { return };
        let socket = peer.socket.as_fd();
        self.blocked = false;
        while let Some(&process) = self.queue.leaving.front() {
            wire::begin(&mut self.message, Header { kind: Kind::Detach, count: 0, id: 0, process });
            if !self.send(socket, None) {
                return;
            }
            self.queue.leaving.pop_front();
        }
        loop {
            let id = self.queue.next_id();
            let Some(client) = self.queue.turn() else { return };
            let process = client.process;
            match &client.memory {
                Memory::With(incarnation) if *incarnation == peer.incarnation => {}
                Memory::With(_) => {
                    client.memory = Memory::Fetching;
                    self.fetch.push(process);
                    self.queue.skip();
                    continue;
                }
                Memory::Fetching => {
                    self.queue.skip();
                    continue;
                }
                Memory::Here(memory) => {
                    wire::begin(&mut self.message, Header { kind: Kind::Attach, count: 0, id: 0, process });
                    let sent = sys::send_message(socket, &self.message, &[memory.as_fd()], false);
                    if !note(&mut self.blocked, &mut self.broken, sent) {
                        return;
                    }
                    client.memory = Memory::With(peer.incarnation);
                }
            }
            if let Some(part) = client.pending.front() {
                encode(&mut self.message, part, id);
                let sent = sys::send_message(socket, &self.message, &[], false);
                if !note(&mut self.blocked, &mut self.broken, sent) {
                    return;
                }
            }
            let part = client.pending.pop_front();
            self.queue.end_turn();
            if let Some(part) = part {
                self.queue.sent(part, now);
            }
        }
    }

    fn send(&mut self, socket: BorrowedFd<'_>, memory: Option<BorrowedFd<'_>>) -> bool {
        let sent = sys::send_message(socket, &self.message, memory.as_slice(), false);
        note(&mut self.blocked, &mut self.broken, sent)
    }
}

/// Whether it was sent; if not, why not is left in the flags.
fn note(blocked: &mut bool, broken: &mut bool, sent: io::Result<()>) -> bool {
    match sent {
        Ok(()) => return true,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => *blocked = true,
        // Too many descriptors are in flight in sockets (unix(7), ETOOMANYREFS): they become fewer.
        Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => *blocked = true,
        Err(error) => {
            tracing::warn!(%error, "a memory worker cannot be written to");
            *broken = true;
        }
    }
    false
}

fn encode(message: &mut Vec<u8>, part: &Part, id: u64) {
    let process = part.process;
    match &part.work {
        Work::Probe(_) => wire::begin(message, Header { kind: Kind::Probe, count: 0, id, process }),
        Work::Accesses(accesses, _) => {
            wire::begin(message, Header { kind: Kind::Job, count: accesses.len() as u32, id, process });
            for access in accesses {
                wire::push_access(message, access);
            }
        }
    }
}
