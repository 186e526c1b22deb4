//! Messages over local sockets, and the descriptors that travel with them (SCM_RIGHTS, unix(7)), with their ownership.

#![allow(unsafe_code)]

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Sends bytes and a descriptor; how many bytes went.
pub(crate) fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptor: BorrowedFd<'_>,
    flags: MsgFlags,
) -> nix::Result<usize> {
    let rights = [descriptor.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(bytes)], &control, flags, None)
}

/// Receives bytes and the descriptor that came along, close-on-exec; of several the last, and the others are closed.
/// `control` is a [`control_buffer`].
pub(crate) fn receive_with(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    control: &mut [u8],
) -> nix::Result<(usize, Option<OwnedFd>)> {
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(control), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut descriptor = None;
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(rights) = control {
            for raw in rights {
                // SAFETY: the kernel has just put this descriptor into our table; nobody else knows it.
                descriptor = Some(unsafe { OwnedFd::from_raw_fd(raw) });
            }
        }
    }
    Ok((message.bytes, descriptor))
}

/// A buffer for the control part of one descriptor.
pub(crate) fn control_buffer() -> Vec<u8> {
    nix::cmsg_space!(RawFd)
}

/// A connected pair of SOCK_SEQPACKET sockets, close-on-exec.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Sends one message, with a descriptor if there is one. `wait` is whether a full socket blocks or is `WouldBlock`.
pub(crate) fn send_message(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptor: Option<BorrowedFd<'_>>,
    wait: bool,
) -> io::Result<()> {
    let mut flags = MsgFlags::MSG_NOSIGNAL;
    flags.set(MsgFlags::MSG_DONTWAIT, !wait);
    loop {
        let sent = match descriptor {
            None => nix::sys::socket::send(socket.as_raw_fd(), bytes, flags),
            Some(descriptor) => send(socket, bytes, descriptor, flags),
        };
        match sent {
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

/// As [`receive`], and takes the descriptor that came along; of several the last. Waits as the socket's timeout says.
pub(crate) fn receive_descriptor(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    control: &mut [u8],
) -> io::Result<(usize, Option<OwnedFd>)> {
    loop {
        match receive_with(socket, buffer, control) {
            Err(nix::errno::Errno::EINTR) => {}
            other => return Ok(other?),
        }
    }
}
