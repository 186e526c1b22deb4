//! System calls without a safe wrapper.
#![allow(unsafe_code)]

use libc::{c_long, c_ulong, seccomp_notif, seccomp_notif_resp, sock_filter, sock_fprog};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

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

/// `SECCOMP_IOCTL_NOTIF_RECV` and `SECCOMP_IOCTL_NOTIF_SEND` (linux/seccomp.h).
const RECV: c_ulong = 0xc050_2100;
const SEND: c_ulong = 0xc018_2101;

/// From now on these system calls of this thread, and of what it starts, stop; the listener that is told of them.
pub fn stop_calls(numbers: &[c_long]) -> io::Result<OwnedFd> {
    let step = |code: u32, k: u32, jt: u8| sock_filter { code: code as u16, jt, jf: 0, k };
    let mut program = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for (left, number) in (1..=numbers.len()).rev().zip(numbers) {
        let (number, left) = (u32::try_from(*number), u8::try_from(left));
        let (number, left) = (number.map_err(io::Error::other)?, left.map_err(io::Error::other)?);
        program.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number, left));
    }
    program.push(step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0));
    program.push(step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF, 0));
    let len = u16::try_from(program.len()).map_err(io::Error::other)?;
    let filter = sock_fprog { len, filter: program.as_mut_ptr() };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // SAFETY: the kernel copies the program, whose length is told and which outlives the call, and writes nothing.
    let fd = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, std::ptr::from_ref(&filter))
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) })
}

/// A call that has stopped.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Stopped {
    id: u64,
    /// Which system call.
    pub number: c_long,
    pub args: [u64; 6],
}

/// How a stopped call goes on.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// It ends with 0.
    Zero,
    /// As if nobody had stopped it.
    GoesOn,
}

/// Waits for the next call that stops; `None` when its caller has gone.
pub fn stopped(listener: BorrowedFd<'_>) -> io::Result<Option<Stopped>> {
    // SAFETY: integers only, for which zeros are values; the kernel wants zeros.
    let mut call: seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the request writes one `seccomp_notif`, which is what it gets.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), RECV, std::ptr::from_mut(&mut call)) };
    let stopped = Stopped { id: call.id, number: call.data.nr.into(), args: call.data.args };
    if result == 0 { Ok(Some(stopped)) } else { unless_gone(io::Error::last_os_error()).map(|()| None) }
}

/// Answers a call that has stopped.
pub fn answer(listener: BorrowedFd<'_>, call: &Stopped, answer: Answer) -> io::Result<()> {
    let flags = match answer {
        Answer::Zero => 0,
        Answer::GoesOn => libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
    };
    let reply = seccomp_notif_resp { id: call.id, val: 0, error: 0, flags };
    // SAFETY: the request reads one `seccomp_notif_resp`, which is what it gets.
    let result = unsafe { libc::ioctl(listener.as_raw_fd(), SEND, std::ptr::from_ref(&reply)) };
    if result == 0 { Ok(()) } else { unless_gone(io::Error::last_os_error()) }
}

/// ENOENT: the caller died meanwhile.
fn unless_gone(error: io::Error) -> io::Result<()> {
    if error.raw_os_error() == Some(libc::ENOENT) { Ok(()) } else { Err(error) }
}
