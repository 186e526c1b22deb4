//! Floats of 64 bits, and the steps of a division of either width.

use super::leveled::{Narrow, Wide, narrow3, table, wide1, wide2, wide3};
use super::scale;
use crate::lane::float::{self, Float};
use crate::lane::trig;
use crate::stop::Stop;
use crate::sys::{Level, Loop, Narrow, Wide};
use crate::wave::{LANES, Lanes, Wave};
use gcn::{Inst, Op};

table! {
    double1, d1, Wide::wide1;
    v_trunc_f64(a: f64) -> f64 = a.trunc();
    v_ceil_f64(a: f64) -> f64 = a.ceil();
    v_rndne_f64(a: f64) -> f64 = a.round_ties_even();
    v_floor_f64(a: f64) -> f64 = a.floor();
    v_fract_f64(a: f64) -> f64 = float::fract64(a);
    v_rcp_f64(a: f64) -> f64 = 1.0 / a;
    v_rsq_f64(a: f64) -> f64 = 1.0 / a.sqrt();
    v_sqrt_f64(a: f64) -> f64 = a.sqrt();
    v_frexp_mant_f64(a: f64) -> f64 = float::frexp_mant64(a);
}

table! {
    double2, d2, Wide::wide2;
    v_add_f64(a: f64, b: f64) -> f64 = a + b;
    v_mul_f64(a: f64, b: f64) -> f64 = a * b;
}

table! {
    double3, d3, Wide::wide3;
    v_fma_f64(a: f64, b: f64, c: f64) -> f64 = a.mul_add(b, c);
}

/// Loops of operations that depend on a mode, for the usual one.
pub(crate) fn looped(op: Op, level: Level) -> Option<Loop<Wide>> {
    Some(match op {
        Op::v_min_f64 => Wide!(level, wide2, |a: f64, b: f64| float::min(a, b, true)),
        Op::v_max_f64 => Wide!(level, wide2, |a: f64, b: f64| float::max(a, b, true)),
        Op::v_ldexp_f64 => Wide!(level, wide2, |a: f64, b: u32| float::ldexp64(a, b as i32)),
        Op::v_frexp_exp_i32_f64 => Wide!(level, wide1, |a: f64| float::frexp_exp64(a) as u32),
        Op::v_div_fixup_f64 => Wide!(level, wide3, |a: f64, b: f64, c: f64| fixup(a, b, c)),
        _ => return None,
    })
}

/// V_DIV_FIXUP_F32's.
pub(crate) fn looped_fixup(op: Op, level: Level) -> Option<Loop<Narrow>> {
    (op == Op::v_div_fixup_f32).then(|| Narrow!(level, narrow3, |a: f32, b: f32, c: f32| fixup(a, b, c)))
}

impl Wave {
    /// What happens to a result, whatever was computed. Denormals are kept; where MODE does not, the caller refuses.
    fn output64(&self, inst: &Inst) -> impl Fn(f64) -> u64 + use<> {
        let (clamp, nan) = (inst.modifiers.clamp, self.mode.clamps_nan());
        let scale = f64::from(scale(inst));
        move |value| {
            let value = value * scale;
            let clamped = if Float::is_nan(value) && nan { 0.0 } else { value.clamp(0.0, 1.0) };
            (if clamp { clamped } else { value }).to_bits()
        }
    }

    fn d1(&mut self, inst: &Inst, f: impl Fn(f64) -> f64) -> Result<bool, Stop> {
        let output = self.output64(inst);
        self.map1(inst, |a: f64| output(f(a)))
    }

    fn d2(&mut self, inst: &Inst, f: impl Fn(f64, f64) -> f64) -> Result<bool, Stop> {
        let output = self.output64(inst);
        self.map2(inst, |a: f64, b: f64| output(f(a, b)))
    }

    fn d3(&mut self, inst: &Inst, f: impl Fn(f64, f64, f64) -> f64) -> Result<bool, Stop> {
        let output = self.output64(inst);
        self.map3(inst, |a: f64, b: f64, c: f64| output(f(a, b, c)))
    }

    /// Whether it was one of these.
    pub(super) fn double(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let ieee = self.mode.is_ieee();
        match inst.op() {
            Op::v_min_f64 => self.d2(inst, |a, b| float::min(a, b, ieee)),
            Op::v_max_f64 => self.d2(inst, |a, b| float::max(a, b, ieee)),
            Op::v_frexp_exp_i32_f64 => self.map1(inst, |a: f64| float::frexp_exp64(a) as u32),
            Op::v_ldexp_f64 => {
                let output = self.output64(inst);
                self.map2(inst, |a: f64, b: u32| output(float::ldexp64(a, b as i32)))
            }
            _ => Ok(self.double1(inst)?
                || self.double2(inst)?
                || self.double3(inst)?
                || self.division(inst)?),
        }
    }

    fn division(&mut self, inst: &Inst) -> Result<bool, Stop> {
        // What a step gives is scaled or clamped by nothing in a corpus.
        if inst.modifiers.clamp || inst.modifiers.omod != 0 {
            return Ok(false);
        }
        match inst.op() {
            Op::v_trig_preop_f64 => {
                self.map2(inst, |a: u64, b: u32| trig::two_over_pi(f64::from_bits(a), b).to_bits())
            }
            Op::v_div_scale_f32 => self.scaled(inst, |a: u32, b, c| {
                let (value, scaled) = div_scale(
                    f32::from_bits(a).into(),
                    f32::from_bits(b).into(),
                    f32::from_bits(c).into(),
                    SINGLE,
                );
                ((value as f32).to_bits(), scaled)
            }),
            Op::v_div_scale_f64 => self.scaled(inst, |a: u64, b, c| {
                let (value, scaled) =
                    div_scale(f64::from_bits(a), f64::from_bits(b), f64::from_bits(c), DOUBLE);
                (value.to_bits(), scaled)
            }),
            // Scaled back by what V_DIV_SCALE scaled: up where the quotient is great, down where it is small.
            Op::v_div_fmas_f32 => {
                let vcc = self.vcc();
                self.with_lane(inst, |lane, a: u32, b: u32, c: u32| {
                    let [a, b, c] = [a, b, c].map(f32::from_bits);
                    let by = if c.abs() >= 2.0 { SINGLE.by } else { -SINGLE.by };
                    let scaled =
                        || float::ldexp64(float::fma_to_odd(a.into(), b.into(), c.into()), by) as f32;
                    (if vcc >> lane & 1 != 0 { scaled() } else { a.mul_add(b, c) }).to_bits()
                })
            }
            Op::v_div_fmas_f64 => {
                let vcc = self.vcc();
                self.with_lane(inst, |lane, a: u64, b: u64, c: u64| {
                    let [a, b, c] = [a, b, c].map(f64::from_bits);
                    let by = if c.abs() >= 2.0 { DOUBLE.by } else { -DOUBLE.by };
                    let scaled = || float::fma_scaled(a, b, c, by);
                    (if vcc >> lane & 1 != 0 { scaled() } else { a.mul_add(b, c) }).to_bits()
                })
            }
            Op::v_div_fixup_f32 => self.map3(inst, |a: u32, b: u32, c: u32| {
                fixup(f32::from_bits(a), f32::from_bits(b), f32::from_bits(c)).to_bits()
            }),
            Op::v_div_fixup_f64 => self.map3(inst, |a: u64, b: u64, c: u64| {
                fixup(f64::from_bits(a), f64::from_bits(b), f64::from_bits(c)).to_bits()
            }),
            _ => Ok(false),
        }
    }

    /// `f` of each lane's number and three sources.
    fn with_lane<T: crate::operand::Word>(
        &mut self,
        inst: &Inst,
        f: impl Fn(usize, T, T, T) -> T,
    ) -> Result<bool, Stop> {
        let (a, b) = (self.source::<T>(inst, 0)?, self.source::<T>(inst, 1)?);
        let c = self.source::<T>(inst, 2)?;
        let out = Lanes::from_fn(|lane| f(lane, a.0[lane], b.0[lane], c.0[lane]));
        self.set_vector(inst, &out)?;
        Ok(true)
    }

    fn scaled<T: crate::operand::Word>(
        &mut self,
        inst: &Inst,
        f: impl Fn(T, T, T) -> (T, bool),
    ) -> Result<bool, Stop> {
        let (a, b) = (self.source::<T>(inst, 0)?, self.source::<T>(inst, 1)?);
        let c = self.source::<T>(inst, 2)?;
        let (mut out, mut mask) = (Lanes::all(T::default()), 0_u64);
        for lane in 0..LANES {
            let (value, scaled) = f(a.0[lane], b.0[lane], c.0[lane]);
            out.0[lane] = value;
            mask |= u64::from(scaled) << lane;
        }
        self.set_vector(inst, &out)?;
        self.set_mask(inst, mask)?;
        Ok(true)
    }
}

/// A width of floats as a division sees it.
#[derive(Clone, Copy)]
struct Format {
    /// Exponents so far apart make the quotient overflow on the way.
    apart: i32,
    /// At or below this exponent the numerator's error vanishes.
    low: i32,
    /// The smallest exponent that is not denormal.
    normal: i32,
    /// By which power of two is scaled.
    by: i32,
}

const SINGLE: Format = Format { apart: 96, low: -104, normal: -126, by: 64 };
const DOUBLE: Format = Format { apart: 768, low: -970, normal: -1022, by: 128 };

/// V_DIV_SCALE: the denominator or the numerator, whichever `which` is, scaled so that the steps of a division neither
/// overflow nor lose bits; and whether V_DIV_FMAS is to scale back.
fn div_scale(which: f64, denominator: f64, numerator: f64, format: Format) -> (f64, bool) {
    let own_exponent = |value: f64| float::frexp_exp64(value) - 1;
    // As the format's field has it: a denormal's is one below the smallest, what is not finite has one above the greatest.
    let exponent = |value: f64| match value.is_finite() {
        false => 2 - format.normal,
        true if value == 0.0 => format.normal - 1,
        true => own_exponent(value).max(format.normal - 1),
    };
    let is_tiny = |value: f64| value != 0.0 && own_exponent(value) < format.normal;
    if numerator == 0.0 || denominator == 0.0 {
        return (f64::QUIET, false);
    }
    let up = float::ldexp64(which, format.by);
    let if_denominator = if which == denominator { up } else { which };
    let if_numerator = if which == numerator { up } else { which };
    let quotient = numerator / denominator;
    // One that is rounded to zero is none.
    let quotient = if format.normal == SINGLE.normal { f64::from(quotient as f32) } else { quotient };
    let (quotient_tiny, reciprocal_tiny) = (is_tiny(quotient), is_tiny(1.0 / denominator));
    match () {
        () if exponent(numerator) - exponent(denominator) >= format.apart => (if_denominator, true),
        () if is_tiny(denominator) => (up, false),
        () if reciprocal_tiny && quotient_tiny => {
            (if which == denominator { float::ldexp64(which, -format.by) } else { which }, true)
        }
        () if reciprocal_tiny => (float::ldexp64(which, -format.by), false),
        () if quotient_tiny => (if_numerator, true),
        () if exponent(numerator) <= format.low => (up, false),
        () => (which, false),
    }
}

/// V_DIV_FIXUP: the quotient, or what a division by these has instead of one.
pub(super) fn fixup<F>(quotient: F, denominator: F, numerator: F) -> F
where
    F: Float + std::ops::Neg<Output = F> + std::ops::Div<Output = F> + PartialEq,
{
    // Rust's division has the right answer where one of them is zero, infinite or no number.
    if numerator.is_nan() {
        return numerator.quieted();
    }
    if denominator.is_nan() {
        return denominator.quieted();
    }
    let special = |value: F| value == value.zeroed() || value.class() & 0x204 != 0;
    // A quotient that is none has overflowed on the way.
    if special(numerator) || special(denominator) || quotient.is_nan() {
        return numerator / denominator;
    }
    let vanishes = numerator.raw_exponent() - denominator.raw_exponent() < F::VANISHES;
    let quotient = if vanishes { quotient.zeroed() } else { quotient };
    let negative = numerator.is_signed() != denominator.is_signed();
    if quotient.is_signed() == negative { quotient } else { -quotient }
}
