//! The crate's door to what Rust cannot prove: loops over lanes that are compiled for what the processor has.
//!
//! A loop is compiled for x86-64-v2 and for x86-64-v3. A [`Level`] is proof that the processor has what its name says, and
//! nobody but [`Level::found`] makes one; a [`Loop`] is made of a level and of the loop compiled for it, so that to call it
//! is sound. On other processors there is no level, and instructions are looked at anew.
#![allow(unsafe_code)]

use crate::wave::{LANES, Lanes};

/// What the processor has, as the x86-64 psABI counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level(Which);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    V2,
    V3,
}

impl Level {
    /// The levels that this processor has, the best one first.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn found() -> impl Iterator<Item = Self> {
        // What `leveled!` enables, feature by feature.
        let v2 = is_x86_feature_detected!("sse3")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1")
            && is_x86_feature_detected!("sse4.2")
            && is_x86_feature_detected!("popcnt");
        let v3 = v2
            && is_x86_feature_detected!("avx")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("lzcnt");
        [(v3, Which::V3), (v2, Which::V2)].into_iter().filter(|(has, _)| *has).map(|(_, which)| Self(which))
    }

    /// None that are known here.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn found() -> impl Iterator<Item = Self> {
        std::iter::empty()
    }
}

/// A loop of 32-bit operations: the result, and up to three sources.
pub(crate) type Narrow = unsafe fn(&mut Lanes, &Lanes, &Lanes, &Lanes);
/// The two registers of a wide operand; of a narrow one both are the same.
pub(crate) type Pair<'a> = [&'a Lanes; 2];
/// A loop with 64-bit operands: the result's registers, and up to three sources.
pub(crate) type Wide = unsafe fn([&mut Lanes; 2], [Pair<'_>; 3]);
/// A loop that reads and gives a mask.
pub(crate) type Masked = unsafe fn(&mut Lanes, &Lanes, &Lanes, u64) -> u64;
/// A loop with 64-bit operands that gives a mask.
pub(crate) type Holds = unsafe fn([Pair<'_>; 2]) -> u64;

/// A loop that this processor can run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loop<F>(F);

impl<F> Loop<F> {
    /// The one of two that is compiled for a level. `leveled!` is what calls this: `v2` and `v3` need no more than their names
    /// say.
    pub(crate) fn of(level: Level, v2: F, v3: F) -> Self {
        Self(if level.0 == Which::V3 { v3 } else { v2 })
    }
}

impl Loop<Narrow> {
    #[inline]
    pub(crate) fn call(self, out: &mut Lanes, a: &Lanes, b: &Lanes, c: &Lanes) {
        // SAFETY: the loop needs what the level, of which it was made, has been found to be there.
        unsafe { (self.0)(out, a, b, c) }
    }
}

impl Loop<Wide> {
    #[inline]
    pub(crate) fn call(self, out: [&mut Lanes; 2], sources: [Pair<'_>; 3]) {
        // SAFETY: as of a narrow one.
        unsafe { (self.0)(out, sources) }
    }
}

impl Loop<Masked> {
    #[inline]
    pub(crate) fn call(self, out: &mut Lanes, a: &Lanes, b: &Lanes, mask: u64) -> u64 {
        // SAFETY: as of a narrow one.
        unsafe { (self.0)(out, a, b, mask) }
    }
}

impl Loop<Holds> {
    #[inline]
    pub(crate) fn call(self, sources: [Pair<'_>; 2]) -> u64 {
        // SAFETY: as of a narrow one.
        unsafe { (self.0)(sources) }
    }
}

/// How the highest bits of all lanes become a mask. Its method is inlined into a loop of its level and is nowhere else.
pub(crate) trait Bits {
    fn of(words: &[u32; LANES]) -> u64;
}

/// By what every x86-64 processor has.
pub(crate) struct Four;
/// By AVX2: for loops of x86-64-v3.
pub(crate) struct Eight;

#[cfg(target_arch = "x86_64")]
impl Bits for Four {
    #[inline(always)]
    fn of(words: &[u32; LANES]) -> u64 {
        use std::arch::x86_64::{_mm_loadu_ps, _mm_movemask_ps};
        let mut mask = 0;
        for (at, four) in words.as_chunks::<4>().0.iter().enumerate() {
            // SAFETY: SSE is part of x86-64; four words are what is read.
            let four = unsafe { _mm_loadu_ps(four.as_ptr().cast()) };
            // SAFETY: SSE is part of x86-64.
            let bits = unsafe { _mm_movemask_ps(four) };
            mask |= u64::from(bits as u32) << (4 * at);
        }
        mask
    }
}

#[cfg(target_arch = "x86_64")]
impl Bits for Eight {
    #[inline(always)]
    fn of(words: &[u32; LANES]) -> u64 {
        use std::arch::x86_64::{_mm256_loadu_ps, _mm256_movemask_ps};
        let mut mask = 0;
        for (at, eight) in words.as_chunks::<8>().0.iter().enumerate() {
            // SAFETY: eight words are what is read; who names this type is a loop of x86-64-v3, which is called by proof of it.
            let eight = unsafe { _mm256_loadu_ps(eight.as_ptr().cast()) };
            // SAFETY: as above.
            let bits = unsafe { _mm256_movemask_ps(eight) };
            mask |= u64::from(bits as u32) << (8 * at);
        }
        mask
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod portable {
    use super::{Bits, Eight, Four, LANES};

    impl Bits for Four {
        fn of(words: &[u32; LANES]) -> u64 {
            words.iter().enumerate().fold(0, |mask, (at, word)| mask | u64::from(word >> 31) << at)
        }
    }

    impl Bits for Eight {
        fn of(words: &[u32; LANES]) -> u64 {
            Four::of(words)
        }
    }
}
