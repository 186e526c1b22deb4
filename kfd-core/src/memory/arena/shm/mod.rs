//! The only place where memory shared with a client is touched: a mapped window of an arena, by atomics alone.
//!
//! The client stores to the same bytes at any time, so no reference to them ever exists; words are std's atomics
//! (never a model's: a model cannot stand in for memory it does not own). Copies ([`Window::read`], [`Window::write`]) may tear
//! between words of eight bytes and never inside one: they go by aligned words, and where there are many by aligned moves of 16
//! bytes, which are atomic on every processor with AVX (Intel SDM 3A, 9.1.1; AMD APM 2, 7.3.2), and whose halves are on the rest.
//!
//! Wave workers map arenas as the core does; not for: which bytes an address means.
#![allow(unsafe_code)]
#![allow(clippy::disallowed_types)]

mod moves;

use hsa_queue::AtomicKind as Kind;
use hsa_queue::memory::Width;
use memmap2::{MmapOptions, MmapRaw};
use std::io;
use std::os::fd::BorrowedFd;
use std::slice;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// Bytes of one window: large enough that a process needs few, small enough that many processes fit an address space.
pub const WINDOW: u64 = 4 << 30;

/// Bytes that a processor fetches at once.
const LINE: usize = 64;

/// Bytes of an arena, [`WINDOW`] of them in the core, mapped for as long as this lives.
#[derive(Debug)]
pub struct Window(MmapRaw);

macro_rules! word {
    ($name:ident, $atomic:ty) => {
        /// The atomic word at `at`; `None` when it is misaligned or not wholly inside the window.
        #[inline]
        fn $name(&self, at: usize) -> Option<&$atomic> {
            const LEN: usize = size_of::<$atomic>();
            if !at.is_multiple_of(LEN) || self.0.len().checked_sub(LEN).is_none_or(|last| at > last) {
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

/// Changes a word; what the processor does not have is a loop.
macro_rules! change {
    ($word:expr, $signed:ty, $kind:expr, $operand:expr, $comparand:expr) => {{
        let (word, operand, comparand) = ($word, $operand, $comparand);
        let update = |new: &dyn Fn(_) -> _| {
            let mut old = word.load(Ordering::Relaxed);
            loop {
                match word.compare_exchange_weak(old, new(old), Ordering::SeqCst, Ordering::Relaxed) {
                    Ok(old) => break old,
                    Err(now) => old = now,
                }
            }
        };
        match $kind {
            Kind::Swap => word.swap(operand, Ordering::SeqCst),
            Kind::CompareSwap => {
                let done = word.compare_exchange(comparand, operand, Ordering::SeqCst, Ordering::SeqCst);
                done.unwrap_or_else(|was| was)
            }
            Kind::Add => word.fetch_add(operand, Ordering::SeqCst),
            Kind::Sub => word.fetch_sub(operand, Ordering::SeqCst),
            Kind::And => word.fetch_and(operand, Ordering::SeqCst),
            Kind::Or => word.fetch_or(operand, Ordering::SeqCst),
            Kind::Xor => word.fetch_xor(operand, Ordering::SeqCst),
            Kind::UMin => word.fetch_min(operand, Ordering::SeqCst),
            Kind::UMax => word.fetch_max(operand, Ordering::SeqCst),
            Kind::SMin => update(&|old| if (old as $signed) < operand as $signed { old } else { operand }),
            Kind::SMax => update(&|old| if (old as $signed) < operand as $signed { operand } else { old }),
            Kind::Inc => update(&|old| if old >= operand { 0 } else { old + 1 }),
            Kind::Dec => update(&|old| if old == 0 || old > operand { operand } else { old - 1 }),
        }
    }};
}

#[allow(clippy::multiple_unsafe_ops_per_block)]
impl Window {
    word!(u8_at, AtomicU8);
    word!(u16_at, AtomicU16);
    word!(u32_at, AtomicU32);
    word!(u64_at, AtomicU64);

    /// Maps the window that starts at `offset` of a sealed memfd.
    ///
    /// # Errors
    /// The kernel's, when there is no room for it in the address space.
    pub fn map(memfd: BorrowedFd<'_>, offset: u64) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        MmapOptions::new().offset(offset).len(WINDOW as usize).map_raw(memfd.as_raw_fd()).map(Self)
    }

    /// Maps the first `len` bytes of a sealed memfd, all that it has or fewer.
    ///
    /// # Errors
    /// The kernel's, when there is no room for it in the address space; InvalidInput for none at all.
    pub fn map_whole(memfd: BorrowedFd<'_>, len: usize) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        if len == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        MmapOptions::new().len(len).map_raw(memfd.as_raw_fd()).map(Self)
    }

    /// Whether these bytes are all inside.
    #[inline]
    pub fn holds(&self, at: usize, len: usize) -> bool {
        at.checked_add(len).is_some_and(|end| end <= self.0.len())
    }

    /// Loads a word with acquire ordering.
    #[inline]
    pub fn load_u64(&self, at: usize) -> Option<u64> {
        Some(u64::from_le(self.u64_at(at)?.load(Ordering::Acquire)))
    }

    /// Loads a word with acquire ordering.
    #[inline]
    pub fn load_u32(&self, at: usize) -> Option<u32> {
        Some(u32::from_le(self.u32_at(at)?.load(Ordering::Acquire)))
    }

    /// Loads a half-word with acquire ordering.
    #[inline]
    pub fn load_u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_le(self.u16_at(at)?.load(Ordering::Acquire)))
    }

    /// Loads a byte with acquire ordering.
    #[inline]
    pub fn load_u8(&self, at: usize) -> Option<u8> {
        Some(self.u8_at(at)?.load(Ordering::Acquire))
    }

    /// Stores a word with release ordering.
    #[inline]
    pub fn store_u64(&self, at: usize, value: u64) -> Option<()> {
        self.u64_at(at)?.store(value.to_le(), Ordering::Release);
        Some(())
    }

    /// Stores a word with release ordering.
    #[inline]
    pub fn store_u32(&self, at: usize, value: u32) -> Option<()> {
        self.u32_at(at)?.store(value.to_le(), Ordering::Release);
        Some(())
    }

    /// Replaces `old` by `new` and returns the value before, with acquire and release ordering. Native byte order, as
    /// in `fetch_sub_u64`.
    #[inline]
    pub fn compare_exchange_u32(&self, at: usize, old: u32, new: u32) -> Option<u32> {
        let done = self.u32_at(at)?.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire);
        Some(done.unwrap_or_else(|was| was))
    }

    /// Replaces `old` by `new` and returns the value before, with acquire and release ordering. Native byte order.
    #[inline]
    pub fn compare_exchange_u64(&self, at: usize, old: u64, new: u64) -> Option<u64> {
        let done = self.u64_at(at)?.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire);
        Some(done.unwrap_or_else(|was| was))
    }

    /// Stores a half-word with release ordering.
    #[inline]
    pub fn store_u16(&self, at: usize, value: u16) -> Option<()> {
        self.u16_at(at)?.store(value.to_le(), Ordering::Release);
        Some(())
    }

    /// Stores a byte with release ordering.
    #[inline]
    pub fn store_u8(&self, at: usize, value: u8) -> Option<()> {
        self.u8_at(at)?.store(value, Ordering::Release);
        Some(())
    }

    /// Changes a word at once for everybody who looks, and returns the value before, with the ordering of all. Native byte
    /// order.
    #[inline]
    pub fn change(&self, at: usize, width: Width, kind: Kind, operand: u64, comparand: u64) -> Option<u64> {
        match width {
            Width::Four => {
                let (operand, comparand) = (operand as u32, comparand as u32);
                Some(change!(self.u32_at(at)?, i32, kind, operand, comparand).into())
            }
            Width::Eight => Some(change!(self.u64_at(at)?, i64, kind, operand, comparand)),
        }
    }

    /// Subtracts `n` and returns the value before, with acquire and release ordering. Native byte order is the
    /// client's: both run on this machine.
    #[inline]
    pub fn fetch_sub_u64(&self, at: usize, n: u64) -> Option<u64> {
        Some(self.u64_at(at)?.fetch_sub(n, Ordering::AcqRel))
    }

    /// The `len` bytes at `at` as whole words; `None` when they are not all inside the window or not aligned.
    #[inline]
    pub fn words(&self, at: usize, len: usize) -> Option<&[AtomicU64]> {
        let from = self.range(at, len)?;
        if !at.is_multiple_of(size_of::<u64>()) || !len.is_multiple_of(size_of::<u64>()) {
            return None;
        }
        // SAFETY: [at, at + len) lies inside the mapping by the check of `range`, and `at` is a multiple of 8, as the
        // mapping's base is. The rest is as in `word!`: `self` owns the mapping, it is backed throughout, and all accesses are
        // atomic.
        Some(unsafe { slice::from_raw_parts(from.cast(), len / size_of::<u64>()) })
    }

    /// The address of the `len` bytes at `at`; `None` when they are not all inside the window.
    #[inline]
    fn range(&self, at: usize, len: usize) -> Option<*mut u8> {
        self.holds(at, len).then(|| self.0.as_mut_ptr().wrapping_add(at))
    }

    /// Copies from `at` on into `out`; `None` when that leaves the window.
    #[inline]
    pub fn read(&self, at: usize, out: &mut [u8]) -> Option<()> {
        let from = self.range(at, out.len())?;
        // SAFETY: `from` has `out.len()` bytes by the check of `range`, of a mapping as in `word!`; `out` is ours.
        unsafe { moves::out_of(from, out.as_mut_ptr(), out.len()) };
        Some(())
    }

    /// Copies `bytes` to `at`; `None` when that leaves the window.
    #[inline]
    pub fn write(&self, at: usize, bytes: &[u8]) -> Option<()> {
        let to = self.range(at, bytes.len())?;
        // SAFETY: `to` has `bytes.len()` bytes by the check of `range`, of a mapping as in `word!`.
        unsafe { moves::into(bytes.as_ptr(), to, bytes.len()) };
        Some(())
    }

    /// Has the processor fetch the `len` bytes at `at` that may be asked for soon. Nothing happens where there are none.
    #[inline]
    pub fn expect(&self, at: usize, len: usize) {
        if let Some(from) = self.range(at, len) {
            for line in (0..len).step_by(LINE) {
                fetch(from.wrapping_add(line));
            }
        }
    }

    /// Copies `len` bytes in from another window (or this one), front to back; `None` when that leaves either.
    #[inline]
    pub fn copy_in(&self, at: usize, from: &Self, from_at: usize, len: usize) -> Option<()> {
        copy_bytes(self.range(at, len)?, from.range(from_at, len)?, len);
        Some(())
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn fetch(line: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: SSE is part of x86-64, and a hint reads nothing that the program sees.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
fn fetch(_: *const u8) {}

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
