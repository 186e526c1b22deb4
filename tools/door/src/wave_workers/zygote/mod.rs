//! The zygote: a process that makes wave workers, and is nothing else.
//!
//! It is executed clean, has one thread and no client's bytes, and waits for orders on its only descriptor. A worker is a fork of
//! it, so that its birth costs neither the daemon's many mappings nor an exec. It ends with the daemon, whose end of the socket is
//! the last, and its workers with it (PR_SET_PDEATHSIG). It reaps them.
//!
//! | file | what |
//! |---|---|
//! | `birth` | the messages |
//! | `confine` | what a worker gives up |
//! | `filter` | the calls it may still make |

pub(super) mod birth;
mod confine;
mod filter;
mod sys;

use super::child::{ServeError, serve};
use birth::{Answer, MESSAGE_MAX, Order};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use zerocopy::IntoBytes;

/// Runs the zygote; its exit status when the daemon has gone (0), or when it cannot go on (71).
pub(super) fn run() -> i32 {
    let socket = sys::inherited();
    if crate::sys::close_from(3).is_err() {
        return 71;
    }
    let _ = prctl::set_name(c"kfdd-zygote");
    crate::sys::settle_signals();
    match make(&socket) {
        Ok(()) => 0,
        Err(_) => 71,
    }
}

/// Makes workers until the daemon has gone.
fn make(socket: &OwnedFd) -> io::Result<()> {
    let mut deaths = SigSet::empty();
    deaths.add(Signal::SIGCHLD);
    deaths.thread_block()?;
    let deaths = SignalFd::with_flags(&deaths, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    let mut buffer = vec![0; MESSAGE_MAX];
    let mut control = crate::sys::control_buffer();
    loop {
        let mut set =
            [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(deaths.as_fd(), PollFlags::POLLIN)];
        match poll(&mut set, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            done => done?,
        };
        let [orders, died] = set.map(|polled| polled.any().unwrap_or(false));
        if died {
            while deaths.read_signal()?.is_some() {}
            reap();
        }
        if !orders {
            continue;
        }
        let (len, descriptors) = crate::sys::receive_descriptors(socket.as_fd(), &mut buffer, &mut control)?;
        if len == 0 {
            return Ok(());
        }
        let order = Order::decode(&buffer[..len]).ok_or(io::ErrorKind::InvalidData)?;
        let descriptors = <[OwnedFd; 3]>::try_from(descriptors).map_err(|_| io::ErrorKind::InvalidData)?;
        let zygote = getpid();
        match sys::fork() {
            // Not by a return: what the zygote has open is not the worker's to close.
            Ok(None) => std::process::exit(worker(zygote, descriptors, order)),
            born => {
                drop(descriptors);
                answer(socket, order.number, born.map(|child| child.map_or(0, Pid::as_raw)))?;
            }
        }
    }
}

fn answer(socket: &OwnedFd, number: u64, born: nix::Result<i32>) -> io::Result<()> {
    // It is not reaped yet, so the number is its own.
    let pidfd = born.map_err(io::Error::from).and_then(|pid| {
        let pid = pid.cast_unsigned();
        Ok((pid, crate::sys::pidfd_open(pid)?))
    });
    let errno = |error: &io::Error| error.raw_os_error().unwrap_or(libc::EIO);
    let (answer, pidfd) = match &pidfd {
        Ok((pid, pidfd)) => (Answer { number, pid: *pid, errno: 0 }, Some(pidfd.as_fd())),
        // A worker without a pidfd ends with its socket, of which the daemon drops its end.
        Err(error) => (Answer { number, pid: 0, errno: errno(error) }, None),
    };
    crate::sys::send_message(socket.as_fd(), answer.as_bytes(), pidfd.as_slice(), true)
}

fn reap() {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            return;
        }
    }
}

/// The worker's life; its exit status.
fn worker(zygote: Pid, descriptors: [OwnedFd; 3], order: Order) -> i32 {
    // What panics here is the worker's own fault or its client's doing, and there is nobody to tell.
    std::panic::set_hook(Box::new(|_| std::process::abort()));
    let _ = SigSet::empty().thread_set_mask();
    sys::settle_allocator(order.limits.threads);
    let Ok([socket, arena, epochs]) = sys::keep(descriptors) else { return 71 };
    if confine::confine(zygote, order.data).is_err() {
        return 71;
    }
    match serve(socket, arena, epochs, order.limits, filter::install) {
        Ok(()) => 0,
        Err(ServeError::Malformed(_)) => 70,
        Err(ServeError::Io(_)) => 71,
    }
}
