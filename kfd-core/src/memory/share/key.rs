//! The 128 random bits by which another process finds a shared buffer object. Who knows them may import it; nobody
//! can guess them (`kfd_ipc.c`, `share_handle`).

use super::sys;
use std::io;

/// The key of a share: four words in the order of the ABI's `share_handle`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ShareKey(pub(crate) [u32; 4]);

impl ShareKey {
    /// A fresh random key.
    ///
    /// # Errors
    /// The errno of getrandom(2).
    pub(super) fn random() -> io::Result<Self> {
        let bytes = sys::random()?;
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Ok(Self(words))
    }
}

impl std::fmt::Debug for ShareKey {
    /// Writes no bits of the key: a log is no place to find them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShareKey(..)")
    }
}
