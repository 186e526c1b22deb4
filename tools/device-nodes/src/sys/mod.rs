//! The functions of the C library that are taken over.
//!
//! They may be called at any time, in signal handlers and before main: nothing is allocated, locked or kept, and what they
//! ask of the kernel they ask by system calls, so that none of them calls another.
//!
//! | module | what is taken over |
//! |---|---|
//! | [`stat`] | what a file is |
//! | [`open`], [`completion`] | opening a file, and what fdinfo of an open node says then |
//! | [`link`] | where a descriptor leads |
//! | [`next`] | the functions that would have been called |
#![allow(unsafe_code)]

mod completion;
mod link;
mod next;
mod open;
mod stat;

use crate::fdinfo::{self, PATH};
use libc::{AT_FDCWD, S_IFMT, S_IFREG, c_char, c_int, c_long};
use std::mem::MaybeUninit;

type Stat = libc::stat;

/// What a system call returned, for a function that returns an `int`; errno is set already.
fn answer(result: c_long) -> c_int {
    c_int::try_from(result).unwrap_or(-1)
}

/// newfstatat(2), as it is.
fn status(dir: c_int, path: *const c_char, flags: c_int) -> Option<Stat> {
    let mut told = MaybeUninit::<Stat>::zeroed();
    // SAFETY: the kernel fills a `struct stat`, which `told` is, and looks itself whether it may read the path.
    let result = unsafe { libc::syscall(libc::SYS_newfstatat, dir, path, told.as_mut_ptr(), flags) };
    // SAFETY: all zeros is a `struct stat` too.
    (result == 0).then(|| unsafe { told.assume_init() })
}

/// The file system that `/dev/kfd` is a regular file of: a served one.
fn served() -> Option<u64> {
    let kfd = status(AT_FDCWD, c"/dev/kfd".as_ptr(), 0)?;
    (kfd.st_mode & S_IFMT == S_IFREG).then_some(kfd.st_dev)
}

/// The minor number of DRM of a file that looks like a served node.
fn minor_of(told: &Stat) -> Option<u32> {
    crate::node::minor(told.st_mode, told.st_size.cast_unsigned(), told.st_mtime)
}

/// Where a descriptor of this process leads, cut to [`PATH`] bytes.
fn path_of(fd: c_int, room: &mut [u8; PATH]) -> &[u8] {
    let mut link = [0; PATH];
    let Some(link) = fdinfo::own(fd.unsigned_abs(), &mut link) else { return &[] };
    // SAFETY: `link` is a C string and `room` has PATH bytes, both for the whole call.
    let length =
        unsafe { libc::syscall(libc::SYS_readlinkat, AT_FDCWD, link.as_ptr(), room.as_mut_ptr(), PATH) };
    &room[..usize::try_from(length).unwrap_or(0).min(PATH)]
}

/// Where the calling thread's errno is.
fn errno_place() -> *mut c_int {
    // SAFETY: it asks for nothing.
    unsafe { libc::__errno_location() }
}

/// The calling thread's errno.
fn errno() -> c_int {
    // SAFETY: the place is the thread's own, and is there as long as the thread.
    unsafe { *errno_place() }
}

/// Sets the calling thread's `errno`.
fn set_errno(errno: c_int) {
    // SAFETY: as in `errno`.
    unsafe { *errno_place() = errno };
}

/// Does something that leaves errno as it was.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let before = errno();
    let done = work();
    set_errno(before);
    done
}
