//! The system calls of the harness that nix does not wrap: pidfd_open and the few requests of a tracer.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

pub fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes two integers.
    let fd = checked(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: fresh from the kernel, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).expect("a descriptor fits an int")) })
}

/// PTRACE_SEIZE of one thread, with the option that stops it on its way out.
pub fn seize_stopping_at_exit(tid: u32) -> io::Result<()> {
    let tid = libc::pid_t::try_from(tid).expect("a thread id fits pid_t");
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: PTRACE_SEIZE takes no address, and its data word is the options.
    let result = unsafe { libc::ptrace(libc::PTRACE_SEIZE, tid, nothing, libc::PTRACE_O_TRACEEXIT) };
    checked(result).map(drop)
}

/// PTRACE_SEIZE and PTRACE_INTERRUPT of one thread: it stops where it is, or once it would return to its program.
pub fn seize_and_interrupt(tid: u32) -> io::Result<()> {
    let tid = libc::pid_t::try_from(tid).expect("a thread id fits pid_t");
    let nothing = std::ptr::null_mut::<libc::c_void>();
    for request in [libc::PTRACE_SEIZE, libc::PTRACE_INTERRUPT] {
        // SAFETY: neither request takes an address or, without options, data.
        checked(unsafe { libc::ptrace(request, tid, nothing, nothing) })?;
    }
    Ok(())
}

/// PTRACE_DETACH of one thread; it goes on.
pub fn detach(tid: u32) -> io::Result<()> {
    let tid = libc::pid_t::try_from(tid).expect("a thread id fits pid_t");
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: PTRACE_DETACH takes no address, and its data word is a signal number, here none.
    checked(unsafe { libc::ptrace(libc::PTRACE_DETACH, tid, nothing, nothing) }).map(drop)
}

/// Waits for a stop of a traced thread (`__WALL`), without blocking; true when there was one.
pub fn has_stopped(tid: u32) -> bool {
    let tid = libc::pid_t::try_from(tid).expect("a thread id fits pid_t");
    let mut status = 0;
    // SAFETY: `status` is a writable int.
    let reaped = unsafe { libc::waitpid(tid, &raw mut status, libc::__WALL | libc::WNOHANG) };
    reaped == tid && libc::WIFSTOPPED(status)
}
