//! Additions with a carry, wide multiply-adds, and selection by a mask: what reads or writes one bit a lane.
#![allow(clippy::needless_range_loop, reason = "the same lane of several arrays, as vectors have it")]

use super::leveled::{highest, leveled};
use crate::operand::unsupported;
use crate::stop::Stop;
use crate::sys::{Based, Bits, Eight, Four, Level, Loop, Pair, Wide};
use crate::wave::{LANES, Lanes, Wave};
use gcn::row::{Kind, Place};
use gcn::{Inst, Op};

/// The sum and the carry of one lane.
#[inline(always)]
pub(super) fn add(a: u32, b: u32, carry: bool) -> (u32, bool) {
    // In 32 bits, of which a vector has twice as many.
    let (sum, over) = a.overflowing_add(b);
    let (sum, also) = sum.overflowing_add(carry.into());
    (sum, over | also)
}

/// The difference and what was borrowed.
#[inline(always)]
pub(super) fn sub(a: u32, b: u32, carry: bool) -> (u32, bool) {
    let (rest, below) = a.overflowing_sub(b);
    let (rest, also) = rest.overflowing_sub(carry.into());
    (rest, below | also)
}

#[inline(always)]
pub(super) fn subrev(a: u32, b: u32, carry: bool) -> (u32, bool) {
    sub(b, a, carry)
}

/// A product and a sum, and whether it has overflowed.
#[inline(always)]
pub(super) fn product(a: u32, b: u32, c: u64) -> (u64, bool) {
    (u64::from(a) * u64::from(b)).overflowing_add(c)
}

#[inline(always)]
pub(super) fn signed_product(a: u32, b: u32, c: u64) -> (u64, bool) {
    // The bit above the 64 of the sum.
    let product = i128::from(a as i32) * i128::from(b as i32);
    let sum = product + i128::from(c as i64);
    (sum as u64, sum >> 64 & 1 != 0)
}

/// Sums of 64 bits in halves, and their carries.
#[inline(always)]
fn sums<M: Bits>([low, high]: [&mut Lanes; 2], a: impl Fn(usize) -> (u32, u32), b: Pair<'_>) -> u64 {
    // Not by eights, as in `masked`.
    let (mut words, mut any) = ([0; LANES], 0);
    for lane in 0..LANES {
        let (a_low, a_high) = a(lane);
        let (sum, over) = add(a_low, b[0].0[lane], false);
        low.0[lane] = sum;
        let (sum, over) = add(a_high, b[1].0[lane], over);
        high.0[lane] = sum;
        words[lane] = if over { u32::MAX } else { 0 };
        any |= words[lane];
    }
    // Addresses have no carry out.
    if any == 0 { 0 } else { highest::<M>(&words) }
}

/// The loop of an addition with carry after one without.
pub(crate) fn sum(level: Level) -> Loop<Wide> {
    leveled!(
        level,
        Wide,
        (low: &mut Lanes, high: &mut Lanes, a: &Lanes, ah: &Lanes, b: &Lanes, bh: &Lanes, _c: &Lanes, _ch: &Lanes) -> u64,
        sums::<Four>([low, high], |lane| (a.0[lane], ah.0[lane]), [b, bh]),
        sums::<Eight>([low, high], |lane| (a.0[lane], ah.0[lane]), [b, bh])
    )
}

/// The same with one addend for all lanes.
pub(crate) fn based_sum(level: Level) -> Loop<Based> {
    leveled!(
        level,
        Based,
        (low: &mut Lanes, high: &mut Lanes, base: u64, b: &Lanes, bh: &Lanes) -> u64,
        sums::<Four>([low, high], |_| (base as u32, (base >> 32) as u32), [b, bh]),
        sums::<Eight>([low, high], |_| (base as u32, (base >> 32) as u32), [b, bh])
    )
}

impl Wave {
    /// Whether it was one of these.
    pub(super) fn carry(&mut self, inst: &Inst) -> Result<bool, Stop> {
        if inst.modifiers.clamp && inst.row.allowed.clamp && inst.at(Place::Mask).is_some() {
            return Ok(false);
        }
        match inst.op() {
            Op::v_add_co_u32 | Op::v_addc_co_u32 => self.sums(inst, add),
            Op::v_sub_co_u32 | Op::v_subb_co_u32 => self.sums(inst, sub),
            Op::v_subrev_co_u32 | Op::v_subbrev_co_u32 => self.sums(inst, subrev),
            Op::v_mad_u64_u32 => self.products(inst, product),
            Op::v_mad_i64_i32 => self.products(inst, signed_product),
            Op::v_cndmask_b32 => {
                let mask = self.mask_in(inst)?;
                let (a, b) = (self.source::<u32>(inst, 0)?, self.source::<u32>(inst, 1)?);
                let out = Lanes::from_fn(|lane| if mask >> lane & 1 != 0 { b.0[lane] } else { a.0[lane] });
                self.set_vector(inst, &out)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The mask that is read; 0 if the instruction reads none.
    pub(super) fn mask_in(&self, inst: &Inst) -> Result<u64, Stop> {
        match inst.src(2).filter(|bound| bound.row.ty.kind == Kind::Mask) {
            Some(bound) => self.scalar(inst, bound),
            None => Ok(0),
        }
    }

    /// Writes a mask: lanes that take no part are 0 in it.
    pub(super) fn set_mask(&mut self, inst: &Inst, mask: u64) -> Result<(), Stop> {
        let Some(bound) = inst.at(Place::Mask) else { return unsupported(inst) };
        let mask = mask & self.written(inst);
        self.set_scalar(inst, bound, mask)
    }

    fn sums(&mut self, inst: &Inst, f: impl Fn(u32, u32, bool) -> (u32, bool)) -> Result<bool, Stop> {
        let carries = self.mask_in(inst)?;
        let (a, b) = (self.source::<u32>(inst, 0)?, self.source::<u32>(inst, 1)?);
        let (mut out, mut mask) = (Lanes::all(0_u32), 0_u64);
        for lane in 0..LANES {
            let (sum, carry) = f(a.0[lane], b.0[lane], carries >> lane & 1 != 0);
            out.0[lane] = sum;
            mask |= u64::from(carry) << lane;
        }
        self.set_vector(inst, &out)?;
        self.set_mask(inst, mask)?;
        Ok(true)
    }

    fn products(&mut self, inst: &Inst, f: impl Fn(u32, u32, u64) -> (u64, bool)) -> Result<bool, Stop> {
        let (a, b) = (self.source::<u32>(inst, 0)?, self.source::<u32>(inst, 1)?);
        let c = self.source::<u64>(inst, 2)?;
        let (mut out, mut mask) = (Lanes::all(0_u64), 0_u64);
        for lane in 0..LANES {
            let (sum, over) = f(a.0[lane], b.0[lane], c.0[lane]);
            out.0[lane] = sum;
            mask |= u64::from(over) << lane;
        }
        self.set_vector(inst, &out)?;
        self.set_mask(inst, mask)?;
        Ok(true)
    }
}
