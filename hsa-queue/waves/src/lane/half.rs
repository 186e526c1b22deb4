//! Floats of 16 bits, by way of wider ones.
//!
//! A sum, a difference, a product, a quotient and a root of f16 that are rounded to f32 and then to f16 are rounded as if once,
//! since f32 has more than twice the bits. A fused multiply-add is not: its sum is rounded to odd before.

#[inline(always)]
pub(crate) fn widen(bits: u16) -> f32 {
    let (sign, exponent, mantissa) = (u32::from(bits >> 15) << 31, bits >> 10 & 31, u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        // A denormal is so many 2^-24.
        0 => (mantissa as f32 / 16_777_216.0).to_bits(),
        31 => 0x7f80_0000 | mantissa << 13,
        exponent => u32::from(exponent + 112) << 23 | mantissa << 13,
    };
    f32::from_bits(sign | magnitude)
}

/// The nearest f16; ties go to even. A NaN keeps the upper bits of its payload and is quiet.
#[inline(always)]
pub(crate) fn narrow(value: f32) -> u16 {
    let bits = value.to_bits();
    let (sign, magnitude) = ((bits >> 16) as u16 & 0x8000, bits & 0x7fff_ffff);
    if magnitude > 0x7f80_0000 {
        return sign | 0x7e00 | (magnitude >> 13) as u16 & 0x3ff;
    }
    // 65520 and more round to infinity.
    if magnitude >= 0x477f_f000 {
        return sign | 0x7c00;
    }
    if magnitude < 0x3880_0000 {
        // In units of 2^-24; the addition rounds.
        let units = (f32::from_bits(magnitude) + 0.5).to_bits() - 0.5_f32.to_bits();
        return sign | units as u16;
    }
    let rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
    sign | ((rounded >> 13) - (112 << 10)) as u16
}

/// `a * b + c`, rounded once.
#[inline(always)]
pub(crate) fn fma(a: u16, b: u16, c: u16) -> u16 {
    let odd = super::float::fma_to_odd(widen(a).into(), widen(b).into(), widen(c).into());
    narrow(if odd.is_finite() { to_odd(odd) } else { odd as f32 })
}

/// An f32, rounded to odd: between two, the one whose last bit is set.
#[inline(always)]
fn to_odd(value: f64) -> f32 {
    let near = value as f32;
    let back = f64::from(near);
    if back == value || !near.is_finite() {
        return near;
    }
    let truncated = if (back.abs()) > value.abs() { f32::from_bits(near.to_bits() - 1) } else { near };
    f32::from_bits(truncated.to_bits() | 1)
}

#[cfg(test)]
mod tests {
    use super::{fma, narrow, widen};

    /// The exact value in units of 2^-24, for finite ones.
    fn exact(bits: u16) -> i128 {
        let (exponent, mantissa) = (i32::from(bits >> 10 & 31), i128::from(bits & 0x3ff));
        let units = if exponent == 0 { mantissa } else { (mantissa | 0x400) << (exponent - 1) };
        if bits >> 15 != 0 { -units } else { units }
    }

    /// The nearest f16 of an exact value in units of 2^-48, ties to even, by search.
    fn nearest(value: i128) -> u16 {
        let magnitude = value.unsigned_abs();
        let at = |bits: u16| exact(bits).unsigned_abs() << 24;
        if magnitude >= at(0x7c00) {
            return 0x7c00 | if value < 0 { 0x8000 } else { 0 };
        }
        let mut low = 0_u16;
        for bit in (0..15).rev() {
            let next = low | 1 << bit;
            if next <= 0x7c00 && at(next) <= magnitude {
                low = next;
            }
        }
        let up = low + 1;
        let (below, above) = (magnitude - at(low), at(up) - magnitude);
        let bits = if above < below || (above == below && low & 1 != 0) { up } else { low };
        bits | if value < 0 { 0x8000 } else { 0 }
    }

    #[test]
    fn every_half_widens_to_its_value_and_comes_back() {
        for bits in 0..=u16::MAX {
            let value = widen(bits);
            if value.is_nan() {
                assert!(widen(narrow(value)).is_nan(), "{bits:#x}");
                continue;
            }
            assert_eq!(narrow(value), bits, "{bits:#x}");
            if value.is_finite() {
                assert_eq!(f64::from(value) * 2_f64.powi(24), exact(bits) as f64, "{bits:#x}");
            }
        }
    }

    #[test]
    fn narrowing_rounds_to_the_nearest_and_ties_to_even() {
        for bits in 0..0x7bff_u16 {
            let (low, high) = (widen(bits), widen(bits + 1));
            let tie = (low + high) / 2.0;
            let even = if bits & 1 == 0 { bits } else { bits + 1 };
            assert_eq!(narrow(tie), even, "{bits:#x}");
            assert_eq!(narrow(f32::from_bits(tie.to_bits() - 1)), bits, "{bits:#x}");
            assert_eq!(narrow(f32::from_bits(tie.to_bits() + 1)), bits + 1, "{bits:#x}");
        }
        assert_eq!((narrow(65519.0), narrow(65520.0), narrow(1e-9)), (0x7bff, 0x7c00, 0));
    }

    #[test]
    fn a_fused_multiply_add_is_rounded_once() {
        let mut rng = fastrand::Rng::with_seed(16);
        for round in 0..300_000 {
            let mut half = || loop {
                let bits = rng.u16(..);
                if bits & 0x7c00 != 0x7c00 {
                    break bits;
                }
            };
            let (a, b, c) = (half(), half(), if round % 3 == 0 { half() & 0x8fff } else { half() });
            let sum = exact(a) * exact(b) + (exact(c) << 24);
            if sum == 0 {
                continue;
            }
            assert_eq!(fma(a, b, c), nearest(sum), "{a:#x} * {b:#x} + {c:#x}");
        }
    }
}
