//! Bytes of pictures and sound: differences, averages and saturation of what is packed, and the middle of three shorts.

use crate::lane::integer::{lerp_u8, med3, msad_u8, sad_u8, sad_u16, sat_u8};
use crate::operand::unsupported;
use crate::stop::Stop;
use crate::wave::{LANES, Lanes, Wave};
use gcn::row::Place;
use gcn::{Inst, Op, Operand};

impl Wave {
    /// Whether it was one of these.
    pub(super) fn media(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let clamps = inst.modifiers.clamp;
        let sum = move |(sum, over): (u32, bool)| if clamps && over { u32::MAX } else { sum };
        let low = |word: u32| word & 0xffff;
        let i = |word: u32| word as i16;
        let signed = |half: i16| u32::from(half as u16);
        match inst.op() {
            Op::v_sad_hi_u8 => {
                self.map3(inst, move |a: u32, b: u32, c: u32| sum(c.overflowing_add(sad_u8(a, b, 0) << 16)))
            }
            Op::v_sad_u8 if clamps => {
                self.map3(inst, move |a: u32, b: u32, c: u32| sum(c.overflowing_add(sad_u8(a, b, 0))))
            }
            Op::v_sad_u16 => {
                self.map3(inst, move |a: u32, b: u32, c: u32| sum(c.overflowing_add(sad_u16(a, b))))
            }
            Op::v_sad_u32 if clamps => {
                self.map3(inst, move |a: u32, b: u32, c: u32| sum(c.overflowing_add(a.abs_diff(b))))
            }
            Op::v_msad_u8 => {
                self.map3(inst, move |a: u32, b: u32, c: u32| sum(c.overflowing_add(msad_u8(a, b))))
            }
            Op::v_lerp_u8 => self.map3(inst, lerp_u8),
            Op::v_sat_pk_u8_i16 => self.map1(inst, |a: u32| sat_u8(a as i16) | sat_u8((a >> 16) as i16) << 8),
            Op::v_qsad_pk_u16_u8 | Op::v_mqsad_pk_u16_u8 => self.four_shorts(inst),
            Op::v_mqsad_u32_u8 => self.four_words(inst),
            Op::v_cvt_pk_u8_f32 => {
                let flush = self.flush32();
                self.map3(inst, move |a: u32, b: u32, c: u32| {
                    let at = 8 * (b & 3);
                    c & !(0xff << at) | u32::from(flush(a) as u8) << at
                })
            }
            Op::v_cvt_pkaccum_u8_f32 => self.accumulated(inst),
            Op::v_min3_u16 => self.map3(inst, |a: u32, b: u32, c: u32| low(a).min(low(b)).min(low(c))),
            Op::v_max3_u16 => self.map3(inst, |a: u32, b: u32, c: u32| low(a).max(low(b)).max(low(c))),
            Op::v_med3_u16 => self.map3(inst, |a: u32, b: u32, c: u32| med3(low(a), low(b), low(c))),
            Op::v_min3_i16 => self.map3(inst, |a: u32, b: u32, c: u32| signed(i(a).min(i(b)).min(i(c)))),
            Op::v_max3_i16 => self.map3(inst, |a: u32, b: u32, c: u32| signed(i(a).max(i(b)).max(i(c)))),
            Op::v_med3_i16 => self.map3(inst, |a: u32, b: u32, c: u32| signed(med3(i(a), i(b), i(c)))),
            _ => Ok(false),
        }
    }

    /// An f32 source as the mode has it.
    fn flush32(&self) -> impl Fn(u32) -> f32 + use<> {
        let flushes = self.mode.0 >> 4 & 1 == 0;
        move |bits| {
            let value = f32::from_bits(bits);
            if flushes && value.is_subnormal() { 0.0 } else { value }
        }
    }

    /// A float as a byte into one of the destination's.
    fn accumulated(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let flush = self.flush32();
        let (values, bytes) = (self.source::<u32>(inst, 0)?, self.source::<u32>(inst, 1)?);
        let Some(to) = inst.at(Place::Dst) else { return unsupported(inst) };
        let old = self.plain::<u32>(inst, to)?;
        let out = Lanes::from_fn(|lane| {
            let at = 8 * (bytes.0[lane] & 3);
            old.0[lane] & !(0xff << at) | u32::from(flush(values.0[lane]) as u8) << at
        });
        self.set_vector(inst, &out)?;
        Ok(true)
    }

    /// Differences at four places of eight bytes, added to four shorts.
    fn four_shorts(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let masked = inst.op() == Op::v_mqsad_pk_u16_u8;
        let clamps = inst.modifiers.clamp;
        let (bytes, pattern) = (self.source::<u64>(inst, 0)?, self.source::<u32>(inst, 1)?);
        let sums = self.source::<u64>(inst, 2)?;
        let out = Lanes::from_fn(|lane| {
            (0..4).fold(0, |all, at| {
                let part = (bytes.0[lane] >> (8 * at)) as u32;
                let old = (sums.0[lane] >> (16 * at)) as u32 & 0xffff;
                let pattern = pattern.0[lane];
                let sum = old + if masked { msad_u8(part, pattern) } else { sad_u8(part, pattern, 0) };
                let sum = if clamps { sum.min(0xffff) } else { sum & 0xffff };
                all | u64::from(sum) << (16 * at)
            })
        });
        self.set_vector(inst, &out)?;
        Ok(true)
    }

    /// Masked differences at four places of eight bytes, added to four words.
    fn four_words(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let clamps = inst.modifiers.clamp;
        let (bytes, pattern) = (self.source::<u64>(inst, 0)?, self.source::<u32>(inst, 1)?);
        let (Some(Operand::Vgpr(from)), Some(Operand::Vgpr(to))) =
            (inst.src(2).map(|bound| bound.operand), inst.at(Place::Dst).map(|bound| bound.operand))
        else {
            return unsupported(inst);
        };
        let (from, to) = (usize::from(from), usize::from(to));
        self.vector(inst, from.max(to) + 3)?;
        let exec = self.exec();
        for lane in (0..LANES).filter(|lane| exec >> lane & 1 != 0) {
            let old = [0, 1, 2, 3].map(|at| self.vectors[from + at].0[lane]);
            for (at, old) in old.into_iter().enumerate() {
                let (sum, over) =
                    old.overflowing_add(msad_u8((bytes.0[lane] >> (8 * at)) as u32, pattern.0[lane]));
                self.vectors[to + at].0[lane] = if clamps && over { u32::MAX } else { sum };
            }
        }
        Ok(true)
    }
}
