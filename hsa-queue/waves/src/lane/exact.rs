//! Numbers without rounding, and their rounding in every mode: what the host's own floats cannot do.
//!
//! A number is a significand of up to 127 bits times a power of two; its lowest bit stands for all that is below it (it is
//! set where anything was cut), so that one rounding at the end is right.

/// A width of floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) bits: u32,
    /// Bits of the fraction, without the leading one.
    pub(crate) fraction: u32,
    /// The exponent's bias.
    bias: i32,
}

pub(crate) const HALF: Format = Format { bits: 16, fraction: 10, bias: 15 };
pub(crate) const SINGLE: Format = Format { bits: 32, fraction: 23, bias: 127 };
pub(crate) const DOUBLE: Format = Format { bits: 64, fraction: 52, bias: 1023 };

/// Rounding modes by their numbers in MODE's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "all go toward something")]
pub(crate) enum Round {
    ToNearest,
    TowardPlus,
    TowardMinus,
    TowardZero,
}

impl Round {
    /// The mode of a field's two bits.
    pub(crate) fn of(field: u32) -> Self {
        [Self::ToNearest, Self::TowardPlus, Self::TowardMinus, Self::TowardZero][(field & 3) as usize]
    }
}

impl Format {
    pub(crate) fn of(bits: u32) -> Self {
        match bits {
            16 => HALF,
            32 => SINGLE,
            _ => DOUBLE,
        }
    }

    pub(crate) fn sign(self) -> u64 {
        1 << (self.bits - 1)
    }

    /// The exponent's field, all ones: an infinity's bits.
    pub(crate) fn infinity(self) -> u64 {
        (self.sign() - 1) & !((1 << self.fraction) - 1)
    }

    fn quiet(self) -> u64 {
        1 << (self.fraction - 1)
    }

    pub(crate) fn nan(self) -> u64 {
        self.infinity() | self.quiet()
    }

    fn greatest(self) -> u64 {
        self.infinity() - 1
    }

    pub(crate) fn one(self) -> u64 {
        (self.bias as u64) << self.fraction
    }

    pub(crate) fn is_nan(self, bits: u64) -> bool {
        bits & (self.sign() - 1) > self.infinity()
    }

    pub(crate) fn is_signalling(self, bits: u64) -> bool {
        self.is_nan(bits) && bits & self.quiet() == 0
    }

    pub(crate) fn is_infinite(self, bits: u64) -> bool {
        bits & (self.sign() - 1) == self.infinity()
    }

    pub(crate) fn is_zero(self, bits: u64) -> bool {
        bits & (self.sign() - 1) == 0
    }

    pub(crate) fn is_denormal(self, bits: u64) -> bool {
        bits & self.infinity() == 0 && !self.is_zero(bits)
    }

    pub(crate) fn is_negative(self, bits: u64) -> bool {
        bits & self.sign() != 0
    }

    pub(crate) fn quieted(self, bits: u64) -> u64 {
        bits | self.quiet()
    }

    /// A float of another width that is no number, in this one: the upper bits of its payload stay.
    pub(crate) fn nan_of(self, from: Self, bits: u64) -> u64 {
        let sign = if from.is_negative(bits) { self.sign() } else { 0 };
        let payload = bits & ((1 << from.fraction) - 1);
        let payload = if from.fraction > self.fraction {
            payload >> (from.fraction - self.fraction)
        } else {
            payload << (self.fraction - from.fraction)
        };
        sign | self.nan() | payload
    }

    /// The value of a finite float.
    pub(crate) fn exact(self, bits: u64) -> Exact {
        let field = (bits & self.infinity()) >> self.fraction;
        let fraction = u128::from(bits & ((1 << self.fraction) - 1));
        let lowest = 1 - self.bias - self.fraction as i32;
        let (significand, exponent) = match field {
            0 => (fraction, lowest),
            field => (fraction | 1 << self.fraction, lowest + field as i32 - 1),
        };
        Exact { negative: self.is_negative(bits), significand, exponent }
    }

    /// The float that is nearest to a number by a mode. Zero keeps the sign it has.
    pub(crate) fn rounded(self, number: Exact, round: Round) -> u64 {
        let sign = if number.negative { self.sign() } else { 0 };
        if number.significand == 0 {
            return sign;
        }
        let lowest = 1 - self.bias - self.fraction as i32;
        let top = 127 - number.significand.leading_zeros() as i32;
        // The unit of the last place that the result has.
        let unit = (number.exponent + top - self.fraction as i32).max(lowest);
        let cut = unit - number.exponent;
        let (whole, rest) = if cut <= 0 {
            (number.significand << -cut, std::cmp::Ordering::Less)
        } else if cut > 127 {
            (0, std::cmp::Ordering::Less)
        } else {
            let (half, rest) = (1_u128 << (cut - 1), number.significand & ((1 << cut) - 1));
            (number.significand >> cut, rest.cmp(&half))
        };
        let is_exact = cut <= 0 || cut <= 127 && number.significand & ((1 << cut) - 1) == 0;
        let up = match round {
            Round::ToNearest => rest.is_gt() || rest.is_eq() && whole & 1 != 0,
            Round::TowardPlus => !is_exact && !number.negative,
            Round::TowardMinus => !is_exact && number.negative,
            Round::TowardZero => false,
        };
        let whole = whole + u128::from(up);
        // With the implicit one, a significand carries into the exponent as it should; without, it is a denormal.
        let bits = if whole >> self.fraction == 0 {
            whole as u64
        } else {
            let field = (unit - lowest + 1) as u128;
            let bits = whole + ((field - 1) << self.fraction);
            if bits >= u128::from(self.infinity()) {
                return sign | self.overflow(number.negative, round);
            }
            bits as u64
        };
        sign | bits
    }

    /// What is too great: an infinity, or the greatest number where the mode goes the other way.
    pub(crate) fn overflow(self, negative: bool, round: Round) -> u64 {
        match (round, negative) {
            (Round::ToNearest, _) | (Round::TowardPlus, false) | (Round::TowardMinus, true) => {
                self.infinity()
            }
            _ => self.greatest(),
        }
    }
}

/// See the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exact {
    pub(crate) negative: bool,
    pub(crate) significand: u128,
    pub(crate) exponent: i32,
}

impl Exact {
    pub(crate) fn of_integer(value: i64) -> Self {
        Self { negative: value < 0, significand: value.unsigned_abs().into(), exponent: 0 }
    }

    /// The product of two floats' values: at most 106 bits.
    pub(crate) fn times(self, other: Self) -> Self {
        Self {
            negative: self.negative != other.negative,
            significand: self.significand * other.significand,
            exponent: self.exponent + other.exponent,
        }
    }

    pub(crate) fn scaled(self, by: i32) -> Self {
        Self { exponent: self.exponent + by, ..self }
    }

    /// The significand at the top, one bit below the highest.
    fn raised(self) -> Self {
        let up = self.significand.leading_zeros().saturating_sub(2);
        Self { significand: self.significand << up, exponent: self.exponent - up as i32, ..self }
    }

    /// The sum. A zero has the sign that both have, or else the one that the mode gives it.
    pub(crate) fn plus(self, other: Self, round: Round) -> Self {
        if self.significand == 0 && other.significand == 0 {
            let negative =
                if self.negative == other.negative { self.negative } else { round == Round::TowardMinus };
            return Self { negative, ..self };
        }
        if self.significand == 0 {
            return other;
        }
        if other.significand == 0 {
            return self;
        }
        let (a, b) = (self.raised(), other.raised());
        let (high, low) = if a.exponent >= b.exponent { (a, b) } else { (b, a) };
        let apart = (high.exponent - low.exponent) as u32;
        // What is cut is remembered in the lowest bit; both have so many zeros there that nothing is, where it would matter.
        let cut = if apart > 126 {
            1
        } else {
            low.significand >> apart | u128::from(low.significand & ((1 << apart) - 1) != 0)
        };
        let (negative, significand) = if high.negative == low.negative {
            (high.negative, high.significand + cut)
        } else if high.significand >= cut {
            (high.negative, high.significand - cut)
        } else {
            (low.negative, cut - high.significand)
        };
        let negative = if significand == 0 { round == Round::TowardMinus } else { negative };
        Self { negative, significand, exponent: high.exponent }
    }
}

#[cfg(test)]
mod tests {
    use super::{DOUBLE, Exact, Format, HALF, Round, SINGLE};

    const NEAREST: Round = Round::ToNearest;

    fn random(rng: &mut fastrand::Rng, format: Format) -> u64 {
        let bits = rng.u64(..) & (u64::MAX >> (64 - format.bits));
        let special = [0, format.sign(), 1, format.one(), format.infinity() - 1, 1 << format.fraction];
        let near =
            (bits & ((1 << format.fraction) - 1)) | (format.one() + (rng.u64(0..8) << format.fraction));
        let found = match rng.u32(0..4) {
            0 => special[rng.usize(0..special.len())],
            1 => near,
            _ => bits,
        };
        if format.is_nan(found) || format.is_infinite(found) { format.one() } else { found }
    }

    #[test]
    fn sums_products_and_both_at_once_are_the_hosts_when_rounded_to_the_nearest() {
        let mut rng = fastrand::Rng::with_seed(64);
        for _ in 0..400_000 {
            let mut double = || random(&mut rng, DOUBLE);
            let (a, b, c) = (double(), double(), double());
            let [x, y, z] = [a, b, c].map(|bits| DOUBLE.exact(bits));
            let [f, g, h] = [a, b, c].map(f64::from_bits);
            assert_eq!(DOUBLE.rounded(x.plus(y, NEAREST), NEAREST), (f + g).to_bits(), "{f:e} + {g:e}");
            assert_eq!(DOUBLE.rounded(x.times(y), NEAREST), (f * g).to_bits(), "{f:e} * {g:e}");
            let fused = DOUBLE.rounded(x.times(y).plus(z, NEAREST), NEAREST);
            assert_eq!(fused, f.mul_add(g, h).to_bits(), "{f:e} * {g:e} + {h:e}");
            let mut single = || random(&mut rng, SINGLE) as u32;
            let (a, b, c) = (single(), single(), single());
            let [x, y, z] = [a, b, c].map(|bits| SINGLE.exact(bits.into()));
            let fused = SINGLE.rounded(x.times(y).plus(z, NEAREST), NEAREST);
            let [f, g, h] = [a, b, c].map(f32::from_bits);
            assert_eq!(fused as u32, f.mul_add(g, h).to_bits(), "{f:e} * {g:e} + {h:e}");
        }
    }

    #[test]
    fn every_mode_goes_where_it_says() {
        let mut rng = fastrand::Rng::with_seed(65);
        for _ in 0..200_000 {
            let value = f64::from_bits(random(&mut rng, DOUBLE));
            let exact = DOUBLE.exact(value.to_bits());
            let near = value as f32;
            assert_eq!(SINGLE.rounded(exact, NEAREST) as u32, near.to_bits(), "{value:e}");
            let single = |round| f64::from(f32::from_bits(SINGLE.rounded(exact, round) as u32));
            let (up, down, zero) =
                (single(Round::TowardPlus), single(Round::TowardMinus), single(Round::TowardZero));
            assert!(down <= value && value <= up, "{down:e} {value:e} {up:e}");
            // Neighbours, or the number itself.
            let next = |of: f64| f64::from((of as f32).next_up());
            assert!(up == down || next(down) == up, "{down:e} {value:e} {up:e}");
            assert_eq!(zero, if value > 0.0 { down } else { up }, "{value:e}");
        }
    }

    #[test]
    fn every_half_comes_back_and_ties_go_to_even() {
        for bits in (0..=0xffff_u64).filter(|bits| !HALF.is_nan(*bits) && !HALF.is_infinite(*bits)) {
            for round in [0, 1, 2, 3].map(Round::of) {
                assert_eq!(HALF.rounded(HALF.exact(bits), round), bits, "{bits:#x} {round:?}");
            }
        }
        // 65519, 65520 and what is next to nothing.
        let half = |value: f32, round| HALF.rounded(SINGLE.exact(value.to_bits().into()), round);
        assert_eq!((half(65519.0, NEAREST), half(65520.0, NEAREST)), (0x7bff, 0x7c00));
        assert_eq!((half(1e9, Round::TowardZero), half(-1e9, Round::TowardPlus)), (0x7bff, 0xfbff));
        assert_eq!((half(1e-30, Round::TowardPlus), half(-1e-30, Round::TowardPlus)), (1, 0x8000));
        let one = Exact::of_integer(1);
        assert!(one.plus(Exact::of_integer(-1), Round::TowardMinus).negative);
        assert_eq!(HALF.rounded(Exact::of_integer(-2049).scaled(-1), NEAREST), 0xe400);
    }
}
