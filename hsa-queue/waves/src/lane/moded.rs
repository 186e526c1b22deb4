//! Operations on floats of one lane in whatever mode the wave is, by bits: the specification of what the vector loops do fast
//! in the modes that compilers begin with.
//!
//! ```text
//! sources ──flush in──► operation, exact ──round──► omod ──flush out──► clamp ──► result
//! ```
//! What hardware only approximates (reciprocals, roots, logarithms, sines) is rounded to the nearest whatever the mode.

use super::exact::{DOUBLE, Exact, Format, HALF, Round, SINGLE};
use super::{convert, float};
use crate::wave::Mode;
use gcn::{Modifiers, Op};
use std::cmp::Ordering;

/// How a width of floats is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Width {
    round: Round,
    flush_in: bool,
    flush_out: bool,
}

/// A wave's mode and an instruction's modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Env {
    single: Width,
    /// Of f16 and f64.
    other: Width,
    pub(crate) ieee: bool,
    clamps_nan: bool,
    /// An f16 that is too great is the greatest.
    half_stays_finite: bool,
    /// By which power of two the result is multiplied.
    omod: i32,
    clamp: bool,
}

impl Env {
    pub(crate) fn of(mode: Mode, modifiers: &Modifiers) -> Self {
        // FP_DENORM: bit 0 keeps those of sources, bit 1 those of results (LLVM, AMDGPUUsage, `FLOAT_DENORM_MODE_*`).
        let width = |round: u32, denormals: u32| Width {
            round: Round::of(mode.0 >> round),
            flush_in: mode.0 >> denormals & 1 == 0,
            flush_out: mode.0 >> denormals & 2 == 0,
        };
        Self {
            single: width(0, 4),
            other: width(2, 6),
            ieee: mode.is_ieee(),
            clamps_nan: mode.clamps_nan(),
            half_stays_finite: mode.stays_finite(),
            omod: [0, 1, 2, -1][usize::from(modifiers.omod & 3)],
            clamp: modifiers.clamp,
        }
    }

    /// The same with all denormals of f32 as zeros: what gfx9's unfused multiply-adds do.
    fn flushing(self) -> Self {
        Self { single: Width { flush_in: true, flush_out: true, ..self.single }, ..self }
    }

    fn width(&self, format: Format) -> Width {
        if format == SINGLE { self.single } else { self.other }
    }

    pub(crate) fn input(&self, format: Format, bits: u64) -> u64 {
        let flushes = self.width(format).flush_in && format.is_denormal(bits);
        if flushes { bits & format.sign() } else { bits }
    }

    fn round(&self, format: Format, number: Exact) -> u64 {
        let bits = format.rounded(number, self.width(format).round);
        let clamped = format == HALF && self.half_stays_finite && format.is_infinite(bits);
        if clamped { bits - 1 } else { bits }
    }

    fn flushed(&self, format: Format, bits: u64) -> u64 {
        let flushes = self.width(format).flush_out && format.is_denormal(bits);
        if flushes { bits & format.sign() } else { bits }
    }

    /// What becomes of a float that was computed.
    fn output(&self, format: Format, bits: u64) -> u64 {
        let mut bits = bits;
        // Ignored in IEEE mode and where denormals of results are kept; -0 becomes 0 ("Vega" ISA, output modifiers; LLVM,
        // `SIFoldOperands::tryFoldOMod`).
        if self.omod != 0 && !self.ieee && self.width(format).flush_out && !format.is_nan(bits) {
            if !format.is_infinite(bits) {
                bits = self.round(format, format.exact(self.flushed(format, bits)).scaled(self.omod));
            }
            bits = self.flushed(format, bits);
            bits = if format.is_zero(bits) { 0 } else { bits };
        }
        bits = self.flushed(format, bits);
        if !self.clamp {
            return bits;
        }
        match () {
            () if format.is_nan(bits) => {
                if self.clamps_nan {
                    0
                } else {
                    bits
                }
            }
            // -0 is not below 0 (LLVM, `SITargetLowering::performClampCombine`).
            () if format.is_negative(bits) && !format.is_zero(bits) => 0,
            () if bits > format.one() && !format.is_negative(bits) => format.one(),
            () => bits,
        }
    }
}

/// The first that is no number, made quiet.
fn nan_among(format: Format, sources: &[u64]) -> Option<u64> {
    sources.iter().find(|bits| format.is_nan(**bits)).map(|bits| format.quieted(*bits))
}

fn sum(env: &Env, format: Format, a: u64, b: u64) -> u64 {
    if let Some(nan) = nan_among(format, &[a, b]) {
        return nan;
    }
    match (format.is_infinite(a), format.is_infinite(b)) {
        (true, true) if a != b => format.nan(),
        (true, _) => a,
        (_, true) => b,
        _ => {
            let round = env.width(format).round;
            env.round(format, format.exact(a).plus(format.exact(b), round))
        }
    }
}

fn product(env: &Env, format: Format, a: u64, b: u64) -> u64 {
    if let Some(nan) = nan_among(format, &[a, b]) {
        return nan;
    }
    let sign = (a ^ b) & format.sign();
    match (format.is_infinite(a) || format.is_infinite(b), format.is_zero(a) || format.is_zero(b)) {
        (true, true) => format.nan(),
        (true, false) => sign | format.infinity(),
        _ => env.round(format, format.exact(a).times(format.exact(b))),
    }
}

/// `a * b + c` times two to the `exponent`, rounded once.
fn fused(env: &Env, format: Format, [a, b, c]: [u64; 3], exponent: i32) -> u64 {
    if let Some(nan) = nan_among(format, &[a, b, c]) {
        return nan;
    }
    let sign = (a ^ b) & format.sign();
    let infinite = format.is_infinite(a) || format.is_infinite(b);
    match () {
        () if infinite && (format.is_zero(a) || format.is_zero(b)) => format.nan(),
        () if infinite && format.is_infinite(c) && (c & format.sign()) != sign => format.nan(),
        () if infinite => sign | format.infinity(),
        () if format.is_infinite(c) => c,
        () => {
            let round = env.width(format).round;
            let sum = format.exact(a).times(format.exact(b)).plus(format.exact(c), round);
            env.round(format, sum.scaled(exponent))
        }
    }
}

/// The product is rounded, then the sum.
fn unfused(env: &Env, format: Format, [a, b, c]: [u64; 3]) -> u64 {
    let product = env.flushed(format, product(env, format, a, b));
    sum(env, format, product, c)
}

/// How two floats that are numbers compare.
pub(crate) fn order(format: Format, a: u64, b: u64) -> Option<Ordering> {
    if format.is_nan(a) || format.is_nan(b) {
        return None;
    }
    let key = |bits: u64| {
        let magnitude = (bits & (format.sign() - 1)) as i128;
        if format.is_negative(bits) { -magnitude } else { magnitude }
    };
    Some(key(a).cmp(&key(b)))
}

/// The smaller, or the greater, of two; a number before one that is none; -0 before 0.
fn extreme(env: &Env, format: Format, a: u64, b: u64, wanted: Ordering) -> u64 {
    match (format.is_nan(a), format.is_nan(b)) {
        _ if env.ieee && format.is_signalling(a) => format.quieted(a),
        _ if env.ieee && format.is_signalling(b) => format.quieted(b),
        (true, _) => b,
        (_, true) => a,
        _ => {
            let order = order(format, a, b).unwrap_or(Ordering::Equal);
            // Of equal ones the sign tells zeros apart.
            let order = order.then_with(|| format.is_negative(b).cmp(&format.is_negative(a)));
            if order == wanted || order.is_eq() { a } else { b }
        }
    }
}

fn middle(env: &Env, format: Format, [a, b, c]: [u64; 3]) -> u64 {
    let high = |a, b| extreme(env, format, a, b, Ordering::Greater);
    if [a, b, c].iter().any(|bits| format.is_nan(*bits)) {
        let low = |a, b| extreme(env, format, a, b, Ordering::Less);
        return low(low(a, b), c);
    }
    // Zeros of either sign are the same.
    let greatest = high(high(a, b), c);
    let is_greatest = |bits| order(format, bits, greatest) == Some(Ordering::Equal);
    match (is_greatest(a), is_greatest(b)) {
        (true, _) => high(b, c),
        (_, true) => high(a, c),
        _ => high(a, b),
    }
}

/// A function of f64 whose result is rounded to the nearest: exact ones, and those that hardware approximates.
fn by_double(format: Format, bits: u64, f: impl Fn(f64) -> f64) -> u64 {
    if format.is_nan(bits) {
        return format.quieted(bits);
    }
    let value = f64::from_bits(convert_float(format, DOUBLE, bits, Round::ToNearest));
    let result = f(value);
    if result.is_nan() {
        return format.nan();
    }
    convert_float(DOUBLE, format, result.to_bits(), Round::ToNearest)
}

fn convert_float(from: Format, to: Format, bits: u64, round: Round) -> u64 {
    match () {
        () if from.is_nan(bits) => to.nan_of(from, bits),
        () if from.is_infinite(bits) => to.infinity() | if from.is_negative(bits) { to.sign() } else { 0 },
        () => to.rounded(from.exact(bits), round),
    }
}

fn scaled(env: &Env, format: Format, bits: u64, exponent: i32) -> u64 {
    match () {
        () if format.is_nan(bits) => format.quieted(bits),
        () if format.is_infinite(bits) => bits,
        () => env.round(format, format.exact(bits).scaled(exponent.clamp(-5000, 5000))),
    }
}

/// V_DIV_FIXUP: see `vector`'s.
fn fixed(env: &Env, format: Format, [quotient, denominator, numerator]: [u64; 3]) -> u64 {
    if format.is_nan(numerator) {
        return format.quieted(numerator);
    }
    if format.is_nan(denominator) {
        return format.quieted(denominator);
    }
    let negative = format.is_negative(numerator) != format.is_negative(denominator);
    let sign = if negative { format.sign() } else { 0 };
    let field = |bits: u64| ((bits & format.infinity()) >> format.fraction) as i32;
    let (zero, infinite) = (|bits| format.is_zero(bits), |bits| format.is_infinite(bits));
    let round = env.width(format).round;
    let vanishes = match format {
        HALF => i32::MIN,
        SINGLE => -150,
        _ => -1075,
    };
    match () {
        () if zero(denominator) && zero(numerator) || infinite(denominator) && infinite(numerator) => {
            format.nan()
        }
        () if zero(denominator) || infinite(numerator) => sign | format.infinity(),
        () if infinite(denominator) || zero(numerator) => sign,
        // A quotient that is none has overflowed on the way.
        () if format.is_nan(quotient) => {
            let [n, d] = [numerator, denominator]
                .map(|bits| f64::from_bits(convert_float(format, DOUBLE, bits, round)));
            let exact = convert_float(DOUBLE, format, (n / d).to_bits(), round);
            if format.is_infinite(exact) { sign | format.overflow(negative, round) } else { exact }
        }
        () if field(numerator) - field(denominator) < vanishes => {
            let up = round == Round::TowardPlus && !negative || round == Round::TowardMinus && negative;
            sign | u64::from(up)
        }
        () => quotient & !format.sign() | sign,
    }
}

/// The result's bits of an operation whose result is a float of `format`; `None` if it is not one of these. `lane` says whether
/// V_DIV_FMAS is to scale.
pub(crate) fn compute(op: Op, format: Format, sources: [u64; 3], scales: bool, env: &Env) -> Option<u64> {
    use Op::*;
    if let Some(bits) = converted(op, sources, env) {
        return Some(bits);
    }
    // Whatever the mode says.
    let env = &match op {
        v_mad_f32 | v_mac_f32 | v_madmk_f32 | v_madak_f32 | v_mad_legacy_f32 => env.flushing(),
        _ => *env,
    };
    let exponent = sources[1];
    let all = sources.map(|bits| env.input(format, bits));
    let [a, b, c] = all;
    let found = match op {
        v_add_f16 | v_add_f32 | v_add_f64 => sum(env, format, a, b),
        v_sub_f16 | v_sub_f32 => sum(env, format, a, b ^ format.sign()),
        v_subrev_f16 | v_subrev_f32 => sum(env, format, b, a ^ format.sign()),
        v_mul_f16 | v_mul_f32 | v_mul_f64 => product(env, format, a, b),
        v_mul_legacy_f32 if format.is_zero(a) || format.is_zero(b) => 0,
        v_mul_legacy_f32 => product(env, format, a, b),
        v_mad_legacy_f32 if format.is_zero(a) || format.is_zero(b) => sum(env, format, 0, c),
        v_mad_legacy_f32 => unfused(env, format, all),
        v_min_f16 | v_min_f32 | v_min_f64 => extreme(env, format, a, b, Ordering::Less),
        v_max_f16 | v_max_f32 | v_max_f64 => extreme(env, format, a, b, Ordering::Greater),
        v_min3_f16 | v_min3_f32 => {
            extreme(env, format, extreme(env, format, a, b, Ordering::Less), c, Ordering::Less)
        }
        v_max3_f16 | v_max3_f32 => {
            extreme(env, format, extreme(env, format, a, b, Ordering::Greater), c, Ordering::Greater)
        }
        v_med3_f16 | v_med3_f32 => middle(env, format, all),
        v_fma_f16 | v_fma_legacy_f16 | v_fma_f32 | v_fma_f64 => fused(env, format, all, 0),
        v_mad_f16 | v_mad_legacy_f16 | v_mad_f32 | v_mac_f16 | v_mac_f32 | v_madak_f16 | v_madak_f32
        | v_madmk_f16 | v_madmk_f32 => unfused(env, format, all),
        v_div_fmas_f32 | v_div_fmas_f64 => {
            let by = if format == SINGLE { 64 } else { 128 };
            let great = !format.is_nan(c) && c & (format.sign() - 1) >= format.one() + (1 << format.fraction);
            let by = if great { by } else { -by };
            fused(env, format, all, if scales { by } else { 0 })
        }
        v_div_fixup_f16 | v_div_fixup_legacy_f16 | v_div_fixup_f32 | v_div_fixup_f64 => {
            fixed(env, format, all)
        }
        v_ldexp_f16 => scaled(env, format, a, i32::from(exponent as i16)),
        v_ldexp_f32 | v_ldexp_f64 => scaled(env, format, a, exponent as i32),
        v_trunc_f16 | v_trunc_f32 | v_trunc_f64 => by_double(format, a, f64::trunc),
        v_ceil_f16 | v_ceil_f32 | v_ceil_f64 => by_double(format, a, f64::ceil),
        v_floor_f16 | v_floor_f32 | v_floor_f64 => by_double(format, a, f64::floor),
        v_rndne_f16 | v_rndne_f32 | v_rndne_f64 => by_double(format, a, f64::round_ties_even),
        v_fract_f16 | v_fract_f32 | v_fract_f64 => {
            let floor = by_double(format, a, f64::floor);
            let part = sum(env, format, a, floor ^ format.sign());
            let is_one = !format.is_nan(part) && part >= format.one() && !format.is_negative(part);
            if is_one { format.one() - 1 } else { part }
        }
        v_frexp_mant_f16 | v_frexp_mant_f32 | v_frexp_mant_f64 => by_double(format, a, float::frexp_mant64),
        v_rcp_f16 | v_rcp_f32 | v_rcp_iflag_f32 | v_rcp_f64 => by_double(format, a, |value| 1.0 / value),
        v_sqrt_f16 | v_sqrt_f32 | v_sqrt_f64 => by_double(format, a, f64::sqrt),
        v_rsq_f16 | v_rsq_f32 | v_rsq_f64 => by_double(format, a, |value| 1.0 / value.sqrt()),
        v_exp_f16 | v_exp_f32 | v_exp_legacy_f32 => by_double(format, a, f64::exp2),
        v_log_f16 | v_log_f32 | v_log_legacy_f32 => by_double(format, a, f64::log2),
        v_sin_f16 | v_sin_f32 => by_double(format, a, |turns| (turns.fract() * std::f64::consts::TAU).sin()),
        v_cos_f16 | v_cos_f32 => by_double(format, a, |turns| (turns.fract() * std::f64::consts::TAU).cos()),
        v_cubeid_f32 | v_cubema_f32 | v_cubesc_f32 | v_cubetc_f32 => cube(op, env, all),
        _ => return None,
    };
    Some(env.output(format, found))
}

/// The face of a cube that a direction meets, where on it, and twice the coordinate across it.
fn cube(op: Op, env: &Env, [x, y, z]: [u64; 3]) -> u64 {
    let format = SINGLE;
    let size = |bits: u64| bits & (format.sign() - 1);
    let at_least = |a: u64, b: u64| order(format, size(a), size(b)).is_some_and(Ordering::is_ge);
    let below = |bits: u64| order(format, bits, 0).is_some_and(Ordering::is_lt);
    let (axis, major) = if at_least(z, x) && at_least(z, y) {
        (2, z)
    } else if at_least(y, x) {
        (1, y)
    } else {
        (0, x)
    };
    let turned = |bits: u64, turned: bool| if turned { bits ^ format.sign() } else { bits };
    match op {
        Op::v_cubeid_f32 => env.round(format, Exact::of_integer(2 * axis + i64::from(below(major)))),
        Op::v_cubema_f32 => sum(env, format, major, major),
        Op::v_cubesc_f32 => match axis {
            2 => turned(x, below(z)),
            1 => x,
            _ => turned(z, !below(x)),
        },
        _ if axis == 1 => turned(z, below(y)),
        _ => turned(y, true),
    }
}

/// Conversions: those that give floats are rounded and modified as others; those that give integers saturate as they always do.
fn converted(op: Op, [first, second, _]: [u64; 3], env: &Env) -> Option<u64> {
    use Op::*;
    let integer = |to: Format, value: i64| Some(env.output(to, env.round(to, Exact::of_integer(value))));
    let float = |from: Format, to: Format| {
        let bits = convert_float(from, to, env.input(from, first), env.width(to).round);
        let finite = to == HALF && env.half_stays_finite && to.is_infinite(bits) && !from.is_infinite(first);
        Some(env.output(to, if finite { bits - 1 } else { bits }))
    };
    let word = first as u32;
    let single = |bits: u64| f32::from_bits(env.input(SINGLE, bits & 0xffff_ffff) as u32);
    let double = f64::from_bits(env.input(DOUBLE, first));
    let half = |bits: u64| super::half::widen(env.input(HALF, bits & 0xffff) as u16);
    let pair = |low: u16, high: u16| Some(u64::from(low) | u64::from(high) << 16);
    match op {
        v_cvt_f32_i32 => integer(SINGLE, i64::from(word as i32)),
        v_cvt_f32_u32 => integer(SINGLE, word.into()),
        v_cvt_f32_ubyte0 => integer(SINGLE, word.to_le_bytes()[0].into()),
        v_cvt_f32_ubyte1 => integer(SINGLE, word.to_le_bytes()[1].into()),
        v_cvt_f32_ubyte2 => integer(SINGLE, word.to_le_bytes()[2].into()),
        v_cvt_f32_ubyte3 => integer(SINGLE, word.to_le_bytes()[3].into()),
        v_cvt_f64_i32 => integer(DOUBLE, i64::from(word as i32)),
        v_cvt_f64_u32 => integer(DOUBLE, word.into()),
        v_cvt_f16_u16 => integer(HALF, (word as u16).into()),
        v_cvt_f16_i16 => integer(HALF, (word as i16).into()),
        // Four bits with a sign, as sixteenths.
        v_cvt_off_f32_i4 => {
            let sixteenths = Exact::of_integer(i64::from((word << 28) as i32 >> 28)).scaled(-4);
            Some(env.output(SINGLE, env.round(SINGLE, sixteenths)))
        }
        v_cvt_f16_f32 => float(SINGLE, HALF),
        v_cvt_f32_f16 => float(HALF, SINGLE),
        v_cvt_f32_f64 => float(DOUBLE, SINGLE),
        v_cvt_f64_f32 => float(SINGLE, DOUBLE),
        v_cvt_i32_f32 => Some(convert::f64_to_i32(single(first).into()).into()),
        v_cvt_u32_f32 => Some(convert::f64_to_u32(single(first).into()).into()),
        v_cvt_rpi_i32_f32 => Some(convert::round_plus_half(single(first)).into()),
        v_cvt_flr_i32_f32 => Some(convert::floor_to_i32(single(first)).into()),
        v_cvt_i32_f64 => Some(convert::f64_to_i32(double).into()),
        v_cvt_u32_f64 => Some(convert::f64_to_u32(double).into()),
        v_cvt_i16_f16 => Some(u64::from(half(first) as i16 as u16)),
        v_cvt_u16_f16 => Some(u64::from(half(first) as u16)),
        v_frexp_exp_i32_f32 => Some(u64::from(float::frexp_exp32(single(first)) as u32)),
        v_frexp_exp_i32_f64 => Some(u64::from(float::frexp_exp64(double) as u32)),
        v_frexp_exp_i16_f16 => Some(u64::from(float::frexp_exp32(half(first)) as u16)),
        v_cvt_pkrtz_f16_f32 => {
            let of = |bits: u64| {
                let bits = env.input(SINGLE, bits & 0xffff_ffff);
                env.output(HALF, convert_float(SINGLE, HALF, bits, Round::TowardZero)) as u16
            };
            pair(of(first), of(second))
        }
        v_cvt_norm_i16_f16 => Some(convert::to_snorm16(half(first)).into()),
        v_cvt_norm_u16_f16 => Some(convert::to_unorm16(half(first)).into()),
        v_cvt_pknorm_i16_f16 => pair(convert::to_snorm16(half(first)), convert::to_snorm16(half(second))),
        v_cvt_pknorm_u16_f16 => pair(convert::to_unorm16(half(first)), convert::to_unorm16(half(second))),
        v_cvt_pknorm_i16_f32 => pair(convert::to_snorm16(single(first)), convert::to_snorm16(single(second))),
        v_cvt_pknorm_u16_f32 => pair(convert::to_unorm16(single(first)), convert::to_unorm16(single(second))),
        _ => None,
    }
}

/// The operation of one half that a packed one does twice.
pub(crate) fn of_each_half(op: Op) -> Option<Op> {
    Some(match op {
        Op::v_pk_fma_f16 => Op::v_fma_f16,
        Op::v_pk_add_f16 => Op::v_add_f16,
        Op::v_pk_mul_f16 => Op::v_mul_f16,
        Op::v_pk_min_f16 => Op::v_min_f16,
        Op::v_pk_max_f16 => Op::v_max_f16,
        _ => return None,
    })
}

/// A multiply-add that mixes f16 and f32: as f32, of sources that are f32 here; the result as f32, or rounded once more to f16.
pub(crate) fn mixed(sources: [u64; 3], to: Format, env: &Env) -> u64 {
    let all = sources.map(|bits| env.input(SINGLE, bits));
    let sum = unfused(env, SINGLE, all);
    if to == SINGLE {
        return env.output(SINGLE, sum);
    }
    env.output(to, convert_float(SINGLE, to, env.flushed(SINGLE, sum), env.width(to).round))
}

#[cfg(test)]
mod tests {
    use super::{Env, compute};
    use crate::lane::exact::{Format, HALF, SINGLE};
    use crate::wave::Mode;
    use gcn::{Modifiers, Op};

    fn add(mode: u32, omod: u8, clamp: bool, format: Format, a: u64, b: u64) -> u64 {
        let env = Env::of(Mode(mode), &Modifiers { omod, clamp, ..Modifiers::default() });
        let op = if format == HALF { Op::v_add_f16 } else { Op::v_add_f32 };
        compute(op, format, [a, b, 0], false, &env).expect("an addition")
    }

    fn single(value: f32) -> u64 {
        value.to_bits().into()
    }

    // Keeps: wave-modes
    #[test]
    fn results_are_scaled_only_without_ieee_and_where_denormals_are_zeros() {
        let scaled = |mode, omod| add(mode, omod, false, SINGLE, single(1.0), single(0.5));
        assert_eq!([0, 1, 2, 3].map(|omod| scaled(0x100, omod)), [1.5, 3.0, 6.0, 0.75].map(single));
        // IEEE; denormals of results kept.
        assert_eq!((scaled(0x300, 1), scaled(0x120, 1)), (single(1.5), single(1.5)));
        // What becomes a denormal by it is 0, and so is -0.
        assert_eq!(add(0x100, 3, false, SINGLE, single(-f32::MIN_POSITIVE), 0), 0);
        assert_eq!(add(0x100, 1, false, SINGLE, single(f32::MAX), 0), single(f32::INFINITY));
        // To zero: the greatest.
        assert_eq!(add(0x103, 1, false, SINGLE, single(f32::MAX), 0), single(f32::MAX));
    }

    // Keeps: wave-modes
    #[test]
    fn results_are_clamped_and_what_is_no_number_is_0_if_dx10_says_so() {
        let clamped = |mode, value: f32| add(mode, 0, true, SINGLE, single(value), 0x8000_0000);
        assert_eq!(
            [-1.0, 0.25, 1.5, f32::INFINITY].map(|value| clamped(0x1f0, value)),
            [0.0, 0.25, 1.0, 1.0].map(single)
        );
        assert_eq!(clamped(0x1f0, -0.0), 0x8000_0000);
        assert_eq!((clamped(0x1f0, f32::NAN), SINGLE.is_nan(clamped(0x0f0, f32::NAN))), (0, true));
    }

    // Keeps: wave-modes
    #[test]
    fn an_f16_that_is_too_great_stays_finite_if_the_mode_says_so() {
        let sum = |mode, a, b| add(mode, 0, false, HALF, a, b);
        assert_eq!((sum(0x3f0, 0x7bff, 0x7bff), sum(0x3f0 | 1 << 23, 0x7bff, 0x7bff)), (0x7c00, 0x7bff));
        assert_eq!((sum(0x3f0 | 1 << 23, 0xfbff, 0xfbff), sum(0x3f0 | 1 << 23, 0x7c00, 1)), (0xfbff, 0x7c00));
    }
}
