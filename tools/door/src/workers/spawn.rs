//! One worker process as the daemon holds it: its socket, its claim word, its pidfd, and how it is started and given up.
//!
//! The death signal of a worker is tied to the *thread* that started it (prctl(2), PR_SET_PDEATHSIG), so workers are
//! started by wardens, which live as long as the pool.

use super::shm::{self, Claim};
use super::sys;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// What to execute.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub path: PathBuf,
    pub args: Vec<OsString>,
}

/// A running worker, as all threads of its lane see it.
pub(super) struct Peer {
    pub socket: OwnedFd,
    pub claim: Claim,
    pub pid: u32,
    /// Tells the workers of one lane apart, from 1.
    pub incarnation: u64,
}

/// A worker's process as its parent sees it: to be killed and reaped, by one thread.
pub(super) struct Body {
    child: Child,
    pidfd: OwnedFd,
}

impl Program {
    pub(super) fn start(&self, incarnation: u64) -> io::Result<(Peer, Body)> {
        let (socket, theirs) = sys::pair()?;
        let word = memfd_create("kfdd-claim", MFdFlags::MFD_CLOEXEC)?;
        nix::unistd::ftruncate(&word, shm::SIZE as i64)?;
        let claim = Claim::map(word.as_fd())?;
        let mut child = Command::new(&self.path)
            .arg0("kfdd-memory")
            .args(&self.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(word))
            .stderr(Stdio::null())
            .spawn()?;
        let pid = child.id();
        match sys::pidfd_open(pid) {
            Ok(pidfd) => Ok((Peer { socket, claim, pid, incarnation }, Body { child, pidfd })),
            Err(error) => {
                // It ends by itself: its socket closes here.
                let _ = child.kill();
                let _ = child.try_wait();
                Err(error)
            }
        }
    }
}

impl Peer {
    /// Whether it is runnable, that is: not waiting for a page, only for a CPU (or on one). proc(5), field 3 of `stat`.
    pub(super) fn is_running(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('R'))
    }

    /// Whether an answer of it waits to be read.
    pub(super) fn has_spoken(&self) -> bool {
        let mut set = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        poll(&mut set, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }
}

impl Body {
    /// Becomes readable when the process has ended.
    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Kills it, without waiting: it may be in a sleep that no signal ends.
    pub(super) fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
    }

    /// Reaps it if it has ended. Never waits.
    pub(super) fn reap(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }
}
