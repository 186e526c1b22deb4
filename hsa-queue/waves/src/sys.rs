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
/// A loop with 64-bit operands: the result's registers, and up to three sources. Gives a mask, if the operation does.
pub(crate) type Wide =
    unsafe fn(&mut Lanes, &mut Lanes, &Lanes, &Lanes, &Lanes, &Lanes, &Lanes, &Lanes) -> u64;
/// A loop that reads and gives a mask.
pub(crate) type Masked = unsafe fn(&mut Lanes, &Lanes, &Lanes, u64) -> u64;
/// A loop of 64-bit operations of which one source is the same in all lanes: the result's registers, that source, and the other's
/// registers. Gives a mask.
pub(crate) type Based = unsafe fn(&mut Lanes, &mut Lanes, u64, &Lanes, &Lanes) -> u64;
/// A loop with 64-bit operands that gives a mask.
pub(crate) type Holds = unsafe fn(&Lanes, &Lanes, &Lanes, &Lanes) -> u64;

/// A loop that loads a word for each lane from its address, whose rows have a shape, plus an offset; whether all of them are there. If not, the result
/// means nothing.
pub(crate) type Gather = unsafe fn(&mut Lanes, &[u8], &Lanes, u32, u32) -> bool;
/// A loop that tells the shapes of addresses' rows, as the gather takes them.
pub(crate) type Shapes = unsafe fn(&Lanes) -> u32;
/// A loop that tells whether addresses follow each other at a distance of so many bytes.
pub(crate) type Follow = unsafe fn(Pair<'_>, u32) -> bool;

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
    pub(crate) fn call(self, [low, high]: [&mut Lanes; 2], a: Pair<'_>, b: Pair<'_>, c: Pair<'_>) -> u64 {
        // SAFETY: as of a narrow one.
        unsafe { (self.0)(low, high, a[0], a[1], b[0], b[1], c[0], c[1]) }
    }
}

impl Loop<Masked> {
    #[inline]
    pub(crate) fn call(self, out: &mut Lanes, a: &Lanes, b: &Lanes, mask: u64) -> u64 {
        // SAFETY: as of a narrow one.
        unsafe { (self.0)(out, a, b, mask) }
    }
}

impl Loop<Based> {
    #[inline]
    pub(crate) fn call(self, [low, high]: [&mut Lanes; 2], base: u64, other: Pair<'_>) -> u64 {
        // SAFETY: as of a narrow one.
        unsafe { (self.0)(low, high, base, other[0], other[1]) }
    }
}

impl Loop<Holds> {
    #[inline]
    pub(crate) fn call(self, a: Pair<'_>, b: Pair<'_>) -> u64 {
        // SAFETY: as of a narrow one.
        unsafe { (self.0)(a[0], a[1], b[0], b[1]) }
    }
}

impl Loop<Gather> {
    #[inline]
    pub(crate) fn call(self, out: &mut Lanes, bytes: &[u8], at: &Lanes, offset: u32, shapes: u32) -> bool {
        // SAFETY: as of a narrow one.
        unsafe { (self.0)(out, bytes, at, offset, shapes) }
    }
}

impl Loop<Shapes> {
    #[inline]
    pub(crate) fn call(self, at: &Lanes) -> u32 {
        // SAFETY: as of a narrow one.
        unsafe { (self.0)(at) }
    }
}

impl Loop<Follow> {
    #[inline]
    pub(crate) fn call(self, addresses: Pair<'_>, distance: u32) -> bool {
        // SAFETY: as of a narrow one.
        unsafe { (self.0)(addresses, distance) }
    }
}

/// How the highest bits of eight lanes become a mask, and how words are gathered: one after the other, where nothing better is known.
/// Its methods are inlined into a loop of its level and are nowhere else.
pub(crate) trait Bits {
    fn of(words: &[u32; 8]) -> u64;

    /// Whether places follow each other word by word, and whether all are one.
    #[inline(always)]
    fn distances(at: &[u32; 16]) -> (bool, bool) {
        measured(at)
    }

    /// Whether each place is a distance after the one before it, and all upper halves are one.
    #[inline(always)]
    fn follow(low: &[u32; LANES], high: &[u32; LANES], distance: u32) -> bool {
        following(low, high, distance)
    }

    /// Loads words from places plus an offset; whether all of them are there.
    #[inline(always)]
    fn gather(out: &mut [u32; 16], bytes: &[u8], at: &[u32; 16], offset: u32) -> bool {
        each(out, bytes, at, offset)
    }
}

/// The distances of words that follow each other.
const FOLLOWING: [u32; 16] = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60];

/// Looks at distances one after the other.
#[inline(always)]
fn measured(at: &[u32; 16]) -> (bool, bool) {
    let places = at.iter().map(|place| place.wrapping_sub(at[0]));
    let off = places.clone().zip(FOLLOWING).fold(0, |off, (distance, following)| off | distance ^ following);
    (off == 0, places.fold(0, |off, distance| off | distance) == 0)
}

/// Looks at places one after the other.
#[inline(always)]
fn following(low: &[u32; LANES], high: &[u32; LANES], distance: u32) -> bool {
    let (mut off, mut next) = (0, low[0]);
    for (low, upper) in low.iter().zip(high) {
        off |= low ^ next | upper ^ high[0];
        next = next.wrapping_add(distance);
    }
    off == 0
}

/// Loads words one after the other.
#[inline(always)]
fn each(out: &mut [u32; 16], bytes: &[u8], at: &[u32; 16], offset: u32) -> bool {
    for (out, at) in out.iter_mut().zip(at) {
        let at = at.wrapping_add(offset) as usize;
        let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else { return false };
        *out = u32::from_le_bytes(*word);
    }
    true
}

/// By what every x86-64 processor has.
pub(crate) struct Four;
/// By AVX2: for loops of x86-64-v3.
pub(crate) struct Eight;

#[cfg(target_arch = "x86_64")]
impl Bits for Four {
    #[inline(always)]
    fn of(words: &[u32; 8]) -> u64 {
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
    fn of(words: &[u32; 8]) -> u64 {
        use std::arch::x86_64::{_mm256_loadu_ps, _mm256_movemask_ps};
        // SAFETY: eight words are what is read; who names this type is a loop of x86-64-v3, which is called by proof of it.
        let eight = unsafe { _mm256_loadu_ps(words.as_ptr().cast()) };
        // SAFETY: as above.
        let bits = unsafe { _mm256_movemask_ps(eight) };
        u64::from(bits as u32)
    }

    #[inline(always)]
    fn distances(at: &[u32; 16]) -> (bool, bool) {
        use std::arch::x86_64::{
            __m256i, _mm256_loadu_si256, _mm256_or_si256, _mm256_set1_epi32, _mm256_sub_epi32,
            _mm256_testz_si256, _mm256_xor_si256,
        };
        let load = |words: &[u32; 8]| -> __m256i {
            // SAFETY: eight words are what is read; AVX2 is there as in `of`.
            unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
        };
        let [low, high] = at.as_chunks::<8>().0 else { return measured(at) };
        let [first, second] = FOLLOWING.as_chunks::<8>().0 else { return measured(at) };
        // SAFETY: AVX2 is there as in `of`; these reach for no memory.
        #[allow(clippy::multiple_unsafe_ops_per_block, reason = "all for the same reason")]
        unsafe {
            let base = _mm256_set1_epi32(at[0] as i32);
            let (low, high) = (_mm256_sub_epi32(load(low), base), _mm256_sub_epi32(load(high), base));
            let one = _mm256_or_si256(low, high);
            let off =
                _mm256_or_si256(_mm256_xor_si256(low, load(first)), _mm256_xor_si256(high, load(second)));
            (_mm256_testz_si256(off, off) != 0, _mm256_testz_si256(one, one) != 0)
        }
    }

    #[inline(always)]
    fn follow(low: &[u32; LANES], high: &[u32; LANES], distance: u32) -> bool {
        use std::arch::x86_64::{
            __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_or_si256, _mm256_set1_epi32,
            _mm256_setzero_si256, _mm256_testz_si256, _mm256_xor_si256,
        };
        let load = |words: &[u32; 8]| -> __m256i {
            // SAFETY: eight words are what is read; AVX2 is there as in `of`.
            unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
        };
        let lanes = std::array::from_fn(|lane| low[0].wrapping_add(distance.wrapping_mul(lane as u32)));
        let mut next = load(&lanes);
        // SAFETY: AVX2 is there as in `of`; these reach for no memory.
        #[allow(clippy::multiple_unsafe_ops_per_block, reason = "all for the same reason")]
        unsafe {
            let step = _mm256_set1_epi32(distance.wrapping_mul(8) as i32);
            let (first, mut off) = (_mm256_set1_epi32(high[0] as i32), _mm256_setzero_si256());
            for (low, high) in low.as_chunks::<8>().0.iter().zip(high.as_chunks::<8>().0) {
                off = _mm256_or_si256(off, _mm256_xor_si256(load(low), next));
                off = _mm256_or_si256(off, _mm256_xor_si256(load(high), first));
                next = _mm256_add_epi32(next, step);
            }
            _mm256_testz_si256(off, off) != 0
        }
    }

    #[inline(always)]
    fn gather(out: &mut [u32; 16], bytes: &[u8], at: &[u32; 16], offset: u32) -> bool {
        use std::arch::x86_64::{_mm256_i32gather_epi32, _mm256_loadu_si256, _mm256_storeu_si256};
        // The last place of a word; places are below 2^31, and are taken as signed.
        let Some(last) = bytes.len().checked_sub(4).and_then(|last| i32::try_from(last).ok()) else {
            return false;
        };
        let places = at.map(|at| at.wrapping_add(offset));
        if places.iter().fold(0, |most, place| most.max(*place)) > last as u32 {
            return false;
        }
        for (out, places) in out.as_chunks_mut::<8>().0.iter_mut().zip(places.as_chunks::<8>().0) {
            // SAFETY: eight words are what is read; AVX2 is there as in `of`.
            let places = unsafe { _mm256_loadu_si256(places.as_ptr().cast()) };
            // SAFETY: each place has four bytes after it in `bytes`, as was compared above; a gather needs no alignment.
            let words = unsafe { _mm256_i32gather_epi32::<1>(bytes.as_ptr().cast(), places) };
            // SAFETY: eight words are what is written.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), words) };
        }
        true
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod portable {
    use super::{Bits, Eight, Four};

    impl Bits for Four {
        fn of(words: &[u32; 8]) -> u64 {
            words.iter().enumerate().fold(0, |mask, (at, word)| mask | u64::from(word >> 31) << at)
        }
    }

    impl Bits for Eight {
        fn of(words: &[u32; 8]) -> u64 {
            Four::of(words)
        }
    }
}
