//! readlink(2): where a descriptor of a served node leads. A program that looks for nodes by name knows `/dev/kfd` and those in
//! `/dev/dri`. The kernel tells where the one who opened it found it, behind a link or in a container, and of a node whose
//! name has led to another's since that it was deleted.

use super::{quietly, served, status};
use crate::fdinfo::ends_in_a_number;
use crate::node::{USUAL, usual};
use libc::{AT_FDCWD, S_IFMT, S_IFREG, c_char, c_int, c_long, size_t, ssize_t};
use std::ffi::CStr;

/// readlinkat(2), told as of a node in its usual place where a descriptor leads to one.
///
/// # Safety
/// As readlinkat(2): `path` is null or a C string, `out` has `size` bytes.
unsafe fn look(dir: c_int, path: *const c_char, out: *mut c_char, size: size_t) -> ssize_t {
    // SAFETY: the caller's promise.
    let length: c_long = unsafe { libc::syscall(libc::SYS_readlinkat, dir, path, out, size) };
    let Ok(told) = usize::try_from(length) else { return -1 };
    // SAFETY: the kernel has read the path as a C string.
    if !ends_in_a_number(unsafe { CStr::from_ptr(path) }.to_bytes()) {
        return length as ssize_t;
    }
    // SAFETY: the kernel has written so many bytes there.
    let target = unsafe { std::slice::from_raw_parts(out.cast::<u8>(), told) };
    let mut room = [0; USUAL];
    let Some(usual) = usual(target, &mut room) else { return length as ssize_t };
    let is_served = || {
        let node = status(dir, path, 0).filter(|node| node.st_mode & S_IFMT == S_IFREG)?;
        (served() == Some(node.st_dev)).then_some(())
    };
    if quietly(is_served).is_none() {
        return length as ssize_t;
    }
    let length = usual.len().min(size);
    // SAFETY: `out` has `size` bytes, and `usual` lies in `room`.
    unsafe { std::ptr::copy_nonoverlapping(usual.as_ptr(), out.cast::<u8>(), length) };
    length as ssize_t
}

/// readlink(2).
///
/// # Safety
/// As readlink(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlink(path: *const c_char, out: *mut c_char, size: size_t) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe { look(AT_FDCWD, path, out, size) }
}

/// readlinkat(2).
///
/// # Safety
/// As readlinkat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlinkat(
    dir: c_int,
    path: *const c_char,
    out: *mut c_char,
    size: size_t,
) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe { look(dir, path, out, size) }
}
