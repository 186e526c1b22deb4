//! A descriptor that travels with bytes over a local socket (SCM_RIGHTS, unix(7)), with its ownership.

#![allow(unsafe_code)]

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use std::io::{IoSlice, IoSliceMut};
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
pub(crate) fn receive(
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
