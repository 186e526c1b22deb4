//! The words of the page, std's atomics: the worker reads them at any time.
#![allow(unsafe_code)]
#![allow(clippy::disallowed_types)]

use super::BYTES;
use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::AtomicU64;

/// `BYTES` bytes, mapped for as long as this lives.
#[derive(Debug)]
pub(super) struct Words(MmapRaw);

impl Words {
    pub(super) fn map(memfd: BorrowedFd<'_>) -> io::Result<Self> {
        MmapOptions::new().len(BYTES).map_raw(memfd.as_raw_fd()).map(Self)
    }

    /// The word at this offset, a multiple of 8; none beyond the page's end.
    pub(super) fn at(&self, offset: usize) -> Option<&AtomicU64> {
        if !offset.is_multiple_of(8) || offset > BYTES - 8 {
            return None;
        }
        let word = self.0.as_mut_ptr().wrapping_add(offset).cast();
        // SAFETY: the word lies inside the mapping, whose base is page-aligned, is backed to its whole length (the memfd
        // is never made shorter: `super` seals it) and lives as long as `self`. All accesses are atomic.
        Some(unsafe { AtomicU64::from_ptr(word) })
    }
}
