//! A mapping shared with the device: every access is an atomic or volatile one, bounds-checked.
#![allow(unsafe_code)]

use crate::sync::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;

/// A shared, writable mapping of part of a node.
#[derive(Debug)]
pub struct Mapping {
    map: MmapRaw,
}

impl Mapping {
    /// Maps `len` bytes of `fd` at `offset`.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn new(fd: BorrowedFd<'_>, offset: u64, len: usize) -> io::Result<Self> {
        let map = MmapOptions::new().offset(offset).len(len).map_raw(fd.as_raw_fd())?;
        Ok(Self { map })
    }

    /// `len` bytes of this process's own memory, untouched and not reserved.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn own(len: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(len).no_reserve_swap().map_anon()?;
        Ok(Self { map: map.into() })
    }

    /// The address in this process.
    pub fn address(&self) -> u64 {
        self.map.as_ptr().addr() as u64
    }

    /// Size of the mapping in bytes.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    fn check(&self, offset: usize, size: usize) {
        assert!(
            offset.is_multiple_of(size) && offset.checked_add(size).is_some_and(|end| end <= self.map.len()),
            "an access lies aligned and inside its mapping"
        );
    }

    /// The 64-bit word at byte `offset`.
    ///
    /// # Panics
    /// It does not lie inside the mapping, aligned.
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        self.check(offset, 8);
        // SAFETY: in bounds and aligned by the check; the mapping lives as long as `self`; whoever shares the memory
        // uses atomic or single plain accesses of this width.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().wrapping_add(offset).cast()) }
    }

    /// The 16-bit word at byte `offset`.
    ///
    /// # Panics
    /// It does not lie inside the mapping, aligned.
    pub fn half(&self, offset: usize) -> &AtomicU16 {
        self.check(offset, 2);
        // SAFETY: as in `word`.
        unsafe { AtomicU16::from_ptr(self.map.as_mut_ptr().wrapping_add(offset).cast()) }
    }

    /// The 32-bit word at byte `offset`.
    ///
    /// # Panics
    /// It does not lie inside the mapping, aligned.
    pub fn dword(&self, offset: usize) -> &AtomicU32 {
        self.check(offset, 4);
        // SAFETY: as in `word`.
        unsafe { AtomicU32::from_ptr(self.map.as_mut_ptr().wrapping_add(offset).cast()) }
    }

    fn inside(&self, offset: usize, len: usize) {
        assert!(
            offset.checked_add(len).is_some_and(|end| end <= self.map.len()),
            "an access lies inside its mapping"
        );
    }

    /// Copies bytes in. Not for words that the device reads at the same time.
    ///
    /// # Panics
    /// They do not lie inside the mapping.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        self.inside(offset, bytes.len());
        for (at, byte) in bytes.iter().enumerate() {
            // SAFETY: in bounds by `inside`; volatile, because the device may look at any time.
            unsafe { self.map.as_mut_ptr().wrapping_add(offset + at).write_volatile(*byte) };
        }
    }

    /// Copies bytes out. Not for words that the device writes at the same time.
    ///
    /// # Panics
    /// They do not lie inside the mapping.
    pub fn read(&self, offset: usize, len: usize) -> Vec<u8> {
        self.inside(offset, len);
        // SAFETY: in bounds by `inside`; volatile, because the device may write at any time.
        (0..len).map(|at| unsafe { self.map.as_ptr().wrapping_add(offset + at).read_volatile() }).collect()
    }

    /// Stores whole words, relaxed.
    ///
    /// # Panics
    /// They do not lie inside the mapping, aligned.
    pub fn store_words(&self, offset: usize, words: &[u64]) {
        for (index, word) in words.iter().enumerate() {
            self.word(offset + index * 8).store(*word, Ordering::Relaxed);
        }
    }
}
