//! Messages over local sockets, and the descriptors that travel with them (SCM_RIGHTS, unix(7)), with their ownership; and what a
//! freshly executed worker does first.

#![allow(unsafe_code)]

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Sends bytes and descriptors; how many bytes went.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
    flags: MsgFlags,
) -> nix::Result<usize> {
    if descriptors.is_empty() {
        return nix::sys::socket::send(socket.as_raw_fd(), bytes, flags);
    }
    let rights: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let control = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], &control, flags, None)
}

/// Receives bytes and the descriptors that came along, close-on-exec, as many as `control` has room for; the kernel closes
/// the others. `control` is a [`control_buffer`].
pub(crate) fn receive_with(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    control: &mut [u8],
    flags: MsgFlags,
) -> nix::Result<(usize, Vec<OwnedFd>)> {
    let mut parts = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(control), flags | MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(rights) = control {
            for raw in rights {
                // SAFETY: the kernel has just put this descriptor into our table; nobody else knows it.
                descriptors.push(unsafe { OwnedFd::from_raw_fd(raw) });
            }
        }
    }
    Ok((message.bytes, descriptors))
}

/// The most descriptors of a message.
const DESCRIPTORS: usize = 3;

/// A buffer for the control part of a message's descriptors.
pub(crate) fn control_buffer() -> Vec<u8> {
    nix::cmsg_space!([RawFd; DESCRIPTORS])
}

/// A connected pair of SOCK_SEQPACKET sockets, close-on-exec.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Sends one message with descriptors. `wait` is whether a full socket blocks or is `WouldBlock`.
pub(crate) fn send_message(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
    wait: bool,
) -> io::Result<()> {
    let mut flags = MsgFlags::MSG_NOSIGNAL;
    flags.set(MsgFlags::MSG_DONTWAIT, !wait);
    loop {
        match send(socket, bytes, descriptors, flags) {
            Ok(_) => return Ok(()),
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Waits for one message, takes it into `buffer` and answers its length; 0 is the end. Descriptors that came along are closed by
/// the kernel.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    receive_message(socket, buffer, true)
}

/// As [`receive`]; `wait` is whether no message blocks or is `WouldBlock`.
pub(crate) fn receive_message(socket: BorrowedFd<'_>, buffer: &mut [u8], wait: bool) -> io::Result<usize> {
    let mut flags = MsgFlags::empty();
    flags.set(MsgFlags::MSG_DONTWAIT, !wait);
    loop {
        match nix::sys::socket::recv(socket.as_raw_fd(), buffer, flags) {
            Ok(len) => return Ok(len),
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// As [`receive`], and takes the descriptors that came along. Waits as the socket's timeout says.
pub(crate) fn receive_descriptors(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    control: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    uninterrupted(|| receive_with(socket, buffer, control, MsgFlags::empty()))
}

/// The same; no message is `WouldBlock`.
pub(crate) fn receive_descriptors_now(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    control: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    uninterrupted(|| receive_with(socket, buffer, control, MsgFlags::MSG_DONTWAIT))
}

fn uninterrupted<T>(mut f: impl FnMut() -> nix::Result<T>) -> io::Result<T> {
    loop {
        match f() {
            Err(nix::errno::Errno::EINTR) => {}
            other => return Ok(other?),
        }
    }
}

/// Closes every descriptor from `first` on (close_range(2)).
pub(crate) fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: called first thing in a worker's `main`, where nothing above `first` has an owner.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives every signal its default action and unblocks all, since ignored ones and the mask survive an exec; but ignores
/// what a terminal (Ctrl-C, hang-up) or a service manager sends to every process of a group: the daemon drains upon it
/// and needs its workers for that. A worker ends with its socket.
pub(crate) fn settle_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        let action = match signal {
            libc::SIGINT | libc::SIGQUIT | libc::SIGHUP | libc::SIGTERM => libc::SIG_IGN,
            _ => libc::SIG_DFL,
        };
        // SAFETY: neither installs code; numbers that cannot be changed are an error that changes nothing.
        unsafe { libc::signal(signal, action) };
    }
    // An error would need an invalid `how`.
    let _ = nix::sys::signal::SigSet::empty().thread_set_mask();
}

/// pidfd_open(2) of a child that was not reaped yet.
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two integers and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_ulong::from(pid), 0 as libc::c_ulong) };
    let fd = RawFd::try_from(fd).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// setpriority(2) of this thread.
pub(crate) fn set_nice(nice: i32) -> io::Result<()> {
    // SAFETY: takes three integers.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

/// getpriority(2) of this thread.
pub(crate) fn nice() -> i32 {
    // SAFETY: takes two integers; of the calling thread it cannot fail, so -1 is a niceness too.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

/// sched_setattr(2) of this thread: its niceness and its slice. `Unsupported` where its policy is not the ordinary one.
pub(crate) fn set_slice(nice: i32, slice: Duration) -> io::Result<()> {
    // SAFETY: takes an integer.
    if unsafe { libc::sched_getscheduler(0) } != libc::SCHED_OTHER {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let attributes = libc::sched_attr {
        size: const { size_of::<libc::sched_attr>() as u32 },
        sched_policy: const { libc::SCHED_OTHER as u32 },
        sched_flags: 0,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX),
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads a struct of the size that it says.
    if unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) } == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}
