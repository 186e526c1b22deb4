//! Floats of 32 and 64 bits where hardware differs from Rust's operators.

/// A float whose bits the operations look at.
pub(crate) trait Float: Copy + PartialOrd {
    const QUIET: Self;
    fn is_nan(self) -> bool;
    fn is_signed(self) -> bool;
    fn is_denormal(self) -> bool;
    /// The same NaN, quiet.
    fn quieted(self) -> Self;
    fn is_signalling(self) -> bool;
    /// A zero of the same sign.
    fn zeroed(self) -> Self;
    /// The exponent's field: 0 for a denormal, all ones for what is not finite.
    fn raw_exponent(self) -> i32;
    /// Exponents so far apart that a quotient is nearer to zero than to the smallest denormal.
    const VANISHES: i32;
    /// Its bits by class: signalling and quiet NaN, then -infinity to +infinity.
    fn class(self) -> u32;
}

macro_rules! float {
    ($float:ty, $bits:ty, $quiet:literal, $sign:literal, $exponent:literal, $vanishes:literal) => {
        impl Float for $float {
            const QUIET: Self = Self::from_bits($exponent | $quiet);
            #[inline(always)]
            fn is_nan(self) -> bool {
                self != self
            }
            #[inline(always)]
            fn is_signed(self) -> bool {
                self.to_bits() & $sign != 0
            }
            #[inline(always)]
            fn is_denormal(self) -> bool {
                self.to_bits() & $exponent == 0 && self != 0.0
            }
            #[inline(always)]
            fn quieted(self) -> Self {
                if self != self { Self::from_bits(self.to_bits() | $quiet) } else { self }
            }
            #[inline(always)]
            fn is_signalling(self) -> bool {
                self != self && self.to_bits() & $quiet == 0
            }
            #[inline(always)]
            fn zeroed(self) -> Self {
                Self::from_bits(self.to_bits() & $sign)
            }
            #[inline(always)]
            fn raw_exponent(self) -> i32 {
                ((self.to_bits() & $exponent) >> <$bits>::trailing_zeros($exponent)) as i32
            }
            const VANISHES: i32 = $vanishes;
            #[inline(always)]
            fn class(self) -> u32 {
                let magnitude: $bits = self.to_bits() & !$sign;
                let kind = if magnitude > $exponent {
                    return if self.is_signalling() { 1 } else { 2 };
                } else if magnitude == $exponent {
                    3
                } else if magnitude & $exponent != 0 {
                    2
                } else if magnitude != 0 {
                    1
                } else {
                    0
                };
                if self.is_signed() { 1 << (5 - kind) } else { 1 << (6 + kind) }
            }
        }
    };
}

float!(f32, u32, 0x0040_0000, 0x8000_0000, 0x7f80_0000, -150);
float!(f64, u64, 0x0008_0000_0000_0000, 0x8000_0000_0000_0000, 0x7ff0_0000_0000_0000, -1075);

/// The smaller; a number before a quiet NaN. In IEEE mode a signalling NaN is made quiet and wins.
#[inline(always)]
pub(crate) fn min<F: Float>(a: F, b: F, ieee: bool) -> F {
    match (a.is_nan(), b.is_nan()) {
        _ if ieee && a.is_signalling() => a.quieted(),
        _ if ieee && b.is_signalling() => b.quieted(),
        (true, _) => b,
        (_, true) => a,
        // -0 is smaller than 0.
        _ if a < b || (a == b && a.is_signed()) => a,
        _ => b,
    }
}

/// The greater, likewise.
#[inline(always)]
pub(crate) fn max<F: Float>(a: F, b: F, ieee: bool) -> F {
    match (a.is_nan(), b.is_nan()) {
        _ if ieee && a.is_signalling() => a.quieted(),
        _ if ieee && b.is_signalling() => b.quieted(),
        (true, _) => b,
        (_, true) => a,
        _ if a > b || (a == b && b.is_signed()) => a,
        _ => b,
    }
}

/// The one in the middle: the greater of those that are not the greatest, of which zeros of either sign are the same; with a NaN,
/// the smallest.
#[inline(always)]
pub(crate) fn med3<F: Float>(a: F, b: F, c: F, ieee: bool) -> F {
    if a.is_nan() || b.is_nan() || c.is_nan() {
        return min(min(a, b, ieee), c, ieee);
    }
    let greatest = max(max(a, b, ieee), c, ieee);
    if greatest == a {
        max(b, c, ieee)
    } else if greatest == b {
        max(a, c, ieee)
    } else {
        max(a, b, ieee)
    }
}

/// `value` times two to the `exponent`, rounded once.
#[inline(always)]
pub(crate) fn ldexp32(value: f32, exponent: i32) -> f32 {
    // Exact in f64, whose exponents reach far enough for what f32 can still tell from 0 or infinity.
    let exponent = exponent.clamp(-300, 300);
    (f64::from(value) * 2_f64.powi(exponent)) as f32
}

/// The same of f64. In two steps, of which only the last can round.
#[inline(always)]
pub(crate) fn ldexp64(value: f64, exponent: i32) -> f64 {
    let exponent = exponent.clamp(-2200, 2200);
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    // Bring the value near 1 first, without rounding; then its exponent decides.
    let own = frexp_exp64(value);
    let mantissa = frexp_mant64(value);
    let total = own + exponent;
    if total > 1024 {
        return mantissa * f64::INFINITY;
    }
    if total >= -1021 {
        return mantissa * 2_f64.powi(total - 1) * 2.0;
    }
    mantissa * 2_f64.powi(-1021) * 2_f64.powi((total + 1021).max(-1000))
}

/// The exponent that leaves a mantissa of 0.5 to 1; 0 for zero and what is not finite.
pub(crate) fn frexp_exp64(value: f64) -> i32 {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    let raw = (value.to_bits() >> 52 & 0x7ff) as i32;
    if raw == 0 { frexp_exp64(value * 18_014_398_509_481_984.0) - 54 } else { raw - 1022 }
}

/// The mantissa, 0.5 to 1 with the value's sign.
#[inline(always)]
pub(crate) fn frexp_mant64(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value.quieted();
    }
    let normal = if value.is_denormal() { value * 18_014_398_509_481_984.0 } else { value };
    f64::from_bits(normal.to_bits() & !(0x7ff << 52) | 1022 << 52)
}

/// The exponent of an f32.
#[inline(always)]
pub(crate) fn frexp_exp32(value: f32) -> i32 {
    frexp_exp64(value.into())
}

/// The mantissa of an f32.
#[inline(always)]
pub(crate) fn frexp_mant32(value: f32) -> f32 {
    if value.is_finite() { frexp_mant64(value.into()) as f32 } else { value.quieted() }
}

/// `a * b + c` as its nearest f64 and what that lost, whose sign is right.
#[inline(always)]
fn fma_parts(a: f64, b: f64, c: f64) -> (f64, f64) {
    let product = a * b;
    let product_lost = a.mul_add(b, -product);
    let sum = product + c;
    // Knuth's two-sum.
    let back = sum - product;
    (sum, (product - (sum - back)) + (c - back) + product_lost)
}

/// `a * b + c` rounded to odd: where it is not exact, the last bit is set, so that rounding it again to at least two bits
/// fewer is right.
#[inline(always)]
pub(crate) fn fma_to_odd(a: f64, b: f64, c: f64) -> f64 {
    let (sum, lost) = fma_parts(a, b, c);
    if !sum.is_finite() || lost == 0.0 || sum.to_bits() & 1 != 0 {
        sum
    } else if (lost > 0.0) == (sum > 0.0) {
        f64::from_bits(sum.to_bits() + 1)
    } else {
        f64::from_bits(sum.to_bits() - 1)
    }
}

/// `(a * b + c)` times two to the `exponent`, rounded once also where the result is denormal.
#[inline(always)]
pub(crate) fn fma_scaled(a: f64, b: f64, c: f64, exponent: i32) -> f64 {
    let (sum, lost) = fma_parts(a, b, c);
    let scaled = ldexp64(sum, exponent);
    if !scaled.is_denormal() {
        return ldexp64(a.mul_add(b, c), exponent);
    }
    // In units of the last bit there is a fraction; at a half, what was lost decides.
    let units = ldexp64(sum, exponent + 1074);
    let (whole, half) = (units.floor(), units - units.floor() == 0.5);
    let rounded =
        if half && lost != 0.0 { whole + f64::from(u8::from(lost > 0.0)) } else { units.round_ties_even() };
    ldexp64(rounded, -1074)
}

/// The part after the point: `x - floor(x)`, below 1.
#[inline(always)]
pub(crate) fn fract32(value: f32) -> f32 {
    below_one(value - value.floor(), f32::from_bits(0x3f7f_ffff))
}

/// A part that rounding has made 1 is the greatest below (LLVM, `SITargetLowering::performFMinCombine` on V_FRACT); an
/// infinity has none.
#[inline(always)]
pub(crate) fn below_one<F: Float>(part: F, greatest: F) -> F {
    if part > greatest { greatest } else { part }
}

/// Of an f64.
#[inline(always)]
pub(crate) fn fract64(value: f64) -> f64 {
    below_one(value - value.floor(), f64::from_bits(0x3fef_ffff_ffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minimum_and_maximum_prefer_numbers_and_know_the_sign_of_zero() {
        let quiet = f32::QUIET;
        let signalling = f32::from_bits(0x7f80_0001);
        assert_eq!((min(1.0, quiet, true), max(quiet, 1.0, true)), (1.0, 1.0));
        assert!(min(1.0, signalling, true).is_nan() && min(1.0, signalling, false) == 1.0);
        assert_eq!(
            (min(0.0_f32, -0.0, true).to_bits(), max(-0.0_f32, 0.0, true).to_bits()),
            (0x8000_0000, 0)
        );
        assert_eq!((med3(3.0, 1.0, 2.0, true), med3(1.0, 1.0, 5.0, true)), (2.0, 1.0));
        assert_eq!(med3(-1.0_f32, -0.0, 0.0, true).to_bits(), 0);
    }

    #[test]
    fn scaling_rounds_once() {
        assert_eq!(ldexp32(1.0, -149), f32::from_bits(1));
        assert_eq!(ldexp32(1.5, -149), f32::from_bits(2));
        assert_eq!(ldexp32(f32::from_bits(1), 149), 1.0);
        assert_eq!((ldexp32(1.0, 128), ldexp32(-1.0, i32::MIN).to_bits()), (f32::INFINITY, 0x8000_0000));
        assert_eq!(ldexp64(1.0, -1074), f64::from_bits(1));
        assert_eq!(ldexp64(f64::from_bits(3), 1073), 1.5);
        assert_eq!((ldexp64(1.0, 1023), ldexp64(1.0, 1024)), (2_f64.powi(1023), f64::INFINITY));
        assert_eq!(ldexp64(1.5, -1074), f64::from_bits(2));
        // Just above half of the last bit: one rounding goes up, a second one before it would not have.
        let above = f64::from_bits(1.5_f64.to_bits() + 1);
        assert_eq!(
            (ldexp64(above, -1074), ldexp64(1.25 + f64::EPSILON, -1073)),
            (f64::from_bits(2), f64::from_bits(3))
        );
    }

    #[test]
    fn taking_apart_and_putting_together_is_the_same() {
        for value in [1.0, -3.5, 1e-310, 5e-324, 1.7e308, 0.1] {
            assert_eq!(ldexp64(frexp_mant64(value), frexp_exp64(value)), value);
            assert!((0.5..1.0).contains(&frexp_mant64(value).abs()));
        }
        assert_eq!((frexp_exp32(f32::from_bits(1)), frexp_mant32(f32::from_bits(1))), (-148, 0.5));
    }

    #[test]
    fn an_infinity_has_no_part_after_the_point() {
        assert!([f32::INFINITY, f32::NEG_INFINITY, f32::NAN].iter().all(|value| fract32(*value).is_nan()));
        assert!(fract64(f64::INFINITY).is_nan() && fract64(f64::NAN).is_nan());
        assert_eq!(
            (fract32(-1e-30).to_bits(), fract64(-1e-30).to_bits()),
            (0x3f7f_ffff, 0x3fef_ffff_ffff_ffff)
        );
        assert_eq!((fract32(-0.25), fract32(2.5)), (0.75, 0.5));
    }

    #[test]
    fn classes_are_told_by_one_bit() {
        let classes = [
            f32::from_bits(0x7f80_0001),
            f32::QUIET,
            f32::NEG_INFINITY,
            -1.0,
            -f32::from_bits(1),
            -0.0,
            0.0,
            f32::from_bits(1),
            1.0,
            f32::INFINITY,
        ];
        for (bit, value) in classes.into_iter().enumerate() {
            assert_eq!(value.class(), 1 << bit, "{value}");
        }
    }
}
