//! System calls without a safe wrapper.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `ioctl(fd, cmd, struct)`; `arg` holds at least the bytes that `cmd` states.
pub fn ioctl(fd: BorrowedFd<'_>, cmd: u32, arg: &mut [u8]) -> io::Result<()> {
    assert!(
        arg.len() >= kfd_core::abi::ioc::size(cmd),
        "the kernel copies as many bytes as the command states"
    );
    // SAFETY: the kernel reads and writes `_IOC_SIZE` bytes at the pointer, which are there by the assertion.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::Ioctl::from(cmd), arg.as_mut_ptr()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// fork(2) of a process that has one thread. `None` in the child.
pub fn fork() -> io::Result<Option<nix::unistd::Pid>> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    assert_eq!(threads, 1, "only a process of one thread may go on after fork as if nothing had happened");
    // SAFETY: no other thread exists that could hold a lock of the allocator or of std.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { child } => Ok(Some(child)),
        nix::unistd::ForkResult::Child => Ok(None),
    }
}

/// A descriptor that a message brought.
pub fn take(number: std::os::fd::RawFd) -> std::os::fd::OwnedFd {
    // SAFETY: the kernel has just made this number for this process by SCM_RIGHTS, and nobody else knows it.
    unsafe { std::os::fd::FromRawFd::from_raw_fd(number) }
}
