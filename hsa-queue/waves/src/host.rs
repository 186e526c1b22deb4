//! What a wave has around it: memory by address, a clock, somebody who takes interrupts.
//!
//! **Re-ask rule.** After [`Access::Pending`] the wave is left alone until the ticket is answered, then its instruction is
//! executed once more and asks the same again. An atomic that was carried out is not asked again: the wave keeps which
//! lanes are done.

use crate::gws::WaveSync;
use crate::wave::LANES;
use hsa_queue::AtomicKind;
use hsa_queue::memory::{Access, Width};

/// What an atomic does to the word that it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtomicOp {
    /// How the new word comes from the old one.
    pub kind: AtomicKind,
    /// Width of the word.
    pub width: Width,
    /// What the word is changed by or to, cut to the width.
    pub operand: u64,
    /// What a compare-and-swap looks for, cut to the width; others leave it alone.
    pub comparand: u64,
}

impl AtomicOp {
    /// The word after it.
    #[must_use]
    pub fn apply(self, old: u64) -> u64 {
        self.kind.apply(self.width, old, self.operand, self.comparand)
    }

    /// Bytes of the word, 4 or 8.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.width.bytes() as usize
    }
}

/// See the module's head. Bytes are little-endian.
pub trait Host {
    /// Fills `into` from memory.
    fn load(&mut self, va: u64, into: &mut [u8]) -> Access<()>;

    /// The same for a scalar load: of memory that nobody stores to until the host is asked to [`acquire`](Self::acquire) or another
    /// dispatch begins, so that it may be kept.
    #[inline]
    fn load_constant(&mut self, va: u64, into: &mut [u8]) -> Access<()> {
        self.load(va, into)
    }

    /// Stores `bytes`: all of them, or none.
    fn store(&mut self, va: u64, bytes: &[u8]) -> Access<()>;

    /// Changes the word at `va` at once, for everybody who looks; gives the old one.
    fn atomic(&mut self, va: u64, change: AtomicOp) -> Access<u64>;

    /// Loads a word of 4 bytes for each of the lanes from its address in `at`, if all of them can be answered at once;
    /// otherwise `false`, and `into` means nothing: lanes are then asked for one by one. No difference to a wave but in speed.
    #[inline]
    fn gather(&mut self, at: &[u64; LANES], lanes: u64, into: &mut [u32; LANES]) -> bool {
        let _ = (at, lanes, into);
        false
    }

    /// Stores a word of each of the lanes, the last one's where several have the same address, if all of them can be stored at
    /// once; otherwise `false`, and none is.
    #[inline]
    fn scatter(&mut self, at: &[u64; LANES], lanes: u64, words: &[u32; LANES]) -> bool {
        let _ = (at, lanes, words);
        false
    }

    /// The words of code at `va`, two of them, or one where the second is not there.
    fn fetch(&mut self, va: u64) -> Access<(u32, Option<u32>)>;

    /// The clock of S_MEMREALTIME, ticks.
    fn clock(&mut self) -> u64;

    /// Where waves of different groups meet; none, where they do not.
    fn wave_sync(&self) -> Option<&WaveSync> {
        None
    }

    /// BUFFER_WBINVL1, S_DCACHE_INV, or a load past the cache: what others stored before is seen from now on. A host that keeps nothing of memory has
    /// nothing to do.
    #[inline]
    fn acquire(&mut self) {}

    /// Waves of this thread meet others: what they stored is to be there first. A host that stores at once has nothing to do.
    #[inline]
    fn release(&mut self) {}

    /// S_SENDMSG(MSG_INTERRUPT): the event that M0 names.
    fn interrupt(&mut self, event: u32);
}
