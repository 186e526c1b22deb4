//! Pidfds: a process by descriptor, its identity, its exit code.
//!
//! Not for waiting: [`super::Watcher::watch_death`] waits, and needs the descriptor no longer than its call.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::stat::fstat;
use nix::sys::statfs::{FsType, fstatfs};

use super::ids::Tgid;
use super::sys;

/// `PID_FS_MAGIC` (linux/magic.h): the file system that gives each process its own inode, Linux 6.9.
const PID_FS_MAGIC: FsType = FsType(0x5049_4446);

/// A process, held by descriptor: never another one, whatever becomes of its number.
#[derive(Debug)]
pub struct Pidfd(OwnedFd);

/// What the kernel tells about a pidfd's process while it is not reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct PidfdInfo {
    pub tgid: Tgid,
    /// Its parent's number.
    pub parent: Tgid,
    /// Its real user id, in the caller's user namespace.
    pub real_uid: u32,
    /// Its effective user id, likewise.
    pub effective_uid: u32,
}

impl Pidfd {
    /// The process that has this number now. Whether it is the one that was meant, the caller checks
    /// after the open, by a fact of the process that still holds.
    ///
    /// # Errors
    /// ESRCH: there is none, or the number is a thread's but not a leader's (EINVAL, ENOENT by kernel
    /// version).
    pub fn open(tgid: Tgid) -> io::Result<Self> {
        sys::pidfd_open(tgid.0).map(Self)
    }

    /// The process's identity: unique until the next boot, for it is never reused.
    ///
    /// # Errors
    /// Unsupported: the kernel is older than 6.9, where all pidfds share one inode.
    pub fn inode(&self) -> io::Result<u64> {
        if fstatfs(&self.0)?.filesystem_type() != PID_FS_MAGIC {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "pidfds have no identity on this kernel: Linux 6.9 or later is needed",
            ));
        }
        Ok(fstat(&self.0)?.st_ino)
    }

    /// Whether every thread of the process has ended. Makes one system call and does not wait.
    ///
    /// # Errors
    /// Out of memory.
    pub fn has_ended(&self) -> io::Result<bool> {
        let mut polled = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut polled, PollTimeout::ZERO)?;
        Ok(polled[0].any().unwrap_or(false))
    }

    /// What the kernel tells about the process.
    ///
    /// # Errors
    /// ESRCH: it has been reaped. Unsupported (ENOTTY, EINVAL): the kernel is older than 6.13.
    pub fn info(&self) -> io::Result<PidfdInfo> {
        let mask = u64::from(libc::PIDFD_INFO_PID | libc::PIDFD_INFO_CREDS);
        let info = sys::pidfd_get_info(self.0.as_fd(), mask)?;
        if info.mask & mask != mask {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(PidfdInfo {
            tgid: Tgid(info.tgid),
            parent: Tgid(info.ppid),
            real_uid: info.ruid,
            effective_uid: info.euid,
        })
    }

    /// How the process ended, also for processes that are not our children. `None` until its parent has
    /// reaped it: ready for reading comes before.
    ///
    /// # Errors
    /// Unsupported (ENOTTY, EINVAL): the kernel is older than 6.15.
    pub fn exit_status(&self) -> io::Result<Option<ExitStatus>> {
        let mask = u64::from(libc::PIDFD_INFO_EXIT);
        match sys::pidfd_get_info(self.0.as_fd(), mask) {
            Ok(info) if info.mask & mask != 0 => Ok(Some(ExitStatus::from_raw(info.exit_code))),
            Ok(_) => Ok(None),
            // Between the end and the reap the kernel has neither the process nor its exit to tell.
            Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// ESRCH: it has been reaped. EPERM: not ours to signal.
    pub fn send_signal(&self, signal: Signal) -> io::Result<()> {
        sys::pidfd_send_signal(self.0.as_fd(), signal as libc::c_int)
    }
}

/// For pidfds that come by `SO_PEERPIDFD` or `SCM_PIDFD`, which name the right process even after its end.
impl From<OwnedFd> for Pidfd {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
