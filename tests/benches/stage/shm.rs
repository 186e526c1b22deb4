//! Memory shared with another process or with the device: words only, bounds-checked.
#![allow(unsafe_code)]

use super::sync::{AtomicU16, AtomicU64, Ordering};
use memmap2::{MmapMut, MmapOptions, MmapRaw};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A writable mapping.
#[derive(Debug)]
pub struct Shared {
    map: MmapRaw,
}

impl Shared {
    /// Maps `len` bytes of a file at `offset`, shared.
    pub fn of(fd: BorrowedFd<'_>, offset: u64, len: usize) -> io::Result<Self> {
        Ok(Self { map: MmapOptions::new().offset(offset).len(len).map_raw(fd.as_raw_fd())? })
    }

    /// Memory of this process alone.
    pub fn anonymous(len: usize) -> io::Result<Self> {
        Ok(Self { map: MmapMut::map_anon(len)?.into() })
    }

    /// Its address here.
    pub fn address(&self) -> u64 {
        self.map.as_ptr().expose_provenance() as u64
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Touches every page.
    pub fn touch(&self, value: u64) {
        for page in (0..self.len()).step_by(4096) {
            self.word(page).store(value, Ordering::Relaxed);
        }
    }

    /// Reads a word of every page; their sum.
    pub fn sum(&self) -> u64 {
        (0..self.len())
            .step_by(4096)
            .fold(0, |sum, page| sum.wrapping_add(self.word(page).load(Ordering::Relaxed)))
    }

    /// The 64-bit word at byte `offset`, which must be aligned and inside.
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len(), "a word lies inside its mapping");
        // SAFETY: in bounds by the assertion.
        let word = unsafe { self.map.as_mut_ptr().add(offset) }.cast::<AtomicU64>();
        // SAFETY: aligned by the assertion; the mapping lives as long as `self`, and whoever shares it uses accesses
        // of this width.
        unsafe { &*word }
    }

    /// The 16-bit word at byte `offset`, likewise.
    pub fn half(&self, offset: usize) -> &AtomicU16 {
        assert!(offset.is_multiple_of(2) && offset + 2 <= self.len(), "a word lies inside its mapping");
        // SAFETY: in bounds by the assertion.
        let word = unsafe { self.map.as_mut_ptr().add(offset) }.cast::<AtomicU16>();
        // SAFETY: as above.
        unsafe { &*word }
    }
}
