//! Conversions that saturate or round as hardware does. A NaN becomes 0.

/// Toward zero, at most what fits; Rust's `as` is the same.
#[inline(always)]
pub(crate) fn f64_to_i32(value: f64) -> u32 {
    (value as i32) as u32
}

#[inline(always)]
pub(crate) fn f64_to_u32(value: f64) -> u32 {
    value as u32
}

/// Down after adding a half, which rounds to f32 (V_CVT_RPI_I32_F32).
#[inline(always)]
pub(crate) fn round_plus_half(value: f32) -> u32 {
    (value + 0.5).floor() as i32 as u32
}

/// Down (V_CVT_FLR_I32_F32).
#[inline(always)]
pub(crate) fn floor_to_i32(value: f32) -> u32 {
    value.floor() as i32 as u32
}

/// A float of -1 to 1 as a normalised integer of 16 bits.
#[inline(always)]
pub(crate) fn to_snorm16(value: f32) -> u16 {
    if value.is_nan() {
        0
    } else {
        (f64::from(value.clamp(-1.0, 1.0)) * 32767.0).round_ties_even() as i16 as u16
    }
}

/// A float of 0 to 1 likewise.
#[inline(always)]
pub(crate) fn to_unorm16(value: f32) -> u16 {
    if value.is_nan() { 0 } else { (f64::from(value.clamp(0.0, 1.0)) * 65535.0).round_ties_even() as u16 }
}

/// The nearest f16 toward zero.
#[inline(always)]
pub(crate) fn narrow_toward_zero(value: f32) -> u16 {
    let near = super::half::narrow(value);
    let back = super::half::widen(near);
    if value.is_finite() && back.abs() > value.abs() { near - 1 } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_the_nearest_that_does() {
        assert_eq!(
            (f64_to_i32(1e30), f64_to_i32(-1e30), f64_to_i32(f64::NAN)),
            (0x7fff_ffff, 0x8000_0000, 0)
        );
        assert_eq!((f64_to_u32(-1.0), f64_to_u32(1e30)), (0, u32::MAX));
        assert_eq!((round_plus_half(-0.5), round_plus_half(1.5), floor_to_i32(-0.5)), (0, 2, u32::MAX));
        assert_eq!((round_plus_half(0.499_999_97), round_plus_half(8_388_609.0)), (1, 8_388_610));
        // 32895.498, which is half past in f32.
        assert_eq!(to_unorm16(0.501_953_1), 32895);
        assert_eq!((to_snorm16(-2.0), to_unorm16(2.0), to_unorm16(f32::NAN)), (0x8001, 0xffff, 0));
        assert_eq!(
            (narrow_toward_zero(65535.0), narrow_toward_zero(-1.0009), narrow_toward_zero(1.0)),
            (0x7bff, 0xbc00, 0x3c00)
        );
    }
}
