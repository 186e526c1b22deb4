//! Two halves of a register at once, and multiply-adds that mix f16 and f32.

use crate::lane::float;
use crate::lane::half::{fma, narrow, widen};
use crate::operand::unsupported;
use crate::stop::Stop;
use crate::wave::{LANES, Lanes, Wave};
use gcn::row::Format;
use gcn::{Inst, Op};

impl Wave {
    /// Whether it was one of these.
    pub(super) fn packed(&mut self, inst: &Inst) -> Result<bool, Stop> {
        if inst.row.format != Format::VOP3P {
            return Ok(false);
        }
        let (i, ieee) = (|half: u16| half as i16, self.mode.is_ieee());
        let float2 = |f: fn(f32, f32) -> f32| move |a, b, _| narrow(f(widen(a), widen(b)));
        if inst.modifiers.clamp {
            return Ok(false);
        }
        match inst.op() {
            Op::v_pk_mad_i16 | Op::v_pk_mad_u16 => {
                self.halves(inst, |a, b, c| a.wrapping_mul(b).wrapping_add(c))
            }
            Op::v_pk_mul_lo_u16 => self.halves(inst, |a, b, _| a.wrapping_mul(b)),
            Op::v_pk_add_i16 | Op::v_pk_add_u16 => self.halves(inst, |a, b, _| a.wrapping_add(b)),
            Op::v_pk_sub_i16 | Op::v_pk_sub_u16 => self.halves(inst, |a, b, _| a.wrapping_sub(b)),
            Op::v_pk_lshlrev_b16 => self.halves(inst, |a, b, _| b << (a & 15)),
            Op::v_pk_lshrrev_b16 => self.halves(inst, |a, b, _| b >> (a & 15)),
            Op::v_pk_ashrrev_i16 => self.halves(inst, |a, b, _| (i(b) >> (a & 15)) as u16),
            Op::v_pk_max_i16 => self.halves(inst, |a, b, _| i(a).max(i(b)) as u16),
            Op::v_pk_min_i16 => self.halves(inst, |a, b, _| i(a).min(i(b)) as u16),
            Op::v_pk_max_u16 => self.halves(inst, |a, b, _| a.max(b)),
            Op::v_pk_min_u16 => self.halves(inst, |a, b, _| a.min(b)),
            Op::v_pk_fma_f16 => self.halves(inst, fma),
            Op::v_pk_add_f16 => self.halves(inst, float2(|a, b| a + b)),
            Op::v_pk_mul_f16 => self.halves(inst, float2(|a, b| a * b)),
            Op::v_pk_min_f16 => self.halves(inst, |a, b, _| narrow(float::min(widen(a), widen(b), ieee))),
            Op::v_pk_max_f16 => self.halves(inst, |a, b, _| narrow(float::max(widen(a), widen(b), ieee))),
            Op::v_mad_mix_f32 | Op::v_mad_mixlo_f16 | Op::v_mad_mixhi_f16 => self.mixed(inst),
            _ => Ok(false),
        }
    }

    /// `f` of the halves that op_sel chooses for the low result and op_sel_hi for the high one.
    pub(super) fn halves(&mut self, inst: &Inst, f: impl Fn(u16, u16, u16) -> u16) -> Result<bool, Stop> {
        let is_float = inst.row.mnemonic.ends_with("f16");
        let mut sources = [Lanes::all(0_u32); 3];
        for (number, lanes) in sources.iter_mut().enumerate() {
            if inst.src(number as u8).is_some() {
                *lanes = self.source(inst, number as u8)?;
            }
        }
        let modifiers = &inst.modifiers;
        let half = |lane: usize, number: usize, select: u8, negate: u8| {
            let word = sources[number].0[lane];
            let half = (if select >> number & 1 != 0 { word >> 16 } else { word }) as u16;
            half ^ if is_float && negate >> number & 1 != 0 { 0x8000 } else { 0 }
        };
        let mut out = Lanes::all(0_u32);
        for lane in 0..LANES {
            let low = |number| half(lane, number, modifiers.op_sel, modifiers.neg);
            let high = |number| half(lane, number, modifiers.op_sel_hi, modifiers.abs);
            out.0[lane] =
                u32::from(f(low(0), low(1), low(2))) | u32::from(f(high(0), high(1), high(2))) << 16;
        }
        self.set_vector(inst, &out)?;
        Ok(true)
    }

    /// The sources of a mixed multiply-add as f32; `of_half` widens those that are f16.
    pub(super) fn mix_sources(
        &self,
        inst: &Inst,
        of_half: impl Fn(u16) -> f32,
    ) -> Result<[[f32; LANES]; 3], Stop> {
        let modifiers = inst.modifiers;
        let mut sources = [[0.0_f32; LANES]; 3];
        for (number, lanes) in sources.iter_mut().enumerate() {
            let Some(bound) = inst.src(number as u8) else { return unsupported(inst) };
            let words = self.plain::<u32>(inst, bound)?;
            let (is_half, is_high) =
                (modifiers.op_sel_hi >> number & 1 != 0, modifiers.op_sel >> number & 1 != 0);
            let (neg, abs) = (modifiers.neg >> number & 1 != 0, modifiers.abs >> number & 1 != 0);
            for (lane, value) in lanes.iter_mut().enumerate() {
                let word = words.0[lane];
                let found = match (is_half, is_high) {
                    (false, _) => f32::from_bits(word),
                    (true, false) => of_half(word as u16),
                    (true, true) => of_half((word >> 16) as u16),
                };
                let found = if abs { found.abs() } else { found };
                *value = if neg { -found } else { found };
            }
        }
        Ok(sources)
    }

    fn mixed(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let sources = self.mix_sources(inst, widen)?;
        let [a, b, c] = sources;
        let sum = |lane: usize| a[lane] * b[lane] + c[lane];
        let old = match inst.at(gcn::row::Place::Dst) {
            Some(to) => self.plain::<u32>(inst, to)?,
            None => return unsupported(inst),
        };
        let out = Lanes::from_fn(|lane| match inst.op() {
            Op::v_mad_mix_f32 => sum(lane).to_bits(),
            Op::v_mad_mixlo_f16 => old.0[lane] & 0xffff_0000 | u32::from(narrow(sum(lane))),
            _ => old.0[lane] & 0xffff | u32::from(narrow(sum(lane))) << 16,
        });
        self.set_vector(inst, &out)?;
        Ok(true)
    }
}
