//! The one system call that nix cannot type: an ioctl whose struct the ABI table knows.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// `ioctl(fd, cmd, arg)` with a struct of the size that `cmd` states.
///
/// # Errors
/// The kernel's errno.
///
/// # Panics
/// The struct's size is not the command's.
pub fn ioctl<T: FromBytes + IntoBytes + Immutable>(
    fd: BorrowedFd<'_>,
    cmd: u32,
    arg: &mut T,
) -> io::Result<()> {
    assert_eq!(kfd_core::abi::ioc::size(cmd), size_of::<T>(), "the command states its struct's size");
    ioctl_raw(fd, cmd, arg.as_mut_bytes())
}

/// The same with bytes, for tests that send what no typed struct can say: the kernel copies `_IOC_SIZE` of `cmd`
/// bytes both ways, so `arg` must have at least as many.
///
/// # Errors
/// The kernel's errno.
///
/// # Panics
/// `arg` is shorter than the command states.
pub fn ioctl_raw(fd: BorrowedFd<'_>, cmd: u32, arg: &mut [u8]) -> io::Result<()> {
    assert!(
        arg.len() >= kfd_core::abi::ioc::size(cmd),
        "the driver writes as many bytes as the command states"
    );
    // SAFETY: `arg` is writable for the `_IOC_SIZE` bytes that the driver copies, by the assertion above. What
    // pointers inside the struct point at is the caller's own memory, handed out as addresses of live slices by the
    // typed wrappers; a wrong one is an EFAULT, not a write elsewhere.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::Ioctl::from(cmd), arg.as_mut_ptr()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
