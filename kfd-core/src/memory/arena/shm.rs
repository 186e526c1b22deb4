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
use std::slice;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// `WINDOW` bytes of an arena, mapped for as long as this lives.
#[derive(Debug)]
pub(crate) struct Window(MmapRaw);

macro_rules! word {
    ($name:ident, $atomic:ty) => {
        /// The atomic word at `at`; `None` when it is misaligned or not wholly inside the window.
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
    word!(u16_at, AtomicU16);
    word!(u32_at, AtomicU32);
    word!(u64_at, AtomicU64);

    /// Maps the window that starts at `offset` of a sealed memfd.
    pub(super) fn map(memfd: BorrowedFd<'_>, offset: u64) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        MmapOptions::new().offset(offset).len(WINDOW as usize).map_raw(memfd.as_raw_fd()).map(Self)
    }

    /// Loads a word with acquire ordering.
    #[inline]
    pub(crate) fn load_u64(&self, at: usize) -> Option<u64> {
        Some(u64::from_le(self.u64_at(at)?.load(Ordering::Acquire)))
    }

    /// Loads a word with acquire ordering.
    #[inline]
    pub(crate) fn load_u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le(self.u32_at(at)?.load(Ordering::Acquire)))
    }

    /// Stores a word with release ordering.
    #[inline]
    pub(crate) fn store_u64(&self, at: usize, value: u64) -> Option<()> {
        self.u64_at(at)?.store(value.to_le(), Ordering::Release);
        Some(())
    }

    /// Stores a word with release ordering.
    #[inline]
    pub(crate) fn store_u32(&self, at: usize, value: u32) -> Option<()> {
        self.u32_at(at)?.store(value.to_le(), Ordering::Release);
        Some(())
    }

    /// Replaces `old` by `new` and returns the value before, with acquire and release ordering. Native byte order, as
    /// in `fetch_sub_u64`.
    #[inline]
    pub(crate) fn compare_exchange_u32(&self, at: usize, old: u32, new: u32) -> Option<u32> {
        let done = self.u32_at(at)?.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire);
        Some(done.unwrap_or_else(|was| was))
    }

    /// Replaces `old` by `new` and returns the value before, with acquire and release ordering. Native byte order.
    #[inline]
    pub(crate) fn compare_exchange_u64(&self, at: usize, old: u64, new: u64) -> Option<u64> {
        let done = self.u64_at(at)?.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire);
        Some(done.unwrap_or_else(|was| was))
    }

    /// Stores a half-word with release ordering.
    #[inline]
    pub(crate) fn store_u16(&self, at: usize, value: u16) -> Option<()> {
        self.u16_at(at)?.store(value.to_le(), Ordering::Release);
        Some(())
    }

    /// Subtracts `n` and returns the value before, with acquire and release ordering. Native byte order is the
    /// client's: both run on this machine.
    #[inline]
    pub(crate) fn fetch_sub_u64(&self, at: usize, n: u64) -> Option<u64> {
        Some(self.u64_at(at)?.fetch_sub(n, Ordering::AcqRel))
    }

    /// The bytes from `at` on in three parts: bytes up to a word's boundary, whole words, and the rest. `None` when
    /// they are not all inside the window.
    #[inline]
    fn parts(&self, at: usize, len: usize) -> Option<(&[AtomicU8], &[AtomicU64], &[AtomicU8])> {
        at.checked_add(len).filter(|end| *end <= WINDOW as usize)?;
        let head = (at.wrapping_neg() % size_of::<u64>()).min(len);
        let words = (len - head) / size_of::<u64>();
        let tail = len - head - words * size_of::<u64>();
        // SAFETY: [at, at + len) lies inside the mapping by the check above; `at + head` is a multiple of 8 whenever
        // `words` is not zero, and the mapping's base is page-aligned, so every part is in bounds and aligned (an
        // empty slice of words gets the base itself, which is). The rest is as in `word!`: `self` owns the mapping,
        // it is backed throughout, and all accesses are atomic.
        unsafe {
            let base = self.0.as_mut_ptr().cast_const();
            let from = base.add(at);
            let middle = if words == 0 { base } else { from.add(head) };
            Some((
                slice::from_raw_parts(from.cast(), head),
                slice::from_raw_parts(middle.cast(), words),
                slice::from_raw_parts(from.add(len - tail).cast(), tail),
            ))
        }
    }

    /// The `len` bytes at `at` as whole words; `None` when they are not all inside the window or not aligned.
    #[inline]
    pub(crate) fn words(&self, at: usize, len: usize) -> Option<&[AtomicU64]> {
        match self.parts(at, len)? {
            (head, words, tail) if head.is_empty() && tail.is_empty() => Some(words),
            _ => None,
        }
    }

    /// Copies from `at` on into `out`; `None` when that leaves the window.
    #[inline]
    pub(crate) fn read(&self, at: usize, out: &mut [u8]) -> Option<()> {
        let (head, words, tail) = self.parts(at, out.len())?;
        let (to_head, rest) = out.split_at_mut(head.len());
        let (to_words, to_tail) = rest.split_at_mut(size_of_val(words));
        for (to, from) in to_head.iter_mut().chain(to_tail).zip(head.iter().chain(tail)) {
            *to = from.load(Ordering::Relaxed);
        }
        for (to, from) in to_words.as_chunks_mut().0.iter_mut().zip(words) {
            *to = from.load(Ordering::Relaxed).to_ne_bytes();
        }
        Some(())
    }

    /// Copies `bytes` to `at`; `None` when that leaves the window.
    #[inline]
    pub(crate) fn write(&self, at: usize, bytes: &[u8]) -> Option<()> {
        let (head, words, tail) = self.parts(at, bytes.len())?;
        let (from_head, rest) = bytes.split_at(head.len());
        let (from_words, from_tail) = rest.split_at(size_of_val(words));
        for (from, to) in from_head.iter().chain(from_tail).zip(head.iter().chain(tail)) {
            to.store(*from, Ordering::Relaxed);
        }
        for (from, to) in from_words.as_chunks().0.iter().zip(words) {
            to.store(u64::from_ne_bytes(*from), Ordering::Relaxed);
        }
        Some(())
    }

    /// Copies `len` bytes in from another window (or this one), front to back; `None` when that leaves either.
    #[inline]
    pub(crate) fn copy_in(&self, at: usize, from: &Self, from_at: usize, len: usize) -> Option<()> {
        let inside = |at: usize| at.checked_add(len).is_some_and(|end| end <= WINDOW as usize);
        if !inside(at) || !inside(from_at) {
            return None;
        }
        let to = self.0.as_mut_ptr().wrapping_add(at);
        let from = from.0.as_ptr().wrapping_add(from_at);
        copy_bytes(to, from, len);
        Some(())
    }
}

/// Copies with the string move `rep movsb`: at the speed of memcpy, and, being one instruction to the compiler, free of
/// its assumption that nobody else writes the memory.
#[cfg(target_arch = "x86_64")]
fn copy_bytes(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: `copy_in` checked that both ranges lie inside mappings that its windows own and that are backed to
    // their whole length. The bytes are shared with another process, never referenced by this one, and the direction
    // flag is clear by the ABI.
    unsafe {
        std::arch::asm!(
            "rep movsb",
            inout("rcx") len => _,
            inout("rdi") to => _,
            inout("rsi") from => _,
            options(nostack, preserves_flags)
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn copy_bytes(to: *mut u8, from: *const u8, len: usize) {
    for at in 0..len {
        // SAFETY: as on x86-64; a byte is always aligned.
        let from = unsafe { AtomicU8::from_ptr(from.cast_mut().wrapping_add(at)) };
        // SAFETY: as above.
        let to = unsafe { AtomicU8::from_ptr(to.wrapping_add(at)) };
        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
