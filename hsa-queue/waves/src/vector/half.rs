//! Floats of 16 bits.

use super::double::fixup;
use super::scale;
use crate::lane::float::{self, Float};
use crate::lane::half::{fma, narrow, widen};
use crate::operand::unsupported;
use crate::stop::Stop;
use crate::wave::{Lanes, Wave};
use gcn::row::{Kind, Place};
use gcn::{Inst, Op, Operand};

/// What happens to a result, whatever was computed.
#[derive(Clone, Copy)]
struct Result16 {
    clamp: bool,
    clamps_nan: bool,
    scale: f32,
}

impl Result16 {
    fn of(self, bits: u16) -> u32 {
        if self.scale == 1.0 && !self.clamp {
            return bits.into();
        }
        let value = widen(bits) * self.scale;
        let clamped = if Float::is_nan(value) && self.clamps_nan { 0.0 } else { value.clamp(0.0, 1.0) };
        narrow(if self.clamp { clamped } else { value }).into()
    }
}

impl Wave {
    fn result16(&self, inst: &Inst) -> Result16 {
        Result16 { clamp: inst.modifiers.clamp, clamps_nan: self.mode.clamps_nan(), scale: scale(inst) }
    }

    fn h1(&mut self, inst: &Inst, f: impl Fn(f32) -> f32) -> std::result::Result<bool, Stop> {
        let result = self.result16(inst);
        self.map1(inst, |a: u32| result.of(narrow(f(widen(a as u16)))))
    }

    fn h2(&mut self, inst: &Inst, f: impl Fn(f32, f32) -> f32) -> std::result::Result<bool, Stop> {
        let result = self.result16(inst);
        self.map2(inst, |a: u32, b: u32| result.of(narrow(f(widen(a as u16), widen(b as u16)))))
    }

    fn h3(&mut self, inst: &Inst, f: impl Fn(f32, f32, f32) -> f32) -> std::result::Result<bool, Stop> {
        let result = self.result16(inst);
        self.map3(inst, |a: u32, b: u32, c: u32| {
            result.of(narrow(f(widen(a as u16), widen(b as u16), widen(c as u16))))
        })
    }

    /// Whether it was one of these.
    pub(super) fn half(&mut self, inst: &Inst) -> std::result::Result<bool, Stop> {
        let is_half =
            inst.row.operands().any(|operand| operand.ty.kind == Kind::Float && operand.ty.bits == 16);
        if !is_half {
            return Ok(false);
        }
        let ieee = self.mode.is_ieee();
        match inst.op() {
            Op::v_add_f16 => self.h2(inst, |a, b| a + b),
            Op::v_sub_f16 => self.h2(inst, |a, b| a - b),
            Op::v_subrev_f16 => self.h2(inst, |a, b| b - a),
            Op::v_mul_f16 => self.h2(inst, |a, b| a * b),
            Op::v_min_f16 => self.h2(inst, |a, b| float::min(a, b, ieee)),
            Op::v_max_f16 => self.h2(inst, |a, b| float::max(a, b, ieee)),
            Op::v_min3_f16 => self.h3(inst, |a, b, c| float::min(float::min(a, b, ieee), c, ieee)),
            Op::v_max3_f16 => self.h3(inst, |a, b, c| float::max(float::max(a, b, ieee), c, ieee)),
            Op::v_med3_f16 => self.h3(inst, |a, b, c| float::med3(a, b, c, ieee)),
            Op::v_fma_f16 | Op::v_fma_legacy_f16 => {
                let result = self.result16(inst);
                self.map3(inst, |a: u32, b: u32, c: u32| result.of(fma(a as u16, b as u16, c as u16)))
            }
            // The product is rounded, then the sum.
            Op::v_mad_f16 | Op::v_mad_legacy_f16 => self.h3(inst, |a, b, c| widen(narrow(a * b)) + c),
            Op::v_mac_f16 => self.mac16(inst),
            Op::v_div_fixup_f16 | Op::v_div_fixup_legacy_f16 => self.h3(inst, fixup),
            Op::v_rcp_f16 => self.h1(inst, |a| 1.0 / a),
            Op::v_sqrt_f16 => self.h1(inst, f32::sqrt),
            Op::v_rsq_f16 => self.h1(inst, |a| (1.0 / f64::from(a).sqrt()) as f32),
            Op::v_exp_f16 => self.h1(inst, |a| f64::from(a).exp2() as f32),
            Op::v_log_f16 => self.h1(inst, |a| f64::from(a).log2() as f32),
            Op::v_sin_f16 => self.h1(inst, |a| (f64::from(a).fract() * std::f64::consts::TAU).sin() as f32),
            Op::v_cos_f16 => self.h1(inst, |a| (f64::from(a).fract() * std::f64::consts::TAU).cos() as f32),
            Op::v_floor_f16 => self.h1(inst, f32::floor),
            Op::v_ceil_f16 => self.h1(inst, f32::ceil),
            Op::v_trunc_f16 => self.h1(inst, f32::trunc),
            Op::v_rndne_f16 => self.h1(inst, f32::round_ties_even),
            Op::v_fract_f16 => self.h1(inst, |a| float::below_one(a - a.floor(), widen(0x3bff))),
            Op::v_frexp_mant_f16 => self.h1(inst, float::frexp_mant32),
            Op::v_frexp_exp_i16_f16 => {
                self.map1(inst, |a: u32| u32::from(float::frexp_exp32(widen(a as u16)) as u16))
            }
            Op::v_ldexp_f16 => {
                let result = self.result16(inst);
                self.map2(inst, |a: u32, b: u32| {
                    // Exact in f32, so rounded once.
                    let exponent = i32::from(b as i16).clamp(-60, 60);
                    result.of(narrow(widen(a as u16) * 2_f32.powi(exponent)))
                })
            }
            Op::v_pack_b32_f16 => self.map2(inst, |a: u32, b: u32| a & 0xffff | b << 16),
            _ => Ok(false),
        }
    }

    fn mac16(&mut self, inst: &Inst) -> std::result::Result<bool, Stop> {
        let result = self.result16(inst);
        let (a, b) = (self.source::<u32>(inst, 0)?, self.source::<u32>(inst, 1)?);
        let Some(to) = inst.at(Place::Dst).filter(|to| matches!(to.operand, Operand::Vgpr(_))) else {
            return unsupported(inst);
        };
        let sum = self.plain::<u32>(inst, to)?;
        let out = Lanes::from_fn(|lane| {
            let product = narrow(widen(a.0[lane] as u16) * widen(b.0[lane] as u16));
            result.of(narrow(widen(product) + widen(sum.0[lane] as u16)))
        });
        self.set_vector(inst, &out)?;
        Ok(true)
    }
}
