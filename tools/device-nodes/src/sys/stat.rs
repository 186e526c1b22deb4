//! stat(2) and its kin, each by the system call that it makes: nodes are character devices, and `/sys` is sysfs.

use super::{Stat, answer, minor_of, path_of, served};
use crate::fdinfo::PATH;
use crate::node::{MAJOR, minor};
use libc::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, S_IFCHR, S_IFMT, c_char, c_int, c_uint};
use std::ffi::CStr;

type Statx = libc::statx;
type Statfs = libc::statfs;

/// What a mount of FUSE, of overlayfs and of tmpfs says that it is (linux/magic.h): what a view puts below /sys.
const COVERS: [u64; 3] = [0x6573_5546, 0x794c_7630, 0x0102_1994];
/// SYSFS_MAGIC.
const SYSFS: u64 = 0x6265_6572;

/// newfstatat(2), told as of a character device where that is meant.
///
/// # Safety
/// As newfstatat(2): `path` is null or a C string, `out` a `struct stat`.
unsafe fn look(dir: c_int, path: *const c_char, out: *mut Stat, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_newfstatat, dir, path, out, flags) };
    if result != 0 {
        return -1;
    }
    // SAFETY: the kernel has filled it.
    let told = unsafe { &mut *out };
    if let Some(minor) = minor_of(told)
        && served() == Some(told.st_dev)
    {
        told.st_mode = told.st_mode & !S_IFMT | S_IFCHR;
        told.st_rdev = libc::makedev(MAJOR, minor);
    }
    0
}

/// statfs(2)'s answer, told as of sysfs for what a view has put below /sys.
fn as_sysfs(told: &mut Statfs, path: &[u8]) {
    let kind = u64::try_from(told.f_type).unwrap_or(0);
    if COVERS.contains(&kind) && (path == b"/sys" || path.starts_with(b"/sys/")) {
        told.f_type = SYSFS.cast_signed();
    }
}

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident, $at:ident, $of:ident, $link:ident;)*) => {$(
        /// stat(2).
        ///
        /// # Safety
        /// As stat(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(path: *const c_char, out: *mut Stat) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { look(AT_FDCWD, path, out, 0) }
        }

        /// lstat(2).
        ///
        /// # Safety
        /// As lstat(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $link(path: *const c_char, out: *mut Stat) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { look(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW) }
        }

        /// fstat(2).
        ///
        /// # Safety
        /// As fstat(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $of(fd: c_int, out: *mut Stat) -> c_int {
            // SAFETY: the caller's promise, and a C string.
            unsafe { look(fd, c"".as_ptr(), out, AT_EMPTY_PATH) }
        }

        /// fstatat(2).
        ///
        /// # Safety
        /// As fstatat(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $at(dir: c_int, path: *const c_char, out: *mut Stat, flags: c_int) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { look(dir, path, out, flags) }
        }
    )*};
}

// The structs are the same where offsets have 64 bits.
stats! {
    stat, fstatat, fstat, lstat;
    stat64, fstatat64, fstat64, lstat64;
}

/// statx(2).
///
/// # Safety
/// As statx(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn statx(
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mask: c_uint,
    out: *mut Statx,
) -> c_int {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_statx, dir, path, flags, mask, out) };
    if result != 0 {
        return -1;
    }
    // SAFETY: the kernel has filled it.
    let told = unsafe { &mut *out };
    let mode = u32::from(told.stx_mode);
    if let Some(minor) = minor(mode, told.stx_size, told.stx_mtime.tv_sec)
        && served() == Some(libc::makedev(told.stx_dev_major, told.stx_dev_minor))
    {
        told.stx_mode = (mode & !S_IFMT | S_IFCHR) as u16;
        (told.stx_rdev_major, told.stx_rdev_minor) = (MAJOR, minor);
    }
    0
}

macro_rules! file_systems {
    ($($name:ident, $of:ident;)*) => {$(
        /// statfs(2).
        ///
        /// # Safety
        /// As statfs(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(path: *const c_char, out: *mut Statfs) -> c_int {
            // SAFETY: the caller's promise.
            let result = answer(unsafe { libc::syscall(libc::SYS_statfs, path, out) });
            if result == 0 {
                // SAFETY: the kernel has filled it.
                let told = unsafe { &mut *out };
                // SAFETY: the kernel has read it as a C string.
                as_sysfs(told, unsafe { CStr::from_ptr(path) }.to_bytes());
            }
            result
        }

        /// fstatfs(2).
        ///
        /// # Safety
        /// As fstatfs(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $of(fd: c_int, out: *mut Statfs) -> c_int {
            // SAFETY: the caller's promise.
            let result = answer(unsafe { libc::syscall(libc::SYS_fstatfs, fd, out) });
            if result == 0 {
                // SAFETY: the kernel has filled it.
                let told = unsafe { &mut *out };
                as_sysfs(told, path_of(fd, &mut [0; PATH]));
            }
            result
        }
    )*};
}

file_systems! {
    statfs, fstatfs;
    statfs64, fstatfs64;
}
