//! What a worker's threads share, and how they hear and speak.

use super::arena::Arena;
use super::job::Job;
use super::kernels::Kernels;
use super::limits::{Limits, Room};
use super::shm::Epochs;
use super::turns::{News, Patience, Turns, Work};
use crate::sys;
use crate::wave_workers::wire::{Claim, MESSAGE_MAX, Malformed, Order};
use kfd_core::sync::{AtomicBool, AtomicU64, Mutex, Ordering};
use kfd_core::waves::WaveSpan as Span;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;
use waves::{Code, WaveSync};

/// What the daemon answered.
pub(super) enum Answer {
    Span(u64, Option<Span>),
    Reached(Option<Vec<u8>>),
}

/// See the module's head.
pub(super) struct Worker {
    pub arena: Arena,
    pub epochs: Epochs,
    pub limits: Limits,
    /// What of each device's code has been decoded.
    pub codes: Box<[Code]>,
    /// Where its waves meet on each device.
    pub syncs: Box<[WaveSync]>,
    pub kernels: Kernels,
    pub turns: Turns<Job, Answer>,
    pub room: Room,
    socket: OwnedFd,
    /// The listener's.
    buffer: Mutex<Vec<u8>>,
    requests: AtomicU64,
    /// Who has it may have much in the socket: threads take turns, for neither side waits until the other has taken a message.
    bulk: Mutex<()>,
    malformed: AtomicBool,
}

impl Worker {
    pub(super) fn new(socket: OwnedFd, arena: Arena, epochs: Epochs, limits: Limits) -> Self {
        Self {
            codes: limits.devices.iter().map(|_| Code::default()).collect(),
            syncs: limits.devices.iter().map(|_| WaveSync::default()).collect(),
            kernels: Kernels::default(),
            turns: Turns::new(limits.threads),
            room: Room::new(limits.memory),
            // One more than the longest, so that a longer one is seen to be.
            buffer: Mutex::new(vec![0; MESSAGE_MAX + 1]),
            requests: AtomicU64::new(1),
            bulk: Mutex::new(()),
            malformed: AtomicBool::new(false),
            arena,
            epochs,
            limits,
            socket,
        }
    }

    /// Whether the daemon said what no order is.
    pub(super) fn heard_nonsense(&self) -> bool {
        self.malformed.load(Ordering::Relaxed)
    }

    /// Says something, with `out` as the place to write it; waits where the daemon has not heard the rest yet.
    pub(super) fn say(&self, claim: &Claim<'_>, out: &mut Vec<u8>) {
        claim.encode(out);
        // An error is the daemon's end, which whoever listens hears.
        let _ = sys::send_message(self.socket.as_fd(), out, &[], true);
    }

    /// Asks, and waits for the answer; `None` when the daemon has gone.
    pub(super) fn ask(
        &self,
        seat: usize,
        out: &mut Vec<u8>,
        claim: impl FnOnce(u64) -> Claim<'static>,
    ) -> Option<Answer> {
        self.ask_with(seat, out, |request, out| claim(request).encode(out))
    }

    /// As [`Worker::ask`], with a claim that borrows.
    pub(super) fn ask_with(
        &self,
        seat: usize,
        out: &mut Vec<u8>,
        encode: impl FnOnce(u64, &mut Vec<u8>),
    ) -> Option<Answer> {
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        encode(request, out);
        self.turns.asks(seat, request);
        let _ = sys::send_message(self.socket.as_fd(), out, &[], true);
        self.turns.answer(seat, request, self)
    }

    /// The same with a question or an answer that may be long.
    pub(super) fn ask_much(
        &self,
        seat: usize,
        out: &mut Vec<u8>,
        encode: impl FnOnce(u64, &mut Vec<u8>),
    ) -> Option<Answer> {
        let _turn = self.bulk.lock();
        self.ask_with(seat, out, encode)
    }

    fn received(&self, patience: Patience, buffer: &mut [u8]) -> io::Result<usize> {
        match patience {
            Patience::None => sys::receive_message(self.socket.as_fd(), buffer, false),
            Patience::Forever => sys::receive_message(self.socket.as_fd(), buffer, true),
            Patience::Until(until) => {
                let left = until.saturating_duration_since(Instant::now());
                let mut set = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
                // An interrupted wait is one that ended early.
                let _ = ppoll(&mut set, Some(TimeSpec::from_duration(left)), None);
                sys::receive_message(self.socket.as_fd(), buffer, false)
            }
        }
    }

    fn news(&self, message: &[u8]) -> Result<News<Job, Answer>, Malformed> {
        Ok(match Order::decode(message)? {
            Order::Run(ticket, run) => News::Run(ticket, Job::new(run, &self.limits, &self.room)?),
            Order::Wish(ticket, wish) => News::Wish(ticket, wish),
            Order::Span(request, epoch, span) => News::Answer(request, Answer::Span(epoch, span)),
            Order::Reached(request, bytes) => {
                News::Answer(request, Answer::Reached(bytes.map(<[u8]>::to_vec)))
            }
        })
    }
}

impl Work for Worker {
    type Job = Job;
    type Answer = Answer;

    fn listen(&self, patience: Patience) -> News<Job, Answer> {
        let mut buffer = self.buffer.lock();
        match self.received(patience, &mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => News::Silence,
            Ok(0) | Err(_) => News::End,
            Ok(len) => self.news(&buffer[..len]).unwrap_or_else(|Malformed| {
                self.malformed.store(true, Ordering::Relaxed);
                News::End
            }),
        }
    }
}
