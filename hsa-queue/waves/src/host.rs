//! What a wave has around it: memory by address, a clock, somebody who takes interrupts.
//!
//! **Re-ask rule.** After [`Access::Pending`] the wave is left alone until the ticket is answered, then its instruction is
//! executed once more and asks the same again. An atomic that was carried out is not asked again: the wave keeps which
//! lanes are done.

use crate::gws::WaveSync;
use crate::wave::LANES;
use hsa_queue::memory::Access;

/// What an atomic does to the word that it finds. Integers without sign wrap; `Inc` and `Dec` wrap at the operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Atomic {
    Swap,
    /// Stores the operand if the word is this.
    CompareSwap(u64),
    Add,
    Sub,
    MinSigned,
    MinUnsigned,
    MaxSigned,
    MaxUnsigned,
    And,
    Or,
    Xor,
    Inc,
    Dec,
}

impl Atomic {
    /// The word after it, of `bytes` 4 or 8.
    #[must_use]
    pub fn apply(self, old: u64, operand: u64, bytes: usize) -> u64 {
        let bits = 8 * bytes as u32;
        let mask = u64::MAX >> (64 - bits);
        let signed = |value: u64| ((value << (64 - bits)) as i64) >> (64 - bits);
        let pick = |first: bool| if first { operand } else { old };
        mask & match self {
            Self::Swap => operand,
            Self::CompareSwap(expected) => pick(old == expected & mask),
            Self::Add => old.wrapping_add(operand),
            Self::Sub => old.wrapping_sub(operand),
            Self::MinSigned => pick(signed(operand) < signed(old)),
            Self::MinUnsigned => pick(operand < old),
            Self::MaxSigned => pick(signed(operand) > signed(old)),
            Self::MaxUnsigned => pick(operand > old),
            Self::And => old & operand,
            Self::Or => old | operand,
            Self::Xor => old ^ operand,
            Self::Inc => {
                if old >= operand {
                    0
                } else {
                    old + 1
                }
            }
            Self::Dec => {
                if old == 0 || old > operand {
                    operand
                } else {
                    old - 1
                }
            }
        }
    }
}

/// See the module's head. Bytes are little-endian.
pub trait Host {
    /// Fills `into` from memory.
    fn load(&mut self, va: u64, into: &mut [u8]) -> Access<()>;

    /// Stores `bytes`: all of them, or none.
    fn store(&mut self, va: u64, bytes: &[u8]) -> Access<()>;

    /// Changes the word of 4 or 8 bytes at `va` at once, for everybody who looks; gives the old one.
    fn atomic(&mut self, va: u64, atomic: Atomic, operand: u64, bytes: usize) -> Access<u64>;

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

    /// S_SENDMSG(MSG_INTERRUPT): the event that M0 names.
    fn interrupt(&mut self, event: u32);
}
