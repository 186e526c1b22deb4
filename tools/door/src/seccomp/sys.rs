//! seccomp(2), and its listener's ioctls.

#![allow(unsafe_code)]

use libc::{c_ulong, seccomp_notif, seccomp_notif_addfd, seccomp_notif_resp, sock_filter, sock_fprog};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The four requests of a listener (linux/seccomp.h): `_IOWR('!', 0, 80)`, `_IOWR('!', 1, 24)`, `_IOW('!', 2, 8)`,
/// `_IOW('!', 3, 24)`.
const RECV: c_ulong = 0xc050_2100;
const SEND: c_ulong = 0xc018_2101;
const ID_VALID: c_ulong = 0x4008_2102;
const ADDFD: c_ulong = 0x4018_2103;

/// A call that has stopped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopped {
    /// Names it until it is answered or its caller dies.
    pub id: u64,
    /// The calling thread, as the pid namespace of the reader numbers it; 0 outside of that.
    pub tid: u32,
    pub args: [u64; 6],
}

/// Installs `program` with a listener.
pub(super) fn install(program: &[sock_filter]) -> io::Result<OwnedFd> {
    let len = u16::try_from(program.len()).map_err(io::Error::other)?;
    let filter = sock_fprog { len, filter: program.as_ptr().cast_mut() };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: the kernel copies the program, whose length is told and which outlives the call, and writes nothing.
    let fd = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, std::ptr::from_ref(&filter))
    };
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Installs `program` for every thread of this process, without a listener.
pub(crate) fn confine(program: &[sock_filter]) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(io::Error::other)?;
    let filter = sock_fprog { len, filter: program.as_ptr().cast_mut() };
    let flags = libc::SECCOMP_FILTER_FLAG_TSYNC;
    // SAFETY: as of `install`.
    let done = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, std::ptr::from_ref(&filter))
    };
    match done {
        0 => Ok(()),
        // A thread that has another filter.
        1.. => Err(io::ErrorKind::ResourceBusy.into()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The next call that has stopped; `None` when its caller died meanwhile, or a signal came.
pub(super) fn receive(listener: BorrowedFd<'_>) -> io::Result<Option<Stopped>> {
    // SAFETY: integers only, for which zeros are values; the kernel wants zeros.
    let mut call: seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the request writes one `seccomp_notif`, which is what it gets.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), RECV, std::ptr::from_mut(&mut call)) };
    if result == 0 {
        return Ok(Some(Stopped { id: call.id, tid: call.pid, args: call.data.args }));
    }
    match io::Error::last_os_error() {
        error if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR | libc::EAGAIN)) => Ok(None),
        error => Err(error),
    }
}

/// Whether the call is still waiting: what was looked up by its caller's number before was its caller's.
pub(super) fn is_waiting(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the request reads one `u64`, which is what it gets.
    unsafe { libc::ioctl(listener.as_raw_fd(), ID_VALID, std::ptr::from_ref(&id)) == 0 }
}

/// Puts a duplicate of `fd` into the caller's table: its number there.
pub(super) fn add(
    listener: BorrowedFd<'_>,
    id: u64,
    fd: BorrowedFd<'_>,
    close_at_exec: bool,
) -> io::Result<u32> {
    let flags = if close_at_exec { libc::O_CLOEXEC as u32 } else { 0 };
    let srcfd = u32::try_from(fd.as_raw_fd()).map_err(io::Error::other)?;
    let new = seccomp_notif_addfd { id, flags: 0, srcfd, newfd: 0, newfd_flags: flags };
    loop {
        // SAFETY: the request reads one `seccomp_notif_addfd`, which is what it gets.
        let number = unsafe { libc::ioctl(listener.as_raw_fd(), ADDFD, std::ptr::from_ref(&new)) };
        match u32::try_from(number) {
            Ok(number) => return Ok(number),
            Err(_) => match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EINTR) => {}
                error => return Err(error),
            },
        }
    }
}

/// Ends the call with a value, or with a negative errno in `error`; or lets it go on as if nobody had stopped it.
pub(super) fn answer(
    listener: BorrowedFd<'_>,
    id: u64,
    val: i64,
    error: i32,
    goes_on: bool,
) -> io::Result<()> {
    let flags = if goes_on { libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32 } else { 0 };
    let reply = seccomp_notif_resp { id, val, error, flags };
    // SAFETY: the request reads one `seccomp_notif_resp`, which is what it gets.
    if unsafe { libc::ioctl(listener.as_raw_fd(), SEND, std::ptr::from_ref(&reply)) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}
