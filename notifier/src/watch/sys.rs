//! The system calls of this module that neither std, nix nor io-uring offer as safe functions.
//!
//! Every function here is safe to call: the invariants its `unsafe` needs are its own.
#![allow(unsafe_code)]

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use io_uring::squeue::{Entry, Flags};
use io_uring::{IoUring, opcode, types};

use super::token::Op;

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn push(ring: &mut IoUring, entry: &Entry) -> bool {
    // SAFETY: the entries made in this file (POLL_ADD, POLL_REMOVE) name no memory of this process. A
    // descriptor that is closed early makes the kernel answer EBADF, or poll another file: wrong, never
    // unsound; the watcher submits while it still borrows the descriptor.
    unsafe { ring.submission().push(entry) }.is_ok()
}

/// Queues a one-shot poll. False when the queue is full.
pub(super) fn poll_once(ring: &mut IoUring, fd: BorrowedFd<'_>, mask: u32, op: Op) -> bool {
    push(ring, &opcode::PollAdd::new(types::Fd(fd.as_raw_fd()), mask).build().user_data(op.user_data()))
}

/// Queues a poll that reports every later wake-up of the file as well. False when the queue is full.
pub(super) fn poll_many(ring: &mut IoUring, fd: BorrowedFd<'_>, mask: u32, op: Op) -> bool {
    let poll = opcode::PollAdd::new(types::Fd(fd.as_raw_fd()), mask).multi(true);
    push(ring, &poll.build().user_data(op.user_data()))
}

/// Queues the removal of a poll. False when the queue is full.
pub(super) fn remove_poll(ring: &mut IoUring, op: Op) -> bool {
    let removal = opcode::PollRemove::new(op.user_data()).build().flags(Flags::SKIP_SUCCESS);
    push(ring, &removal.user_data(Op::Removal.user_data()))
}

/// pidfd_open(2); the result is close-on-exec.
pub(super) fn pidfd_open(tgid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two integers.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, tgid, 0) })?;
    let fd = RawFd::try_from(fd).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// pidfd_send_signal(2) to the whole thread group.
pub(super) fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: libc::c_int) -> io::Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed and means what kill(2) would send.
    check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0) })?;
    Ok(())
}

/// ioctl PIDFD_GET_INFO (linux/pidfd.h); ask for the parts in `mask`, see in the result's which were given.
pub(super) fn pidfd_get_info(pidfd: BorrowedFd<'_>, mask: u64) -> io::Result<libc::pidfd_info> {
    // SAFETY: the struct is integers only, for which zero is a value.
    let mut info: libc::pidfd_info = unsafe { std::mem::zeroed() };
    info.mask = mask;
    // SAFETY: the request's number carries the size of the struct, and the kernel writes no more than that.
    check(unsafe { libc::ioctl(pidfd.as_raw_fd(), libc::PIDFD_GET_INFO, &raw mut info) }.into())?;
    Ok(info)
}

/// A netlink socket of the connector family, close-on-exec and non-blocking.
pub(super) fn connector_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes three integers.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_CONNECTOR) };
    check(fd.into())?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Attaches a classic BPF program to a socket, in place of the one it had.
pub(super) fn attach_filter(socket: BorrowedFd<'_>, program: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: program.as_ptr().cast_mut(),
    };
    let size = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: option value and size belong together; the kernel copies the program and never writes to it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size,
        )
    };
    check(result.into()).map(drop)
}

/// Writes one byte from an address that this process does not have mapped.
///
/// The kernel fails to fetch the byte, so nothing is ever written.
pub(super) fn write_from_nowhere(fd: BorrowedFd<'_>, offset: libc::off_t) -> io::Result<usize> {
    // SAFETY: the kernel only reads the byte, and a null address makes it fail with EFAULT.
    let result = unsafe { libc::pwrite(fd.as_raw_fd(), std::ptr::null(), 1, offset) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result.unsigned_abs()) }
}
