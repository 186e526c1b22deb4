//! The system calls of sharing.
#![allow(unsafe_code)]

use std::io;

/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// Random bytes of the kernel's generator.
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
