//! What a worker shares with the daemon: the page of epochs, which it only reads.

#![allow(unsafe_code)]
#![allow(clippy::disallowed_types)]

use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of the page.
const PAGE: usize = 4096;
/// Bytes from one device's word to the next one's.
const STRIDE: usize = 64;

/// The most devices that have a word.
pub(super) const DEVICES: usize = PAGE / STRIDE;

/// The epochs of a client's address maps, one a device.
#[derive(Debug)]
pub(super) struct Epochs(MmapRaw);

impl Epochs {
    /// Maps the page for reading.
    pub(super) fn map(page: BorrowedFd<'_>) -> io::Result<Self> {
        MmapOptions::new().len(PAGE).map_raw_read_only(page.as_raw_fd()).map(Self)
    }

    /// The epoch of a device. What was learnt of its map in an older one is void.
    #[inline]
    pub(super) fn of(&self, device: usize) -> u64 {
        let at = device % DEVICES * STRIDE;
        // SAFETY: `at` is a multiple of 64 below the mapping's length; the mapping lives as long as `self`, has as many
        // bytes by a seal of its maker, and is only ever loaded from here.
        let word = unsafe { AtomicU64::from_ptr(self.0.as_mut_ptr().wrapping_add(at).cast()) };
        // Acquire: pairs with the release of the core, which has changed the map before.
        word.load(Ordering::Acquire)
    }
}
