//! Integers whose result is the nearest that fits, by the clamp modifier.

use crate::lane::integer::{i24, u24};
use crate::stop::Stop;
use crate::wave::{LANES, Lanes, Wave};
use gcn::row::Kind;
use gcn::{Inst, Op};

/// A value as 16 bits without and with sign.
fn u16_of(value: i64) -> u16 {
    value.clamp(0, 0xffff) as u16
}

fn i16_of(value: i64) -> u16 {
    value.clamp(-0x8000, 0x7fff) as i16 as u16
}

fn u32_of(value: i128) -> u32 {
    value.clamp(0, u32::MAX.into()) as u32
}

fn i32_of(value: i128) -> u32 {
    value.clamp(i32::MIN.into(), i32::MAX.into()) as i32 as u32
}

impl Wave {
    /// Whether it was one of these, and has the modifier.
    pub(super) fn saturated(&mut self, inst: &Inst) -> Result<bool, Stop> {
        if !inst.modifiers.clamp {
            return Ok(false);
        }
        let (u, s) = (|word: u32| i64::from(word as u16), |word: u32| i64::from(word as i16));
        let (uw, sw) = (|word: u32| i128::from(word), |word: u32| i128::from(word as i32));
        let short = u32::from;
        match inst.op() {
            Op::v_add_u16 => self.map2(inst, move |a: u32, b: u32| short(u16_of(u(a) + u(b)))),
            Op::v_sub_u16 => self.map2(inst, move |a: u32, b: u32| short(u16_of(u(a) - u(b)))),
            Op::v_subrev_u16 => self.map2(inst, move |a: u32, b: u32| short(u16_of(u(b) - u(a)))),
            Op::v_add_i16 => self.map2(inst, move |a: u32, b: u32| short(i16_of(s(a) + s(b)))),
            Op::v_sub_i16 => self.map2(inst, move |a: u32, b: u32| short(i16_of(s(a) - s(b)))),
            Op::v_mad_u16 | Op::v_mad_legacy_u16 => {
                self.map3(inst, move |a: u32, b: u32, c: u32| short(u16_of(u(a) * u(b) + u(c))))
            }
            Op::v_mad_i16 | Op::v_mad_legacy_i16 => {
                self.map3(inst, move |a: u32, b: u32, c: u32| short(i16_of(s(a) * s(b) + s(c))))
            }
            Op::v_mad_u32_u16 => {
                self.map3(inst, move |a: u32, b: u32, c: u32| u32_of(i128::from(u(a) * u(b)) + uw(c)))
            }
            Op::v_mad_i32_i16 => {
                self.map3(inst, move |a: u32, b: u32, c: u32| i32_of(i128::from(s(a) * s(b)) + sw(c)))
            }
            Op::v_mul_u32_u24 => self.map2(inst, move |a: u32, b: u32| u32_of(uw(u24(a)) * uw(u24(b)))),
            Op::v_mul_i32_i24 => {
                self.map2(inst, |a: u32, b: u32| i32_of(i128::from(i24(a)) * i128::from(i24(b))))
            }
            Op::v_mad_u32_u24 => {
                self.map3(inst, move |a: u32, b: u32, c: u32| u32_of(uw(u24(a)) * uw(u24(b)) + uw(c)))
            }
            Op::v_mad_i32_i24 => self.map3(inst, move |a: u32, b: u32, c: u32| {
                i32_of(i128::from(i24(a)) * i128::from(i24(b)) + sw(c))
            }),
            Op::v_add_co_u32 | Op::v_addc_co_u32 => self.carried(inst, |a, b, carry| a + b + carry),
            Op::v_sub_co_u32 | Op::v_subb_co_u32 => self.carried(inst, |a, b, carry| a - b - carry),
            Op::v_subrev_co_u32 | Op::v_subbrev_co_u32 => self.carried(inst, |a, b, carry| b - a - carry),
            Op::v_mad_u64_u32 | Op::v_mad_i64_i32 => self.wide_sum(inst),
            Op::v_pk_add_u16 => self.halves(inst, move |a, b, _| u16_of(i64::from(a) + i64::from(b))),
            Op::v_pk_sub_u16 => self.halves(inst, move |a, b, _| u16_of(i64::from(a) - i64::from(b))),
            Op::v_pk_add_i16 => self.halves(inst, move |a, b, _| i16_of(s(a.into()) + s(b.into()))),
            Op::v_pk_sub_i16 => self.halves(inst, move |a, b, _| i16_of(s(a.into()) - s(b.into()))),
            Op::v_pk_mad_u16 => {
                self.halves(inst, move |a, b, c| u16_of(u(a.into()) * u(b.into()) + u(c.into())))
            }
            Op::v_pk_mad_i16 => {
                self.halves(inst, move |a, b, c| i16_of(s(a.into()) * s(b.into()) + s(c.into())))
            }
            Op::v_pk_mul_lo_u16 => self.halves(inst, move |a, b, _| u16_of(u(a.into()) * u(b.into()))),
            _ => self.unclamped(inst),
        }
    }

    /// Sums with a carry, which says what would not have fitted.
    fn carried(&mut self, inst: &Inst, f: impl Fn(i64, i64, i64) -> i64) -> Result<bool, Stop> {
        let carries = self.mask_in(inst)?;
        let (a, b) = (self.source::<u32>(inst, 0)?, self.source::<u32>(inst, 1)?);
        let (mut out, mut mask) = (Lanes::all(0_u32), 0_u64);
        for lane in 0..LANES {
            let sum = f(a.0[lane].into(), b.0[lane].into(), (carries >> lane & 1) as i64);
            out.0[lane] = u32_of(sum.into());
            mask |= u64::from(u32::try_from(sum).is_err()) << lane;
        }
        self.set_vector(inst, &out)?;
        self.set_mask(inst, mask)?;
        Ok(true)
    }

    fn wide_sum(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let signed = inst.op() == Op::v_mad_i64_i32;
        let (a, b) = (self.source::<u32>(inst, 0)?, self.source::<u32>(inst, 1)?);
        let c = self.source::<u64>(inst, 2)?;
        let (mut out, mut mask) = (Lanes::all(0_u64), 0_u64);
        for lane in 0..LANES {
            let (a, b, c) = (a.0[lane], b.0[lane], c.0[lane]);
            let sum = if signed {
                i128::from(a as i32) * i128::from(b as i32) + i128::from(c as i64)
            } else {
                i128::from(a) * i128::from(b) + i128::from(c)
            };
            out.0[lane] = if signed {
                sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64 as u64
            } else {
                sum.clamp(0, u64::MAX.into()) as u64
            };
            mask |= u64::from(sum >> 64 & 1 != 0) << lane;
        }
        self.set_vector(inst, &out)?;
        self.set_mask(inst, mask)?;
        Ok(true)
    }

    /// What cannot exceed its type, or is bits: the modifier changes nothing.
    fn unclamped(&mut self, inst: &Inst) -> Result<bool, Stop> {
        use Op::{
            v_pk_ashrrev_i16, v_pk_lshlrev_b16, v_pk_lshrrev_b16, v_pk_max_i16, v_pk_max_u16, v_pk_min_i16,
        };
        let fits = matches!(
            inst.op(),
            v_pk_ashrrev_i16
                | v_pk_lshlrev_b16
                | v_pk_lshrrev_b16
                | v_pk_max_i16
                | v_pk_max_u16
                | v_pk_min_i16
                | Op::v_pk_min_u16
                | Op::v_pack_b32_f16
        );
        let bits = inst.modifiers.sdwa.is_some()
            && inst.row.operands().all(|operand| !matches!(operand.ty.kind, Kind::Float | Kind::Mix))
            && !inst.row.allowed.clamp;
        if !fits && !bits {
            return Ok(false);
        }
        let mut plain = *inst;
        plain.modifiers.clamp = false;
        self.execute_vector(&plain)?;
        Ok(true)
    }
}
