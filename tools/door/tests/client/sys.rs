//! What a test client does that no library wraps: a page that only a userfaultfd can fill, and a leader that exits.

#![allow(unsafe_code)]

use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

/// `UFFD_USER_MODE_ONLY` (linux/userfaultfd.h): faults taken inside the kernel are refused; what an unprivileged client has.
const USER_MODE_ONLY: libc::c_int = 1;
/// `_IOWR(0xaa, 0x3f, struct uffdio_api)`, 24 bytes.
const UFFDIO_API: libc::c_ulong = 0xc018_aa3f;
/// `_IOWR(0xaa, 0x00, struct uffdio_register)`, 32 bytes.
const UFFDIO_REGISTER: libc::c_ulong = 0xc020_aa00;

/// Maps a page and registers it for missing faults; `None` where the kernel has no userfaultfd.
pub fn userfault_page() -> Option<u64> {
    // SAFETY: takes one integer.
    let fd = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | USER_MODE_ONLY) };
    if fd < 0 {
        return None;
    }
    // SAFETY: fresh from the kernel.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) }.into_raw_fd();
    let mut api = [0xaau64, 0, 0];
    // SAFETY: `api` is a uffdio_api of 24 bytes.
    let ready = unsafe { libc::ioctl(fd, UFFDIO_API, api.as_mut_ptr()) };
    let memory = memmap2::MmapMut::map_anon(4096).ok()?;
    let va = memory.as_ptr() as u64;
    std::mem::forget(memory);
    // Range, mode MISSING (1), and the answer.
    let mut register = [va, 4096, 1, 0];
    // SAFETY: `register` is a uffdio_register of 32 bytes, and the range is a mapping that is never unmapped.
    let registered = unsafe { libc::ioctl(fd, UFFDIO_REGISTER, register.as_mut_ptr()) };
    (ready == 0 && registered == 0).then_some(va)
}

/// Ends the thread group's leader and nothing else; returns when it is a zombie.
pub fn end_leader() {
    extern "C" fn end(_: libc::c_int) {
        // SAFETY: exit(2) ends the calling thread only, here the leader, which holds nothing that the others wait for.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
    let own = std::process::id();
    // SAFETY: the handler makes one system call.
    unsafe { libc::signal(libc::SIGUSR1, end as *const () as libc::sighandler_t) };
    // SAFETY: takes three integers.
    unsafe { libc::syscall(libc::SYS_tgkill, own, own, libc::SIGUSR1) };
    while !std::fs::read_to_string(format!("/proc/{own}/stat")).is_ok_and(|stat| stat.contains(") Z ")) {
        std::thread::yield_now();
    }
}
