//! Conversions between integers and floats.

use super::leveled::table;
use super::scale;
use crate::lane::float::Float;
use crate::lane::{convert, half};
use crate::operand::Word;
use crate::stop::Stop;
use crate::wave::Wave;
use gcn::{Inst, Op};

table! {
    singles, single_result, Narrow::narrow1;
    v_cvt_f32_i32(a: u32) -> f32 = a as i32 as f32;
    v_cvt_f32_u32(a: u32) -> f32 = a as f32;
    v_cvt_f32_f16(a: u32) -> f32 = half::widen(a as u16);
    v_cvt_f32_ubyte0(a: u32) -> f32 = a.to_le_bytes()[0].into();
    v_cvt_f32_ubyte1(a: u32) -> f32 = a.to_le_bytes()[1].into();
    v_cvt_f32_ubyte2(a: u32) -> f32 = a.to_le_bytes()[2].into();
    v_cvt_f32_ubyte3(a: u32) -> f32 = a.to_le_bytes()[3].into();
}

table! {
    wide_into_single, single_result, Wide::wide1;
    v_cvt_f32_f64(a: f64) -> f32 = a as f32;
}

table! {
    rounded, of_single, Narrow::narrow1;
    v_cvt_i32_f32(a: f32) -> u32 = convert::f64_to_i32(a.into());
    v_cvt_u32_f32(a: f32) -> u32 = convert::f64_to_u32(a.into());
    v_cvt_f16_f32(a: f32) -> u32 = u32::from(half::narrow(a));
    v_cvt_rpi_i32_f32(a: f32) -> u32 = convert::round_plus_half(a);
    v_cvt_flr_i32_f32(a: f32) -> u32 = convert::floor_to_i32(a);
}

table! {
    single_into_wide, of_single, Wide::wide1;
    v_cvt_f64_f32(a: f32) -> f64 = f64::from(a);
}

table! {
    wide_integers, map1, Wide::wide1;
    v_cvt_i32_f64(a: f64) -> u32 = convert::f64_to_i32(a);
    v_cvt_u32_f64(a: f64) -> u32 = convert::f64_to_u32(a);
}

table! {
    integers_into_wide, map1, Wide::wide1;
    v_cvt_f64_i32(a: u32) -> f64 = f64::from(a as i32);
    v_cvt_f64_u32(a: u32) -> f64 = f64::from(a);
}

table! {
    shorts, map1, Narrow::narrow1;
    v_cvt_f16_u16(a: u32) -> u32 = u32::from(half::narrow((a as u16).into()));
    v_cvt_f16_i16(a: u32) -> u32 = u32::from(half::narrow((a as i16).into()));
    v_cvt_u16_f16(a: u32) -> u32 = u32::from(half::widen(a as u16) as u16);
    v_cvt_i16_f16(a: u32) -> u32 = u32::from(half::widen(a as u16) as i16 as u16);
}

table! {
    packs, map2, Narrow::narrow2;
    v_cvt_pk_u16_u32(a: u32, b: u32) -> u32 = a.min(0xffff) | b.min(0xffff) << 16;
    v_cvt_pk_i16_i32(a: u32, b: u32) -> u32 = {
        let [low, high] = [a, b].map(|bits| (bits as i32).clamp(-0x8000, 0x7fff) as u32 & 0xffff);
        low | high << 16
    };
}

table! {
    pairs, of_two_singles, Narrow::narrow2;
    v_cvt_pkrtz_f16_f32(a: f32, b: f32) -> u32 =
        u32::from(convert::narrow_toward_zero(a)) | u32::from(convert::narrow_toward_zero(b)) << 16;
    v_cvt_pknorm_i16_f32(a: f32, b: f32) -> u32 =
        u32::from(convert::to_snorm16(a)) | u32::from(convert::to_snorm16(b)) << 16;
    v_cvt_pknorm_u16_f32(a: f32, b: f32) -> u32 =
        u32::from(convert::to_unorm16(a)) | u32::from(convert::to_unorm16(b)) << 16;
}

impl Wave {
    /// What a float is after MODE has looked at it.
    fn flushed(&self) -> impl Fn(f32) -> f32 + use<> {
        let flush = !self.mode.keeps_f32_denormals();
        move |value| if flush && value.is_denormal() { value.zeroed() } else { value }
    }

    /// `f` with what happens to an f32 that comes out.
    fn single_result<A: Word>(&mut self, inst: &Inst, f: impl Fn(A) -> f32) -> Result<bool, Stop> {
        let (clamp, scale, flushed) = (inst.modifiers.clamp, scale(inst), self.flushed());
        self.map1(inst, |a: A| {
            let value = flushed(f(a) * scale);
            if clamp { value.clamp(0.0, 1.0) } else { value }
        })
    }

    /// `f` with what happens to an f32 that goes in.
    fn of_single<D: Word>(&mut self, inst: &Inst, f: impl Fn(f32) -> D) -> Result<bool, Stop> {
        let flushed = self.flushed();
        self.map1(inst, |a: f32| f(flushed(a)))
    }

    fn of_two_singles(&mut self, inst: &Inst, f: impl Fn(f32, f32) -> u32) -> Result<bool, Stop> {
        let flushed = self.flushed();
        self.map2(inst, |a: f32, b: f32| f(flushed(a), flushed(b)))
    }

    /// Whether it was one of these.
    pub(super) fn convert(&mut self, inst: &Inst) -> Result<bool, Stop> {
        if self.singles(inst)? || self.wide_into_single(inst)? {
            return Ok(true);
        }
        // The others' results are not scaled, nor clamped, by anything in a corpus.
        if inst.modifiers.clamp || inst.modifiers.omod != 0 {
            return Ok(false);
        }
        Ok(self.rounded(inst)?
            || self.single_into_wide(inst)?
            || self.wide_integers(inst)?
            || self.integers_into_wide(inst)?
            || self.shorts(inst)?
            || self.packs(inst)?
            || self.pairs(inst)?)
    }
}
