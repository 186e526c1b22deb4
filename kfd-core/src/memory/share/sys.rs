//! The system calls of sharing.
#![allow(unsafe_code)]

use crate::call::FileIdentity;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// Random bytes from the kernel's generator.
pub(super) fn random() -> io::Result<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    // SAFETY: the pointer and the length are those of `bytes`, which outlives the call; the kernel writes no more.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    // A request of up to 256 bytes is answered in full once the generator is seeded (getrandom(2)).
    match usize::try_from(got) {
        Ok(KEY_BYTES) => Ok(bytes),
        Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// The file that a descriptor leads to. Only the kernel is asked, whatever file it is.
pub(super) fn identity(fd: BorrowedFd<'_>) -> io::Result<FileIdentity> {
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path is an empty C string, the buffer is a `statx` of its own; the kernel writes no more than that.
    let result = unsafe {
        libc::statx(
            fd.as_raw_fd(),
            c"".as_ptr(),
            flags,
            libc::STATX_INO | libc::STATX_BTIME,
            found.as_mut_ptr(),
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was zeroed, and every bit pattern is a `statx`.
    let found = unsafe { found.assume_init() };
    Ok(FileIdentity {
        device: (found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
        born: (found.stx_btime.tv_sec, found.stx_btime.tv_nsec),
    })
}
