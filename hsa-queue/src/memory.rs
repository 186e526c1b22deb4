//! The seam between a packet processor and the memory of its client.
//!
//! A processor knows addresses in its client's GPU address space and nothing of what is behind them. Each
//! access goes through a [`MemoryView`], which answers [`Access::Ready`] at once (memory shared with the
//! daemon), [`Access::Pending`] (memory that somebody else has to fetch) or [`Access::Fault`] (no such
//! memory, or not for this client).
//!
//! **Re-ask rule.** After `Pending(ticket)` the caller leaves the processor alone until the view knows the
//! answer to that ticket, then steps the processor again. The processor issues *the same* access again (same
//! method, same address, same length, same operand) and the view answers it from the result. An access that
//! changes memory is therefore carried out once, by the view, and only reported twice. A processor has at most
//! one access open.
//!
//! **Ordering.** `load_*` are acquire, `store_*` release, [`MemoryView::fetch_sub_u64`] both; `read` and
//! `write` promise nothing by themselves, neither order nor freedom from tearing: what matters is read after
//! an acquiring load that says it is there, or written before a releasing store that says so. Multi-byte
//! accesses are little-endian, and naturally aligned or else a fault.
//!
//! Not for: who owns an address, what a fault means to the client (the caller raises the memory exception).

use crate::sync::AtomicU64;
use crate::wave::WaveEngine;
use std::fmt;

/// An address in a client's GPU virtual address space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GpuVa(pub u64);

impl GpuVa {
    /// The address that HSA handles use for "none".
    pub const NULL: Self = Self(0);

    /// Whether this is the null address.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// This address plus `bytes`, modulo 2^64: addresses come from clients, and the view judges the sum.
    #[must_use]
    #[inline]
    pub const fn offset(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// Whether this is a multiple of `align`, a power of two.
    #[must_use]
    pub const fn is_aligned(self, align: u64) -> bool {
        self.0 & (align - 1) == 0
    }
}

impl fmt::Debug for GpuVa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GpuVa({:#x})", self.0)
    }
}

impl fmt::Display for GpuVa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Names one unanswered access of one view; means nothing to anyone else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// An access that cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("memory fault: {} of {len} bytes at {va}", if *.write { "write" } else { "read" })]
pub struct Fault {
    /// First byte of the access (not of the part that is missing).
    pub va: GpuVa,
    /// Length of the access in bytes.
    pub len: u64,
    /// Whether the access would have changed memory.
    pub write: bool,
}

/// The answer to one access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[allow(missing_docs, reason = "the names say it")]
pub enum Access<T> {
    /// Done, with this result.
    Ready(T),
    /// Not yet: see the re-ask rule in the [module's head](self).
    Pending(Ticket),
    Fault(Fault),
}

impl<T> Access<T> {
    /// Applies `f` to a ready result.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Access<U> {
        match self {
            Self::Ready(t) => Access::Ready(f(t)),
            Self::Pending(t) => Access::Pending(t),
            Self::Fault(f) => Access::Fault(f),
        }
    }
}

/// How wide a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Width {
    /// 32 bits.
    Four,
    /// 64 bits.
    Eight,
}

impl Width {
    /// Size of the access in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// Cuts a value to this width.
    #[must_use]
    pub const fn cut(self, value: u64) -> u64 {
        match self {
            Self::Four => value & 0xffff_ffff,
            Self::Eight => value,
        }
    }
}

/// Packets of 64 bytes, side by side in a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Slots {
    pub va: GpuVa,
    /// How many, perhaps none; at most as many as 64 KiB hold.
    pub count: u32,
}

/// A client's memory as one of its queues sees it. Ordering and the meaning of `Pending`: [module head](self).
///
/// Methods take `&mut self` so that a view may keep its open request and a cache of translations without
/// locks; a view of shared memory needs neither and compiles to plain loads and stores.
pub trait MemoryView {
    /// Acquiring load of an aligned 64-bit word.
    fn load_u64(&mut self, va: GpuVa) -> Access<u64>;
    /// Acquiring load of an aligned 32-bit word.
    fn load_u32(&mut self, va: GpuVa) -> Access<u32>;
    /// Releasing store of an aligned 64-bit word.
    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()>;
    /// Releasing store of an aligned 16-bit word; the bytes beside it are not touched.
    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()>;
    /// Copies `out.len()` bytes out, any alignment. After `Ready` all of `out` is filled; otherwise its
    /// contents are unspecified.
    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()>;
    /// Copies `bytes` in, any alignment.
    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()>;
    /// Subtracts `n` from an aligned 64-bit word, modulo 2^64, and returns what it was before. Atomic where
    /// the memory allows (not in USERPTR memory: read, subtract, write).
    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64>;

    /// Releasing store of an aligned 32-bit word. Unless a view does better: a [`MemoryView::write`], and so
    /// releasing only where stores are not reordered.
    #[inline]
    fn store_u32(&mut self, va: GpuVa, value: u32) -> Access<()> {
        if !va.is_aligned(4) {
            return Access::Fault(Fault { va, len: 4, write: true });
        }
        self.write(va, &value.to_le_bytes())
    }

    /// Replaces an aligned word by `new` if it is `old`, atomically, and answers what it was. `None` where the
    /// memory knows no such thing (USERPTR memory); the caller then loads and stores. Which of the two must not
    /// change while an access is open.
    #[inline]
    fn compare_exchange(&mut self, va: GpuVa, width: Width, old: u64, new: u64) -> Option<Access<u64>> {
        let _ = (va, width, old, new);
        None
    }

    /// Copies `len` bytes (at most 64 KiB) without a detour, front to back, any alignment. `None` where a view cannot;
    /// the caller then reads and writes. Order and tearing as of `read` and `write`. Which of the two must not change
    /// while an access is open.
    #[inline]
    fn copy(&mut self, dst: GpuVa, src: GpuVa, len: u64) -> Option<Access<()>> {
        let _ = (dst, src, len);
        None
    }

    /// Makes the headers of `retired` INVALID (bodies stay as they are), and then reads `wanted` up to the first packet that
    /// is INVALID: each header is acquired before its packet is read. Answers how many packets those are; they are the
    /// beginning of `out`, which has room for all that are wanted and is untouched unless the answer is `Ready`.
    ///
    /// `None` where a view has nothing better than `read` and `write`, or not for these slots. The caller then makes do
    /// with those, also after a fault, which may lie in either range, and also where an access was open: doing it again
    /// does no harm while the read index has not passed `retired`.
    #[inline]
    fn packets(&mut self, retired: Slots, wanted: Slots, out: &mut [[u64; 8]]) -> Option<Access<usize>> {
        let _ = (retired, wanted, out);
        None
    }

    /// The `len` bytes from `va` on, both multiples of 8, as words to be loaded and stored in place, if all of them
    /// are memory that answers at once and may be written to. Whoever asks keeps to the words' owner's rules; the
    /// checks are paid once for all of them.
    #[inline]
    fn words(&mut self, va: GpuVa, len: u64) -> Option<&[AtomicU64]> {
        let _ = (va, len);
        None
    }

    /// The engine that runs the waves of this queue's dispatches, on the same memory; `None` where there is none.
    #[inline]
    fn waves(&mut self) -> Option<&mut dyn WaveEngine> {
        None
    }
}
