//! Floats of 32 bits.
//!
//! Denormals are flushed where MODE says so; `v_mad_f32` and `v_mac_f32` round twice and always flush, as gfx900's do.

use super::leveled::{Narrow, narrow2, narrow3, table};
use super::scale;
use crate::lane::float::{self, Float};
use crate::operand::unsupported;
use crate::stop::Stop;
use crate::sys::{Level, Loop, Narrow};
use crate::wave::{LANES, Lanes, Wave};
use gcn::row::Place;
use gcn::{Inst, Op, Operand};

/// What happens to an operation's operands and result, whatever it computes.
#[derive(Clone, Copy)]
struct Around {
    flush: bool,
    clamp: bool,
    clamps_nan: bool,
    scale: f32,
}

impl Around {
    #[inline(always)]
    fn input(self, bits: u32) -> f32 {
        let value = f32::from_bits(bits);
        if self.flush && value.is_denormal() { value.zeroed() } else { value }
    }

    #[inline(always)]
    fn output(self, value: f32) -> u32 {
        let value = value * self.scale;
        let value = if self.flush && value.is_denormal() { value.zeroed() } else { value };
        let clamped = if Float::is_nan(value) && self.clamps_nan { 0.0 } else { value.clamp(0.0, 1.0) };
        (if self.clamp { clamped } else { value }).to_bits()
    }
}

table! {
    single1, f1, Narrow::narrow1;
    v_fract_f32(a: f32) -> f32 = float::fract32(a);
    v_trunc_f32(a: f32) -> f32 = a.trunc();
    v_ceil_f32(a: f32) -> f32 = a.ceil();
    v_rndne_f32(a: f32) -> f32 = a.round_ties_even();
    v_floor_f32(a: f32) -> f32 = a.floor();
    // Hardware's are within 1 ulp; these are rounded correctly.
    v_rcp_f32(a: f32) -> f32 = (1.0 / f64::from(a)) as f32;
    v_rcp_iflag_f32(a: f32) -> f32 = (1.0 / f64::from(a)) as f32;
    v_rsq_f32(a: f32) -> f32 = (1.0 / f64::from(a).sqrt()) as f32;
    v_sqrt_f32(a: f32) -> f32 = a.sqrt();
    v_frexp_mant_f32(a: f32) -> f32 = float::frexp_mant32(a);
}

table! {
    single2, f2, Narrow::narrow2;
    v_add_f32(a: f32, b: f32) -> f32 = a + b;
    v_sub_f32(a: f32, b: f32) -> f32 = a - b;
    v_subrev_f32(a: f32, b: f32) -> f32 = b - a;
    v_mul_f32(a: f32, b: f32) -> f32 = a * b;
    // Zero times anything is zero.
    v_mul_legacy_f32(a: f32, b: f32) -> f32 = if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
}

table! {
    single3, f3, Narrow::narrow3;
    v_fma_f32(a: f32, b: f32, c: f32) -> f32 = a.mul_add(b, c);
}

/// Loops of operations that depend on a mode, or whose third source is not one, for the usual mode.
pub(crate) fn looped(op: Op, level: Level) -> Option<Loop<Narrow>> {
    Some(match op {
        Op::v_min_f32 => Narrow!(level, narrow2, |a: f32, b: f32| float::min(a, b, true)),
        Op::v_max_f32 => Narrow!(level, narrow2, |a: f32, b: f32| float::max(a, b, true)),
        Op::v_min3_f32 => {
            Narrow!(level, narrow3, |a: f32, b: f32, c: f32| float::min(float::min(a, b, true), c, true))
        }
        Op::v_max3_f32 => {
            Narrow!(level, narrow3, |a: f32, b: f32, c: f32| float::max(float::max(a, b, true), c, true))
        }
        Op::v_med3_f32 => Narrow!(level, narrow3, |a: f32, b: f32, c: f32| float::med3(a, b, c, true)),
        Op::v_mad_f32 | Op::v_mac_f32 | Op::v_madak_f32 => Narrow!(level, narrow3, usual_mad),
        Op::v_madmk_f32 => Narrow!(level, narrow3, |a: u32, b: u32, k: u32| usual_mad(a, k, b)),
        Op::v_ldexp_f32 => Narrow!(level, narrow2, |a: f32, b: u32| float::ldexp32(a, b as i32)),
        _ => return None,
    })
}

/// A multiply-add with nothing around it but what it always does.
#[inline(always)]
fn usual_mad(a: u32, b: u32, c: u32) -> u32 {
    let around = Around { flush: true, clamp: false, clamps_nan: false, scale: 1.0 };
    around.output(mad(around, a, b, c))
}

impl Wave {
    fn around(&self, inst: &Inst, flush: bool) -> Around {
        Around {
            flush: flush || !self.mode.keeps_f32_denormals(),
            clamp: inst.modifiers.clamp,
            clamps_nan: self.mode.clamps_nan(),
            scale: scale(inst),
        }
    }

    fn f1(&mut self, inst: &Inst, f: impl Fn(f32) -> f32) -> Result<bool, Stop> {
        let around = self.around(inst, false);
        self.map1(inst, |a: u32| around.output(f(around.input(a))))
    }

    fn f2(&mut self, inst: &Inst, f: impl Fn(f32, f32) -> f32) -> Result<bool, Stop> {
        let around = self.around(inst, false);
        self.map2(inst, |a: u32, b: u32| around.output(f(around.input(a), around.input(b))))
    }

    fn f3(&mut self, inst: &Inst, f: impl Fn(f32, f32, f32) -> f32) -> Result<bool, Stop> {
        let around = self.around(inst, false);
        self.map3(inst, |a: u32, b: u32, c: u32| {
            around.output(f(around.input(a), around.input(b), around.input(c)))
        })
    }

    /// Whether it was one of these.
    pub(super) fn single(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let ieee = self.mode.is_ieee();
        match inst.op() {
            Op::v_min_f32 => self.f2(inst, |a, b| float::min(a, b, ieee)),
            Op::v_max_f32 => self.f2(inst, |a, b| float::max(a, b, ieee)),
            Op::v_min3_f32 => self.f3(inst, |a, b, c| float::min(float::min(a, b, ieee), c, ieee)),
            Op::v_max3_f32 => self.f3(inst, |a, b, c| float::max(float::max(a, b, ieee), c, ieee)),
            Op::v_med3_f32 => self.f3(inst, |a, b, c| float::med3(a, b, c, ieee)),
            Op::v_mad_f32 => {
                let around = self.around(inst, true);
                self.map3(inst, |a: u32, b: u32, c: u32| around.output(mad(around, a, b, c)))
            }
            Op::v_mac_f32 | Op::v_madmk_f32 | Op::v_madak_f32 => self.mad_with_one_named(inst),
            Op::v_ldexp_f32 => {
                let around = self.around(inst, false);
                self.map2(inst, |a: u32, b: u32| around.output(float::ldexp32(around.input(a), b as i32)))
            }
            Op::v_frexp_exp_i32_f32 => {
                let around = self.around(inst, false);
                self.map1(inst, |a: u32| float::frexp_exp32(around.input(a)) as u32)
            }
            _ => Ok(self.single2(inst)?
                || self.single3(inst)?
                || self.single1(inst)?
                || self.estimate(inst)?),
        }
    }

    /// Functions that are computed by this machine's library, lane by lane. Hardware's are within 1 ulp.
    fn estimate(&mut self, inst: &Inst) -> Result<bool, Stop> {
        match inst.op() {
            Op::v_exp_f32 | Op::v_exp_legacy_f32 => self.f1(inst, |a| f64::from(a).exp2() as f32),
            Op::v_log_f32 | Op::v_log_legacy_f32 => self.f1(inst, |a| f64::from(a).log2() as f32),
            // The argument is in turns.
            Op::v_sin_f32 => self.f1(inst, |a| turn(a).sin() as f32),
            Op::v_cos_f32 => self.f1(inst, |a| turn(a).cos() as f32),
            _ => Ok(false),
        }
    }

    /// Multiply-adds of which one operand is not a source: the destination, or the literal that follows.
    fn mad_with_one_named(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let around = self.around(inst, true);
        let (a, b) = (self.source::<u32>(inst, 0)?, self.source::<u32>(inst, 1)?);
        let named = match (inst.op(), inst.at(Place::Literal).map(|bound| bound.operand), inst.at(Place::Dst))
        {
            (Op::v_mac_f32, _, Some(to)) => self.plain::<u32>(inst, to)?,
            (_, Some(Operand::Literal(word)), _) => Lanes::all(word),
            _ => return unsupported(inst),
        };
        let mut out = Lanes::all(0_u32);
        for lane in 0..LANES {
            let (a, b, named) = (a.0[lane], b.0[lane], named.0[lane]);
            let sum = if inst.op() == Op::v_madmk_f32 {
                mad(around, a, named, b)
            } else {
                mad(around, a, b, named)
            };
            out.0[lane] = around.output(sum);
        }
        self.set_vector(inst, &out)?;
        Ok(true)
    }
}

/// Rounded twice, flushed twice.
#[inline(always)]
fn mad(around: Around, a: u32, b: u32, c: u32) -> f32 {
    let product = around.input((around.input(a) * around.input(b)).to_bits());
    product + around.input(c)
}

fn turn(value: f32) -> f64 {
    f64::from(value).fract() * std::f64::consts::TAU
}
