//! What `top` waits for: the time of the next refresh, and room for its output. A signal that asks for the end ends both.
//!
//! SIGINT and SIGTERM are held and read from a descriptor, so that a refresh is written whole, unless whoever should read
//! it does not. For that, a write is never of more than what a pipe that has room takes at once.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// A pipe that polls as writable takes as much without blocking (PIPE_BUF, linux/limits.h).
const AT_ONCE: usize = 4096;

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Another refresh is to be shown.
    On,
    /// A signal asked for the end, or nobody reads any more.
    Over,
}

/// The turns of one `top`.
#[derive(Debug)]
pub struct Turns {
    ends: SignalFd,
    every: Duration,
    due: Instant,
}

impl Turns {
    /// Holds the signals; the first turn is now.
    pub fn new(every: Duration) -> io::Result<Self> {
        let ends: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
        ends.thread_block()?;
        let ends = SignalFd::with_flags(&ends, SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { ends, every, due: Instant::now() })
    }

    /// Sleeps until the next turn.
    pub fn next(&mut self) -> io::Result<Turn> {
        // A turn that took longer than the interval is followed by a rest, not by those that were missed.
        self.due = (self.due + self.every).max(Instant::now() + self.every / 2);
        loop {
            let left = self.due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Turn::On);
            }
            // Rounded up: what is left after a sleep that ended early would be one of no length.
            let millis = i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
            let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.ends.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(Turn::Over),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Writes to standard output, as soon as there is room.
    pub fn write(&self, text: &str) -> io::Result<Turn> {
        let out = io::stdout();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let mut set = [
                PollFd::new(out.as_fd(), PollFlags::POLLOUT),
                PollFd::new(self.ends.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut set, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
                Ok(_) => {}
            }
            // Room or an error, which the write tells; a signal waits while there is room.
            if set[0].any() == Some(false) {
                return Ok(Turn::Over);
            }
            match nix::unistd::write(&out, &rest[..rest.len().min(AT_ONCE)]) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(Errno::EPIPE) => return Ok(Turn::Over),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Turn::On)
    }
}
