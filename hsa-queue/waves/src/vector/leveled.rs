//! Loops over all lanes, each compiled for every level, around the function of one lane that is the operation.
//!
//! A function of one lane is `#[inline(always)]` and so are the loops; what is compiled with a level's features is the thin
//! function that calls them, into which both are inlined. A closure would not do: where it is not inlined it has no features.
#![allow(clippy::needless_range_loop, reason = "the same lane of several arrays, as vectors have it")]

use crate::operand::Word;
use crate::sys::{Bits, Pair};
use crate::wave::{LANES, Lanes};

/// A loop of two levels: `leveled!(level, Type, |arguments| expression)`.
macro_rules! leveled {
    ($level:expr, $ty:ty, ($($arg:ident: $arg_ty:ty),+) $(-> $ret:ty)?, $v2:expr, $v3:expr) => {{
        #[allow(clippy::too_many_arguments, reason = "each register has its own")]
        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "sse3,ssse3,sse4.1,sse4.2,popcnt"))]
        fn v2($($arg: $arg_ty),+) $(-> $ret)? { $v2 }
        #[allow(clippy::too_many_arguments, reason = "each register has its own")]
        #[cfg_attr(
            target_arch = "x86_64",
            target_feature(enable = "sse3,ssse3,sse4.1,sse4.2,popcnt,avx,avx2,bmi1,bmi2,fma,lzcnt")
        )]
        fn v3($($arg: $arg_ty),+) $(-> $ret)? { $v3 }
        crate::sys::Loop::<$ty>::of($level, v2, v3)
    }};
}
pub(crate) use leveled;

/// A table of operations: their functions of one lane as module `$name`, `Wave::$name` that applies them with all modifiers by
/// `$slow`, and `$name::looped` with the loops, made by `$each`, of the kind `$kind`.
macro_rules! table {
    ($name:ident, $slow:ident, $kind:ident::$each:ident; $($op:ident($($arg:ident: $ty:ty),+) -> $ret:ty = $body:expr;)+) => {
        pub(crate) mod $name {
            #![allow(clippy::wildcard_imports, reason = "a table has what its file has")]
            use super::*;
            $(#[inline(always)] pub(crate) fn $op($($arg: $ty),+) -> $ret { $body })+

            /// The loop of an operation.
            pub(crate) fn looped(op: Op, level: crate::sys::Level) -> Option<crate::sys::Loop<crate::sys::$kind>> {
                use crate::vector::leveled::{$each, $kind};
                Some(match op {
                    $(Op::$op => $kind!(level, $each, $op),)+
                    _ => return None,
                })
            }
        }

        impl Wave {
            /// Whether it was one of these.
            fn $name(&mut self, inst: &Inst) -> Result<bool, Stop> {
                match inst.op() {
                    $(Op::$op => self.$slow(inst, $name::$op),)+
                    _ => Ok(false),
                }
            }
        }
    };
}
pub(crate) use table;

macro_rules! Narrow {
    ($level:expr, $each:ident, $f:expr) => {
        crate::vector::leveled::leveled!(
            $level, crate::sys::Narrow,
            (out: &mut crate::wave::Lanes, a: &crate::wave::Lanes, b: &crate::wave::Lanes, c: &crate::wave::Lanes),
            $each($f, out, a, b, c), $each($f, out, a, b, c)
        )
    };
}
pub(crate) use Narrow;

macro_rules! Wide {
    ($level:expr, $each:ident, $f:expr) => {
        crate::vector::leveled::leveled!(
            $level, crate::sys::Wide,
            (low: &mut crate::wave::Lanes, high: &mut crate::wave::Lanes, a: &crate::wave::Lanes, ah: &crate::wave::Lanes, b: &crate::wave::Lanes, bh: &crate::wave::Lanes, c: &crate::wave::Lanes, ch: &crate::wave::Lanes) -> u64,
            $each($f, [low, high], [[a, ah], [b, bh], [c, ch]]),
            $each($f, [low, high], [[a, ah], [b, bh], [c, ch]])
        )
    };
}
pub(crate) use Wide;

/// A loop of a compare.
macro_rules! Holds {
    ($level:expr, $f:expr) => {
        crate::vector::leveled::leveled!(
            $level, crate::sys::Holds,
            (a: &crate::wave::Lanes, ah: &crate::wave::Lanes, b: &crate::wave::Lanes, bh: &crate::wave::Lanes) -> u64,
            crate::vector::leveled::holds::<_, _, crate::sys::Four>($f, [[a, ah], [b, bh]]),
            crate::vector::leveled::holds::<_, _, crate::sys::Eight>($f, [[a, ah], [b, bh]])
        )
    };
}
pub(crate) use Holds;

/// A loop that reads a bit for each lane and gives one.
macro_rules! Masked {
    ($level:expr, $f:expr) => {
        crate::vector::leveled::leveled!(
            $level, crate::sys::Masked,
            (out: &mut crate::wave::Lanes, a: &crate::wave::Lanes, b: &crate::wave::Lanes, mask: u64) -> u64,
            crate::vector::leveled::masked::<crate::sys::Four>($f, out, a, b, mask),
            crate::vector::leveled::masked::<crate::sys::Eight>($f, out, a, b, mask)
        )
    };
}
pub(crate) use Masked;

#[inline(always)]
fn get<T: Word>(lanes: &Lanes, lane: usize) -> T {
    T::of(lanes.0[lane].into())
}

#[inline(always)]
pub(crate) fn narrow1<A: Word, D: Word>(
    f: impl Fn(A) -> D,
    out: &mut Lanes,
    a: &Lanes,
    _: &Lanes,
    _: &Lanes,
) {
    for lane in 0..LANES {
        out.0[lane] = f(get(a, lane)).bits() as u32;
    }
}

#[inline(always)]
pub(crate) fn narrow2<A: Word, B: Word, D: Word>(
    f: impl Fn(A, B) -> D,
    out: &mut Lanes,
    a: &Lanes,
    b: &Lanes,
    _: &Lanes,
) {
    for lane in 0..LANES {
        out.0[lane] = f(get(a, lane), get(b, lane)).bits() as u32;
    }
}

#[inline(always)]
pub(crate) fn narrow3<A: Word, B: Word, C: Word, D: Word>(
    f: impl Fn(A, B, C) -> D,
    out: &mut Lanes,
    a: &Lanes,
    b: &Lanes,
    c: &Lanes,
) {
    for lane in 0..LANES {
        out.0[lane] = f(get(a, lane), get(b, lane), get(c, lane)).bits() as u32;
    }
}

#[inline(always)]
fn wide<T: Word>(pair: Pair<'_>, lane: usize) -> T {
    let low = u64::from(pair[0].0[lane]);
    T::of(if T::BITS == 64 { low | u64::from(pair[1].0[lane]) << 32 } else { low })
}

#[inline(always)]
fn put<T: Word>([low, high]: &mut [&mut Lanes; 2], lane: usize, value: T) {
    let bits = value.bits();
    low.0[lane] = bits as u32;
    if T::BITS == 64 {
        high.0[lane] = (bits >> 32) as u32;
    }
}

#[inline(always)]
pub(crate) fn wide1<A: Word, D: Word>(
    f: impl Fn(A) -> D,
    mut out: [&mut Lanes; 2],
    [a, _, _]: [Pair<'_>; 3],
) -> u64 {
    for lane in 0..LANES {
        put(&mut out, lane, f(wide(a, lane)));
    }
    0
}

#[inline(always)]
pub(crate) fn wide2<A: Word, B: Word, D: Word>(
    f: impl Fn(A, B) -> D,
    mut out: [&mut Lanes; 2],
    [a, b, _]: [Pair<'_>; 3],
) -> u64 {
    for lane in 0..LANES {
        put(&mut out, lane, f(wide(a, lane), wide(b, lane)));
    }
    0
}

#[inline(always)]
pub(crate) fn wide3<A: Word, B: Word, C: Word, D: Word>(
    f: impl Fn(A, B, C) -> D,
    mut out: [&mut Lanes; 2],
    [a, b, c]: [Pair<'_>; 3],
) -> u64 {
    for lane in 0..LANES {
        put(&mut out, lane, f(wide(a, lane), wide(b, lane), wide(c, lane)));
    }
    0
}

/// Sums that give their carries.
macro_rules! Carried {
    ($level:expr, $f:expr) => {
        crate::vector::leveled::leveled!(
            $level, crate::sys::Wide,
            (low: &mut crate::wave::Lanes, high: &mut crate::wave::Lanes, a: &crate::wave::Lanes, ah: &crate::wave::Lanes, b: &crate::wave::Lanes, bh: &crate::wave::Lanes, c: &crate::wave::Lanes, ch: &crate::wave::Lanes) -> u64,
            crate::vector::leveled::carried::<_, _, _, _, crate::sys::Four>($f, [low, high], [[a, ah], [b, bh], [c, ch]]),
            crate::vector::leveled::carried::<_, _, _, _, crate::sys::Eight>($f, [low, high], [[a, ah], [b, bh], [c, ch]])
        )
    };
}
pub(crate) use Carried;

#[inline(always)]
pub(crate) fn carried<A: Word, B: Word, C: Word, D: Word, M: Bits>(
    f: impl Fn(A, B, C) -> (D, bool),
    mut out: [&mut Lanes; 2],
    [a, b, c]: [Pair<'_>; 3],
) -> u64 {
    let mut mask = 0;
    for first in (0..LANES).step_by(8) {
        let mut words = [0; 8];
        for at in 0..8 {
            let lane = first + at;
            let (value, set) = f(wide(a, lane), wide(b, lane), wide(c, lane));
            put(&mut out, lane, value);
            words[at] = if set { u32::MAX } else { 0 };
        }
        mask |= M::of(&words) << first;
    }
    mask
}

/// The mask of lanes for which `f` holds.
#[inline(always)]
pub(crate) fn holds<A: Word, B: Word, M: Bits>(f: impl Fn(A, B) -> bool, [a, b]: [Pair<'_>; 2]) -> u64 {
    let mut mask = 0;
    for first in (0..LANES).step_by(8) {
        let mut words = [0; 8];
        for at in 0..8 {
            let lane = first + at;
            words[at] = if f(wide(a, lane), wide(b, lane)) { u32::MAX } else { 0 };
        }
        mask |= M::of(&words) << first;
    }
    mask
}

/// A bit for each lane of half a mask: a compare with it is what vectors have.
pub(crate) const BIT: [u32; 32] = {
    let mut bits = [0; 32];
    let mut at = 0;
    while at < 32 {
        bits[at] = 1 << at;
        at += 1;
    }
    bits
};

/// Applies `f` to each lane's sources and its bit of the mask, and gives the mask that it gives.
#[inline(always)]
pub(crate) fn masked<M: Bits>(
    f: impl Fn(u32, u32, bool) -> (u32, bool),
    out: &mut Lanes,
    a: &Lanes,
    b: &Lanes,
    mask: u64,
) -> u64 {
    // Not by eights, as compares: the compiler makes no vectors of this then.
    let mut words = [0; LANES];
    for half in 0..2 {
        let bits = (mask >> (32 * half)) as u32;
        for at in 0..32 {
            let lane = 32 * half + at;
            let (value, set) = f(a.0[lane], b.0[lane], bits & BIT[at] != 0);
            out.0[lane] = value;
            words[lane] = if set { u32::MAX } else { 0 };
        }
    }
    highest::<M>(&words)
}

/// The highest bits of all lanes.
#[inline(always)]
pub(crate) fn highest<M: Bits>(words: &[u32; LANES]) -> u64 {
    words.as_chunks().0.iter().enumerate().fold(0, |mask, (at, words)| mask | M::of(words) << (8 * at))
}

/// Each lane of the one or the other.
#[inline(always)]
pub(crate) fn selected(out: &mut Lanes, clear: &Lanes, set: &Lanes, mask: u64) {
    for half in 0..2 {
        let bits = (mask >> (32 * half)) as u32;
        for at in 0..32 {
            let lane = 32 * half + at;
            // By bits: of a choice the compiler makes a load from a chosen place.
            let chosen = if bits & BIT[at] != 0 { u32::MAX } else { 0 };
            out.0[lane] = clear.0[lane] ^ (clear.0[lane] ^ set.0[lane]) & chosen;
        }
    }
}
