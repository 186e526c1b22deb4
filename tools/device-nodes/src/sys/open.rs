//! open(2) and its kin, and fopen(3).

use super::completion::{complete, is_reading};
use super::next::Next;
use super::{quietly, set_errno};
use crate::fdinfo::ends_in_a_number;
use libc::{AT_FDCWD, FILE, c_char, c_int, c_uint, c_void};
use std::ffi::CStr;
use std::mem::transmute;
use std::ptr::null_mut;

/// Looks up what the functions below call.
extern "C" fn look_up() {
    for next in [&OPEN, &OPEN64, &OPENAT, &OPENAT64, &FOPEN, &FOPEN64] {
        next.look_up();
    }
}

/// Run by the dynamic linker when the library is loaded.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_UP: extern "C" fn() = look_up;

/// Completes what was opened, if it may be fdinfo.
///
/// # Safety
/// `path` is a C string: it was opened.
unsafe fn opened(path: *const c_char, reading: bool, fd: c_int) -> c_int {
    // SAFETY: the caller's promise.
    if fd >= 0 && reading && ends_in_a_number(unsafe { CStr::from_ptr(path) }.to_bytes()) {
        quietly(|| complete(fd));
    }
    fd
}

/// openat(2) before the functions are known.
///
/// # Safety
/// As openat(2).
unsafe fn bare(dir: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    super::answer(unsafe { libc::syscall(libc::SYS_openat, dir, path, flags, mode) })
}

macro_rules! opens {
    ($($next:ident, $name:ident, $checked:ident;)*) => {$(
        static $next: Next = Next::named(match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
            Ok(name) => name,
            Err(_) => panic!("a name has no zero byte"),
        });

        /// open(2). The mode is where a variable argument would be.
        ///
        /// # Safety
        /// As open(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
            let next = $next.known();
            let fd = if next.is_null() {
                // SAFETY: the caller's promise.
                unsafe { bare(AT_FDCWD, path, flags, mode) }
            } else {
                // SAFETY: the function of that name has this type.
                let next = unsafe { transmute::<*mut c_void, unsafe extern "C" fn(*const c_char, c_int, ...) -> c_int>(next) };
                // SAFETY: the caller's promise.
                unsafe { next(path, flags, mode) }
            };
            // SAFETY: what was opened has a path.
            unsafe { opened(path, is_reading(flags), fd) }
        }

        /// open(2) of a program that was compiled with checks: it has no mode.
        ///
        /// # Safety
        /// As open(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $checked(path: *const c_char, flags: c_int) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { $name(path, flags, 0) }
        }
    )*};
}

opens! {
    OPEN, open, __open_2;
    OPEN64, open64, __open64_2;
}

macro_rules! opens_at {
    ($($next:ident, $name:ident, $checked:ident;)*) => {$(
        static $next: Next = Next::named(match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
            Ok(name) => name,
            Err(_) => panic!("a name has no zero byte"),
        });

        /// openat(2). The mode is where a variable argument would be.
        ///
        /// # Safety
        /// As openat(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(dir: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
            let next = $next.known();
            let fd = if next.is_null() {
                // SAFETY: the caller's promise.
                unsafe { bare(dir, path, flags, mode) }
            } else {
                // SAFETY: the function of that name has this type.
                let next = unsafe { transmute::<*mut c_void, unsafe extern "C" fn(c_int, *const c_char, c_int, ...) -> c_int>(next) };
                // SAFETY: the caller's promise.
                unsafe { next(dir, path, flags, mode) }
            };
            // SAFETY: what was opened has a path.
            unsafe { opened(path, is_reading(flags), fd) }
        }

        /// openat(2) of a program that was compiled with checks: it has no mode.
        ///
        /// # Safety
        /// As openat(2).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $checked(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { $name(dir, path, flags, 0) }
        }
    )*};
}

opens_at! {
    OPENAT, openat, __openat_2;
    OPENAT64, openat64, __openat64_2;
}

macro_rules! streams {
    ($($next:ident, $name:ident;)*) => {$(
        static $next: Next = Next::named(match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
            Ok(name) => name,
            Err(_) => panic!("a name has no zero byte"),
        });

        /// fopen(3).
        ///
        /// # Safety
        /// As fopen(3).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(path: *const c_char, mode: *const c_char) -> *mut FILE {
            let next = $next.look_up();
            if next.is_null() {
                set_errno(libc::ENOSYS);
                return null_mut();
            }
            // SAFETY: the function of that name has this type.
            let next = unsafe { transmute::<*mut c_void, unsafe extern "C" fn(*const c_char, *const c_char) -> *mut FILE>(next) };
            // SAFETY: the caller's promise.
            let stream = unsafe { next(path, mode) };
            if !stream.is_null() {
                // SAFETY: fopen has read it as a C string.
                let mode = unsafe { CStr::from_ptr(mode) }.to_bytes();
                let reading = mode.first() == Some(&b'r') && !mode.contains(&b'+');
                // SAFETY: what was opened has a path; the stream has read nothing yet and nobody else knows it.
                unsafe { opened(path, reading, libc::fileno(stream)) };
            }
            stream
        }
    )*};
}

streams! {
    FOPEN, fopen;
    FOPEN64, fopen64;
}
