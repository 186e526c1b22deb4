//! The only place where memory shared with a client is touched: a mapped window of an arena, by atomics alone.
//!
//! The client stores to the same bytes at any time, so no reference to them ever exists; words are std's atomics
//! (never a model's: a model cannot stand in for memory it does not own), and copies go byte by byte or word by word through relaxed atomics, which
//! may tear between words and never inside one.
#![allow(unsafe_code)]
#![allow(clippy::disallowed_types)]

use super::WINDOW;
use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// `WINDOW` bytes of an arena, mapped for as long as this lives.
#[derive(Debug)]
pub(crate) struct Window(MmapRaw);

macro_rules! word {
    ($name:ident, $atomic:ty) => {
        /// The word at `at`; `None` when it is misaligned or not wholly inside.
        #[inline]
        pub(crate) fn $name(&self, at: usize) -> Option<&$atomic> {
            const LEN: usize = size_of::<$atomic>();
            if !at.is_multiple_of(LEN) || at > WINDOW as usize - LEN {
                return None;
            }
            // SAFETY: `at` + LEN lies inside the mapping, whose base is page-aligned, so the pointer is in bounds and
            // aligned. The mapping lives as long as `self` (`Window` owns it) and is backed to its whole length: the
            // memfd is sealed against shrinking (`arena::sys`). All accesses of this process go through atomics here;
            // those of the client are another process's.
            Some(unsafe { <$atomic>::from_ptr(self.0.as_mut_ptr().add(at).cast()) })
        }
    };
}

#[allow(clippy::multiple_unsafe_ops_per_block)]
impl Window {
    word!(u8_at, AtomicU8);
    word!(u16_at, AtomicU16);
    word!(u32_at, AtomicU32);
    word!(u64_at, AtomicU64);

    /// Maps the window that starts at `offset` of a sealed memfd.
    pub(super) fn map(memfd: BorrowedFd<'_>, offset: u64) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        MmapOptions::new().offset(offset).len(WINDOW as usize).map_raw(memfd.as_raw_fd()).map(Self)
    }

    /// Acquiring load.
    #[inline]
    pub(crate) fn load_u64(&self, at: usize) -> Option<u64> {
        Some(u64::from_le(self.u64_at(at)?.load(Ordering::Acquire)))
    }

    /// Acquiring load.
    #[inline]
    pub(crate) fn load_u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le(self.u32_at(at)?.load(Ordering::Acquire)))
    }

    /// Releasing store.
    #[inline]
    pub(crate) fn store_u64(&self, at: usize, value: u64) -> Option<()> {
        self.u64_at(at)?.store(value.to_le(), Ordering::Release);
        Some(())
    }

    /// Releasing store.
    #[inline]
    pub(crate) fn store_u16(&self, at: usize, value: u16) -> Option<()> {
        self.u16_at(at)?.store(value.to_le(), Ordering::Release);
        Some(())
    }

    /// Subtracts, acquiring and releasing; the old value. Native order is the client's order: both run here.
    #[inline]
    pub(crate) fn fetch_sub_u64(&self, at: usize, n: u64) -> Option<u64> {
        Some(self.u64_at(at)?.fetch_sub(n, Ordering::AcqRel))
    }

    /// Copies out; all of it must be inside.
    pub(crate) fn read(&self, at: usize, out: &mut [u8]) -> Option<()> {
        let end = at.checked_add(out.len()).filter(|end| *end <= WINDOW as usize)?;
        let (mut at, mut out) = (at, out);
        while at < end {
            if at.is_multiple_of(8) && out.len() >= 8 {
                let word = self.u64_at(at)?.load(Ordering::Relaxed);
                out[..8].copy_from_slice(&word.to_ne_bytes());
                (at, out) = (at + 8, &mut out[8..]);
            } else {
                out[0] = self.u8_at(at)?.load(Ordering::Relaxed);
                (at, out) = (at + 1, &mut out[1..]);
            }
        }
        Some(())
    }

    /// Copies in; all of it must be inside.
    pub(crate) fn write(&self, at: usize, bytes: &[u8]) -> Option<()> {
        let end = at.checked_add(bytes.len()).filter(|end| *end <= WINDOW as usize)?;
        let (mut at, mut bytes) = (at, bytes);
        while at < end {
            if at.is_multiple_of(8)
                && let Some((word, rest)) = bytes.split_first_chunk::<8>()
            {
                self.u64_at(at)?.store(u64::from_ne_bytes(*word), Ordering::Relaxed);
                (at, bytes) = (at + 8, rest);
            } else {
                self.u8_at(at)?.store(bytes[0], Ordering::Relaxed);
                (at, bytes) = (at + 1, &bytes[1..]);
            }
        }
        Some(())
    }
}
