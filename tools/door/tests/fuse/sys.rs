//! What a client does that has no safe wrapper: raw ioctls, loads and stores in mappings, fork.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};

/// ioctl(2) on `bytes` in place; the errno on failure.
pub fn ioctl(fd: BorrowedFd<'_>, cmd: u32, bytes: &mut [u8]) -> Result<i32, i32> {
    assert!(((cmd >> 16) & 0x3fff) as usize <= bytes.len());
    // SAFETY: the kernel reads and writes as many bytes as the command's size field says, which `bytes` has.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::c_ulong::from(cmd), bytes.as_mut_ptr()) };
    if result < 0 { Err(std::io::Error::last_os_error().raw_os_error().unwrap()) } else { Ok(result) }
}

/// A shared mapping.
pub struct Map {
    base: *mut u8,
    len: usize,
}

// SAFETY: the mapping is memory of the process, reached by volatile accesses only.
unsafe impl Send for Map {}

impl Map {
    pub fn new(fd: BorrowedFd<'_>, offset: i64, len: usize) -> Result<Self, i32> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let base = unsafe {
            libc::mmap(std::ptr::null_mut(), len, protection, libc::MAP_SHARED, fd.as_raw_fd(), offset)
        };
        if base == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error().raw_os_error().unwrap());
        }
        Ok(Self { base: base.cast(), len })
    }

    fn at(&self, offset: usize) -> *mut u64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len);
        self.base.wrapping_add(offset).cast()
    }

    pub fn store(&self, offset: usize, value: u64) {
        // SAFETY: `at` checked that the word lies in the mapping, which lives as long as `self`.
        unsafe { self.at(offset).write_volatile(value) }
    }

    pub fn load(&self, offset: usize) -> u64 {
        // SAFETY: as in `store`.
        unsafe { self.at(offset).read_volatile() }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` and no reference to it exists.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}

/// Runs `body` in a forked child and returns its exit status; `body` may only make system calls.
pub fn in_child(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child makes system calls only and leaves by _exit.
    match unsafe { libc::fork() } {
        0 => {
            let code = body();
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(code) }
        }
        child => {
            let mut status = 0;
            // SAFETY: waits for our own child into a live local.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
        }
    }
}

/// Forks a child that sleeps for ever with everything it inherited; its pid.
pub fn forked_sleeper() -> i32 {
    // SAFETY: the child makes system calls only.
    match unsafe { libc::fork() } {
        0 => loop {
            // SAFETY: no arguments.
            unsafe { libc::pause() };
        },
        child => child,
    }
}

extern "C" fn ignore(_: libc::c_int) {}

/// Installs an empty handler for SIGUSR1.
pub fn handle_usr1(restart: bool) {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    let flags = if restart { SaFlags::SA_RESTART } else { SaFlags::empty() };
    let action = SigAction::new(SigHandler::Handler(ignore), flags, SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.expect("a handler can be installed");
}

/// The calling thread's id.
pub fn gettid() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::gettid() }
}

/// Sends a signal to one thread.
pub fn tgkill(tgid: i32, tid: i32, signal: i32) {
    // SAFETY: integers only.
    unsafe { libc::syscall(libc::SYS_tgkill, tgid, tid, signal) };
}

/// Keeps the descriptor over an exec.
pub fn keep_over_exec(fd: BorrowedFd<'_>) {
    // SAFETY: integers only.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, 0) };
}

/// Lends a descriptor that was inherited over an exec.
pub fn with_borrowed<T>(fd: i32, body: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
    // SAFETY: the descriptor was left open on purpose and nobody closes it.
    body(unsafe { BorrowedFd::borrow_raw(fd) })
}
