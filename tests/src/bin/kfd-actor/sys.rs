//! The actor's raw system calls: what a client may do that no safe wrapper offers.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// ioctl with a command word and bytes of the test's choice. `bytes` is as long as the command word says at least, or
/// the test means the driver to refuse.
pub fn ioctl(fd: RawFd, cmd: u32, bytes: &mut [u8]) -> io::Result<()> {
    assert!(bytes.len() >= kfd_core::abi::ioc::size(cmd), "the driver writes as much as the command says");
    // SAFETY: `bytes` is writable for what the driver copies, by the assertion; addresses inside it are of memory that
    // the test has mapped for this, or not mapped at all.
    let result = unsafe { libc::ioctl(fd, libc::Ioctl::from(cmd), bytes.as_mut_ptr()) };
    // The kernel's ioctl returns -errno and libc makes it -1; nothing else below zero may reach a client.
    assert!(result >= -1, "a raw {result} reached the client");
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

pub fn mmap(fd: Option<RawFd>, offset: u64, len: usize) -> io::Result<u64> {
    let flags = if fd.is_some() { libc::MAP_SHARED } else { libc::MAP_PRIVATE | libc::MAP_ANONYMOUS };
    let offset = offset.cast_signed();
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, fd.unwrap_or(-1), offset) };
    if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at.expose_provenance() as u64) }
}

pub fn mmap_read_only(fd: RawFd, len: usize) -> io::Result<u64> {
    let null = std::ptr::null_mut();
    // SAFETY: as in `mmap`.
    let at = unsafe { libc::mmap(null, len, libc::PROT_READ, libc::MAP_SHARED, fd, 0) };
    if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at.expose_provenance() as u64) }
}

fn pointer(address: u64) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(usize::try_from(address).expect("an address"))
}

pub fn munmap(address: u64, len: usize) -> io::Result<()> {
    // SAFETY: the test names a mapping that `mmap` made and that nothing of this program refers to.
    let result = unsafe { libc::munmap(pointer(address).cast(), len) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Nobody may read or write there any more.
pub fn hide(address: u64, len: usize) -> io::Result<()> {
    // SAFETY: as in `munmap`.
    let result = unsafe { libc::mprotect(pointer(address).cast(), len, libc::PROT_NONE) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// No large pages: small ones take the kernel longest to free.
pub fn small_pages(address: u64, len: usize) {
    // SAFETY: advice about a mapping that `mmap` made.
    let result = unsafe { libc::madvise(pointer(address).cast(), len, libc::MADV_NOHUGEPAGE) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// Stores bytes, in words where they are whole ones. A page that is not there is a SIGBUS, as the test may want.
pub fn poke(address: u64, bytes: &[u8]) {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let to = pointer(address).cast::<u64>().wrapping_add(index);
        // SAFETY: the test names memory that `mmap` made; the access is volatile, as the memory may be shared.
        unsafe { to.write_volatile(u64::from_ne_bytes(*word)) };
    }
    for (index, byte) in rest.iter().enumerate() {
        let to = pointer(address).wrapping_add(words.len() * 8 + index);
        // SAFETY: as above.
        unsafe { to.write_volatile(*byte) };
    }
}

pub fn peek(address: u64, len: usize) -> Vec<u8> {
    // SAFETY: as in `poke`.
    (0..len).map(|index| unsafe { pointer(address).wrapping_add(index).read_volatile() }).collect()
}

/// fork: the answer is 0 in the child, whose only thread is the caller's copy.
pub fn fork() -> io::Result<u32> {
    // SAFETY: the child goes on with this thread alone; no lock that it will take is held by another, since the other
    // threads of an actor sleep in ioctls, in park, or run packets.
    let pid = unsafe { libc::fork() };
    if pid < 0 { Err(io::Error::last_os_error()) } else { Ok(pid.cast_unsigned()) }
}

/// Owns a descriptor that the kernel has just made for this process.
pub fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: fresh out of a control message, owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Ends the calling process without running anything.
pub fn end() -> ! {
    // SAFETY: takes an integer and does not return.
    unsafe { libc::_exit(0) }
}

/// libc's `system("true")`.
pub fn system_true() {
    // SAFETY: a constant, terminated string.
    let status = unsafe { libc::system(c"true".as_ptr()) };
    assert_eq!(status, 0, "`true` succeeds");
}

/// Handles SIGUSR2 by doing nothing, system calls restarted or ended by it.
pub fn handle_usr2(restart: bool) {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: all zeros is a sigaction with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as *const () as libc::sighandler_t;
    action.sa_flags = if restart { libc::SA_RESTART } else { 0 };
    // SAFETY: the handler does nothing; `action` is whole.
    let result = unsafe { libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// Sends SIGUSR2 to one thread of this process.
pub fn interrupt(tid: u32) {
    // SAFETY: takes three integers.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), tid, libc::SIGUSR2) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// Ends the thread group's leader and nothing else; returns when it is a zombie.
pub fn end_leader() {
    extern "C" fn end(_: libc::c_int) {
        // SAFETY: exit(2) ends the calling thread only; the leader holds nothing that the others wait for.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
    let own = std::process::id();
    // SAFETY: the handler makes one system call and nothing else.
    unsafe { libc::signal(libc::SIGUSR1, end as *const () as libc::sighandler_t) };
    // SAFETY: takes three integers.
    unsafe { libc::syscall(libc::SYS_tgkill, own, own, libc::SIGUSR1) };
    while !std::fs::read_to_string(format!("/proc/{own}/stat")).is_ok_and(|stat| stat.contains(") Z ")) {
        std::thread::yield_now();
    }
}
