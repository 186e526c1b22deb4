//! The system calls of identity that the libraries do not wrap.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// pidfd_open(2) of a thread group.
pub(super) fn pidfd_open(tgid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two integers and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_ulong::from(tgid), 0 as libc::c_ulong) };
    let fd = RawFd::try_from(fd).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends signal 0 through a pidfd: ESRCH once the process is gone.
pub(super) fn pidfd_alive(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: a null `siginfo` is allowed (pidfd_send_signal(2)); the rest are integers.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            0,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `st_ino` of a descriptor.
pub(super) fn inode(fd: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(nix::sys::stat::fstat(fd)?.st_ino)
}

/// `NS_GET_PID_FROM_PIDNS` (linux/nsfs.h, since Linux 6.11): `_IOR(0xb7, 6, int)`.
const NS_GET_PID_FROM_PIDNS: libc::c_ulong = 0x8004_b706;

/// The number here of the task that a pid namespace calls `number`.
pub(super) fn pid_from_namespace(namespace: BorrowedFd<'_>, number: u32) -> io::Result<u32> {
    // SAFETY: the argument of this request is a number, not a pointer; it touches no memory.
    let answer =
        unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_PID_FROM_PIDNS, libc::c_ulong::from(number)) };
    u32::try_from(answer).map_err(|_| io::Error::last_os_error())
}

/// The type of a file (`S_IFMT`) and the device of its file system, as the kernel knows them: nobody is asked.
pub(super) fn kind_and_device(fd: BorrowedFd<'_>) -> io::Result<(u32, u32, u32)> {
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    let mut found = std::mem::MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path is an empty C string, the buffer is a `statx` of its own; the kernel writes no more than that.
    let result =
        unsafe { libc::statx(fd.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_TYPE, found.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was zeroed, and every bit pattern is a `statx`.
    let found = unsafe { found.assume_init() };
    Ok((u32::from(found.stx_mode) & libc::S_IFMT, found.stx_dev_major, found.stx_dev_minor))
}

/// tgkill(2) with signal 0: whether the thread is in the group. EPERM also means that it is.
pub(super) fn tgkill_probe(tgid: u32, tid: u32) -> bool {
    // SAFETY: takes three integers; signal 0 is not delivered.
    let answer =
        unsafe { libc::syscall(libc::SYS_tgkill, libc::c_ulong::from(tgid), libc::c_ulong::from(tid), 0) };
    answer == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}
