//! The steps by which great angles are brought into one turn.

/// 2/pi, highest first: the 1201 bits that hardware has.
#[rustfmt::skip]
const TWO_OVER_PI: [u64; 19] = [
    0xa2f9_836e_4e44_1529,
    0xfc27_57d1_f534_ddc0,
    0xdb62_9599_3c43_9041,
    0xfe51_63ab_debb_c561,
    0xb724_6e3a_424d_d2e0,
    0x0649_2eea_09d1_921c,
    0xfe1d_eb1c_b129_a73e,
    0xe882_35f5_2ebb_4484,
    0xe99c_7026_b45f_7e41,
    0x3991_d639_8353_39f4,
    0x9c84_5f8b_bdf9_283b,
    0x1ff8_97ff_de05_980f,
    0xef2f_118b_5a0a_6d1f,
    0x6d36_7ecf_27cb_09b7,
    0x4f46_3f66_9e5f_ea2d,
    0x7527_bac7_ebe5_f17b,
    0x3d07_39f7_8a52_92ea,
    0x6bfb_5fb1_1f8d_5d08,
    0x5603_3046_fc7b_0000,
];

/// V_TRIG_PREOP_F64: 53 bits of 2/pi, the first, second or third such part (`select`) of what still matters for an angle of this
/// exponent. Great angles have theirs scaled up, so that the last part does not vanish.
pub(crate) fn two_over_pi(angle: f64, select: u32) -> f64 {
    let exponent = (angle.to_bits() >> 52 & 0x7ff) as u32;
    let shift = (select & 31) * 53 + exponent.saturating_sub(1077);
    let (word, within) = ((shift / 64) as usize, shift % 64);
    let at = |word: usize| TWO_OVER_PI.get(word).copied().unwrap_or(0);
    let bits = (at(word) << within) | at(word + 1).checked_shr(64 - within).unwrap_or(0);
    let mantissa = (bits >> 11) as f64;
    let scale = -53 - shift as i32 + if exponent >= 1968 { 128 } else { 0 };
    super::float::ldexp64(mantissa, scale)
}

#[cfg(test)]
mod tests {
    use super::two_over_pi;

    #[test]
    fn the_parts_of_two_over_pi_follow_each_other() {
        // Three parts of 53 bits: the first is the constant, but for its rounding; the sum of all is nearer still.
        let part = |select| two_over_pi(1.0, select);
        assert!((part(0) - std::f64::consts::FRAC_2_PI).abs() <= 2_f64.powi(-53));
        assert_eq!(part(0) + part(1), std::f64::consts::FRAC_2_PI);
        assert!(part(1) < 2_f64.powi(-53) && part(2) < 2_f64.powi(-106));
        // An angle of 2^60 no longer asks for the first 6 bits, which are whole turns.
        let shifted = two_over_pi(2_f64.powi(60), 0);
        let whole = part(0) * 64.0;
        assert!((shifted * 64.0 - whole.fract()).abs() < 2_f64.powi(-46), "{shifted:e}");
        // The greatest are scaled up.
        assert!(two_over_pi(f64::MAX, 2) > 2_f64.powi(-1022));
    }
}
