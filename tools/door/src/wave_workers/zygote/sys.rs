//! The system calls of the zygote and of what it makes that no library wraps, or wraps without ownership of descriptors.

#![allow(unsafe_code)]

use nix::unistd::{ForkResult, Pid};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Standard input of a freshly executed zygote, as the descriptor that it is.
///
/// To be called once, first thing in `main`, while nothing else uses it.
pub(super) fn inherited() -> OwnedFd {
    // SAFETY: the caller is the only user of descriptor 0, which the daemon set before exec.
    unsafe { OwnedFd::from_raw_fd(0) }
}

/// fork(2); the child's number in the parent, none in the child.
pub(super) fn fork() -> nix::Result<Option<Pid>> {
    // SAFETY: the zygote has one thread, so the child's memory is whole: no lock is held by a thread that is not there.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}

/// Makes these descriptors 0, 1 and 2, and closes all others.
pub(super) fn keep(descriptors: [OwnedFd; 3]) -> io::Result<[OwnedFd; 3]> {
    for (kept, descriptor) in (0..).zip(&descriptors) {
        // Those that are kept lie above: 0 to 2 were in use when they came.
        if descriptor.as_raw_fd() < 3 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: 0 to 2 are the zygote's, of which this process uses nothing any more.
        if unsafe { libc::dup2(descriptor.as_raw_fd(), kept) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    drop(descriptors);
    crate::sys::close_from(3)?;
    // SAFETY: this process has just made these three, and nobody else in it knows them.
    Ok([0, 1, 2].map(|number| unsafe { OwnedFd::from_raw_fd(number) }))
}

/// capset(2): gives up every capability.
pub(super) fn drop_capabilities() -> io::Result<()> {
    /// `_LINUX_CAPABILITY_VERSION_3` (linux/capability.h).
    const VERSION: u32 = 0x2008_0522;
    // `struct __user_cap_header_struct`: version, thread.
    let header: [u32; 2] = [VERSION, 0];
    // Two of `struct __user_cap_data_struct`: effective, permitted, inheritable.
    let none = [0_u32; 6];
    // SAFETY: the kernel reads a header and two structs of three words, which is what it gets.
    let done = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has the C library's allocator ask the kernel nothing that the filter kills for: it reads /proc/sys/vm/overcommit_memory when it
/// gives the end of a thread's heap back, and counts processors when it has more than eight heaps (malloc/arena.c of glibc).
#[cfg(target_env = "gnu")]
pub(super) fn settle_allocator(threads: usize) {
    let heaps = i32::try_from(threads + 1).unwrap_or(i32::MAX);
    for (what, value) in [(libc::M_TRIM_THRESHOLD, i32::MAX), (libc::M_ARENA_MAX, heaps)] {
        // SAFETY: takes two integers; there is one thread, which is in no other call of the allocator.
        unsafe { libc::mallopt(what, value) };
    }
}

/// Of other C libraries nothing is known to ask.
#[cfg(not(target_env = "gnu"))]
pub(super) fn settle_allocator(_: usize) {}
