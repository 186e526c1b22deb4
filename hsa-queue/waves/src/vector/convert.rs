//! Conversions between integers and floats.

use super::scale;
use crate::lane::float::Float;
use crate::lane::{convert, half};
use crate::stop::Stop;
use crate::wave::Wave;
use gcn::{Inst, Op};

impl Wave {
    /// Whether it was one of these.
    pub(super) fn convert(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let (clamp, scale) = (inst.modifiers.clamp, scale(inst));
        let flush = !self.mode.keeps_f32_denormals();
        let flushed = move |value: f32| if flush && value.is_denormal() { value.zeroed() } else { value };
        let single = move |value: f32| {
            let value = flushed(value * scale);
            (if clamp { value.clamp(0.0, 1.0) } else { value }).to_bits()
        };
        let f = move |bits| flushed(f32::from_bits(bits));
        match inst.op() {
            Op::v_cvt_f32_i32 => return self.map1(inst, |a: u32| single(a as i32 as f32)),
            Op::v_cvt_f32_u32 => return self.map1(inst, |a: u32| single(a as f32)),
            Op::v_cvt_f32_f16 => return self.map1(inst, |a: u32| single(half::widen(a as u16))),
            Op::v_cvt_f32_f64 => return self.map1(inst, |a: u64| single(f64::from_bits(a) as f32)),
            Op::v_cvt_f32_ubyte0 => return self.map1(inst, |a: u32| single(a.to_le_bytes()[0].into())),
            Op::v_cvt_f32_ubyte1 => return self.map1(inst, |a: u32| single(a.to_le_bytes()[1].into())),
            Op::v_cvt_f32_ubyte2 => return self.map1(inst, |a: u32| single(a.to_le_bytes()[2].into())),
            Op::v_cvt_f32_ubyte3 => return self.map1(inst, |a: u32| single(a.to_le_bytes()[3].into())),
            // The others' results are not scaled, nor clamped, by anything in a corpus.
            _ if clamp || inst.modifiers.omod != 0 => return Ok(false),
            _ => {}
        }
        match inst.op() {
            Op::v_cvt_i32_f32 => self.map1(inst, |a: u32| convert::f64_to_i32(f(a).into())),
            Op::v_cvt_u32_f32 => self.map1(inst, |a: u32| convert::f64_to_u32(f(a).into())),
            Op::v_cvt_i32_f64 => self.map1(inst, |a: u64| convert::f64_to_i32(f64::from_bits(a))),
            Op::v_cvt_u32_f64 => self.map1(inst, |a: u64| convert::f64_to_u32(f64::from_bits(a))),
            Op::v_cvt_f64_i32 => self.map1(inst, |a: u32| f64::from(a as i32).to_bits()),
            Op::v_cvt_f64_u32 => self.map1(inst, |a: u32| f64::from(a).to_bits()),
            Op::v_cvt_f64_f32 => self.map1(inst, |a: u32| f64::from(f(a)).to_bits()),
            Op::v_cvt_f16_f32 => self.map1(inst, |a: u32| u32::from(half::narrow(f(a)))),
            Op::v_cvt_rpi_i32_f32 => self.map1(inst, |a: u32| convert::round_plus_half(f(a))),
            Op::v_cvt_flr_i32_f32 => self.map1(inst, |a: u32| convert::floor_to_i32(f(a))),
            Op::v_cvt_f16_u16 => self.map1(inst, |a: u32| u32::from(half::narrow((a as u16).into()))),
            Op::v_cvt_f16_i16 => self.map1(inst, |a: u32| u32::from(half::narrow((a as i16).into()))),
            Op::v_cvt_u16_f16 => self.map1(inst, |a: u32| u32::from(half::widen(a as u16) as u16)),
            Op::v_cvt_i16_f16 => self.map1(inst, |a: u32| u32::from(half::widen(a as u16) as i16 as u16)),
            Op::v_cvt_pkrtz_f16_f32 => self.map2(inst, |a: u32, b: u32| {
                let [low, high] = [a, b].map(|bits| u32::from(convert::narrow_toward_zero(f(bits))));
                low | high << 16
            }),
            Op::v_cvt_pknorm_i16_f32 => self.map2(inst, |a: u32, b: u32| {
                let [low, high] = [a, b].map(|bits| u32::from(convert::to_snorm16(f(bits))));
                low | high << 16
            }),
            Op::v_cvt_pknorm_u16_f32 => self.map2(inst, |a: u32, b: u32| {
                let [low, high] = [a, b].map(|bits| u32::from(convert::to_unorm16(f(bits))));
                low | high << 16
            }),
            Op::v_cvt_pk_u16_u32 => self.map2(inst, |a: u32, b: u32| a.min(0xffff) | b.min(0xffff) << 16),
            Op::v_cvt_pk_i16_i32 => self.map2(inst, |a: u32, b: u32| {
                let [low, high] = [a, b].map(|bits| (bits as i32).clamp(-0x8000, 0x7fff) as u32 & 0xffff);
                low | high << 16
            }),
            _ => Ok(false),
        }
    }
}
