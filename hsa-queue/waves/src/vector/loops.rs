//! Which loop an operation has, whatever its table; and those by which operands and results are brought where they belong.

use super::leveled::{Carried, Holds, Masked, leveled, selected};
use super::{carry, convert, double, integer, single};
use crate::lane::float::Float;
use crate::sys::{Holds, Level, Loop, Masked, Narrow, Wide};
use crate::wave::Lanes;
use gcn::Op;

/// The loop of an operation of 32 bits.
pub(crate) fn narrow(op: Op, level: Level) -> Option<Loop<Narrow>> {
    let tables = [
        integer::word1::looped,
        integer::word2::looped,
        integer::word3::looped,
        integer::short2::looped,
        integer::short3::looped,
        single::single1::looped,
        single::single2::looped,
        single::single3::looped,
        single::looped,
        convert::singles::looped,
        convert::rounded::looped,
        convert::shorts::looped,
        convert::packs::looped,
        convert::pairs::looped,
        double::looped_fixup,
    ];
    tables.into_iter().find_map(|table| table(op, level))
}

/// The loop of an operation some of whose operands have 64 bits.
pub(crate) fn wide(op: Op, level: Level) -> Option<Loop<Wide>> {
    let tables = [
        integer::shift::looped,
        double::double1::looped,
        double::double2::looped,
        double::double3::looped,
        double::looped,
        convert::wide_into_single::looped,
        convert::single_into_wide::looped,
        convert::wide_integers::looped,
        convert::integers_into_wide::looped,
        products,
    ];
    tables.into_iter().find_map(|table| table(op, level))
}

fn products(op: Op, level: Level) -> Option<Loop<Wide>> {
    Some(match op {
        Op::v_mad_u64_u32 => Carried!(level, carry::product),
        Op::v_mad_i64_i32 => Carried!(level, carry::signed_product),
        _ => return None,
    })
}

/// The loop of an operation that reads a bit for each lane and gives one.
pub(crate) fn masked(op: Op, level: Level) -> Option<Loop<Masked>> {
    Some(match op {
        Op::v_add_co_u32 => Masked!(level, |a: u32, b: u32, _: bool| carry::add(a, b, false)),
        Op::v_sub_co_u32 => Masked!(level, |a: u32, b: u32, _: bool| carry::sub(a, b, false)),
        Op::v_subrev_co_u32 => Masked!(level, |a: u32, b: u32, _: bool| carry::subrev(a, b, false)),
        Op::v_addc_co_u32 => Masked!(level, carry::add),
        Op::v_subb_co_u32 => Masked!(level, carry::sub),
        Op::v_subbrev_co_u32 => Masked!(level, carry::subrev),
        Op::v_cndmask_b32 => leveled!(
            level,
            Masked,
            (out: &mut Lanes, a: &Lanes, b: &Lanes, mask: u64) -> u64,
            {
                selected(out, a, b, mask);
                0
            },
            {
                selected(out, a, b, mask);
                0
            }
        ),
        _ => return None,
    })
}

/// The loop of a compare, by the mnemonic's words for its relation and its type.
#[allow(
    clippy::neg_cmp_op_on_partial_ord,
    clippy::double_comparisons,
    reason = "that is how they differ for NaN"
)]
pub(crate) fn compare(relation: &str, ty: &str, level: Level) -> Option<Loop<Holds>> {
    macro_rules! ordered {
        ($ty:ty, $as:ty) => {
            match relation {
                "f" => Holds!(level, |_: $ty, _: $ty| false),
                "lt" => Holds!(level, |a: $ty, b: $ty| (a as $as) < (b as $as)),
                "eq" => Holds!(level, |a: $ty, b: $ty| (a as $as) == (b as $as)),
                "le" => Holds!(level, |a: $ty, b: $ty| (a as $as) <= (b as $as)),
                "gt" => Holds!(level, |a: $ty, b: $ty| (a as $as) > (b as $as)),
                "ge" => Holds!(level, |a: $ty, b: $ty| (a as $as) >= (b as $as)),
                "ne" | "neq" => Holds!(level, |a: $ty, b: $ty| (a as $as) != (b as $as)),
                "t" | "tru" => Holds!(level, |_: $ty, _: $ty| true),
                _ => return None,
            }
        };
    }
    macro_rules! unordered {
        ($ty:ty) => {
            match relation {
                "lg" => Holds!(level, |a: $ty, b: $ty| a < b || a > b),
                "o" => Holds!(level, |a: $ty, b: $ty| !Float::is_nan(a) && !Float::is_nan(b)),
                "u" => Holds!(level, |a: $ty, b: $ty| Float::is_nan(a) || Float::is_nan(b)),
                "nge" => Holds!(level, |a: $ty, b: $ty| !(a >= b)),
                "nlg" => Holds!(level, |a: $ty, b: $ty| !(a < b || a > b)),
                "ngt" => Holds!(level, |a: $ty, b: $ty| !(a > b)),
                "nle" => Holds!(level, |a: $ty, b: $ty| !(a <= b)),
                "nlt" => Holds!(level, |a: $ty, b: $ty| !(a < b)),
                "class" => Holds!(level, |a: $ty, b: u32| a.class() & b != 0),
                _ => ordered!($ty, $ty),
            }
        };
    }
    Some(match ty {
        "f32" => unordered!(f32),
        "f64" => unordered!(f64),
        "i32" => ordered!(u32, i32),
        "u32" => ordered!(u32, u32),
        "i64" => ordered!(u64, i64),
        "u64" => ordered!(u64, u64),
        "i16" => ordered!(u32, i16),
        "u16" => ordered!(u32, u16),
        _ => return None,
    })
}

/// Loops around those of operations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    fill: Loop<Masked>,
    sign: Loop<Masked>,
    merge: Loop<Masked>,
}

impl Around {
    pub(crate) fn new(level: Level) -> Self {
        macro_rules! simple {
            (|$out:ident, $a:ident, $mask:ident| $body:expr) => {
                leveled!(
                    level,
                    Masked,
                    ($out: &mut Lanes, $a: &Lanes, _unused: &Lanes, $mask: u64) -> u64,
                    { $body; 0 },
                    { $body; 0 }
                )
            };
        }
        Self {
            fill: leveled!(
                level,
                Masked,
                (out: &mut Lanes, _a: &Lanes, _b: &Lanes, value: u64) -> u64,
                {
                    out.0.fill(value as u32);
                    0
                },
                {
                    out.0.fill(value as u32);
                    0
                }
            ),
            sign: simple!(|out, a, bits| for (out, a) in out.0.iter_mut().zip(&a.0) {
                *out = a & bits as u32 ^ (bits >> 32) as u32;
            }),
            merge: simple!(|out, a, mask| {
                let old = *out;
                selected(out, &old, a, mask);
            }),
        }
    }

    /// The same value in all lanes.
    #[inline]
    pub(crate) fn fill(self, out: &mut Lanes, value: u32) {
        const NONE: &Lanes = &crate::wave::ZERO;
        self.fill.call(out, NONE, NONE, value.into());
    }

    /// A float's highest register without its sign (`abs`), then with the other one (`neg`).
    #[inline]
    pub(crate) fn sign(self, out: &mut Lanes, from: &Lanes, abs: bool, neg: bool) {
        let keep = u32::MAX >> u32::from(abs);
        let flip = u32::from(neg) << 31;
        self.sign.call(out, from, from, u64::from(keep) | u64::from(flip) << 32);
    }

    /// New values in the lanes that a mask names.
    #[inline]
    pub(crate) fn merge(self, out: &mut Lanes, new: &Lanes, mask: u64) {
        self.merge.call(out, new, new, mask);
    }
}
