//! Errors of the pseudo-code, each by its mnemonic, with what says that it is one.

use crate::op::{Case, USUAL};

fn single(bits: u64) -> f32 {
    f32::from_bits(bits as u32)
}

/// An f16's value; its sign apart.
fn half(bits: u64) -> f64 {
    let (exponent, fraction) = (bits >> 10 & 31, (bits & 0x3ff) as f64);
    match exponent {
        0 => fraction / 16_777_216.0,
        31 => f64::INFINITY,
        _ => (1.0 + fraction / 1024.0) * f64::from(exponent as i32 - 15).exp2(),
    }
}

/// Whether the text is known to be wrong about a case.
pub fn excuses(mnemonic: &str, case: &Case) -> bool {
    let [first, second, _] = case.sources;
    match mnemonic {
        // It scales by 2^32 and 2^64 upwards; hardware by 2^64 and 2^128, the way that V_DIV_SCALE went, or LLVM's divisions
        // (`SITargetLowering::LowerFDIV32`, `LowerFDIV64`) were wrong for great and small quotients: `wave-division`.
        "v_div_fmas_f32" | "v_div_fmas_f64" => case.vcc >> case.lane & 1 != 0,
        // It gives NaN back, which the steps of a division have found where the quotient overflows: `wave-division`.
        "v_div_fixup_f16" | "v_div_fixup_legacy_f16" => first & 0x7fff > 0x7c00,
        "v_div_fixup_f32" => single(first).is_nan(),
        "v_div_fixup_f64" => f64::from_bits(first).is_nan(),
        // It asks whether the reciprocal is a denormal of f64, which an f32's never is. Divisions by 2^126 and more would not be
        // rounded correctly: `wave-division`.
        "v_div_scale_f32" => single(second).abs() >= 8.5e37,
        // It scales a great denominator up where the quotient is a denormal, too, which makes it infinite; it has to go down, or 1
        // by the greatest number would be 0: `wave-division`.
        "v_div_scale_f64" => first == second && f64::from_bits(second).abs() >= 2_f64.powi(1022),
        // Zero has the exponent 0, and a denormal that of its mantissa of 0.5 to 1: LLVM makes `frexp` of them (AMDGPUUsage).
        "v_frexp_exp_i16_f16" => half(first) < half(0x0400),
        "v_frexp_exp_i32_f32" => single(first).abs() < f32::MIN_POSITIVE,
        "v_frexp_exp_i32_f64" => f64::from_bits(first).abs() < f64::MIN_POSITIVE,
        // It adds a half, which rounds, and loses the sign of zero: LLVM makes `rint` of them (`FRINT`, legal for these types).
        "v_rndne_f16" => half(first) >= 512.0 || half(first) <= 0.5 + 1e-3,
        "v_rndne_f32" => single(first).abs() >= 4_194_304.0 || single(first).abs() <= 0.500_001,
        "v_rndne_f64" => {
            f64::from_bits(first).abs() >= 2_f64.powi(51) || f64::from_bits(first).abs() <= 0.500_001
        }
        // Below 1 it stays, since LLVM makes it of `min(x - floor(x), the greatest below 1)` (`matchFractPat`).
        "v_fract_f16" => first & 0x8000 != 0 && half(first) < 0.001,
        "v_fract_f32" => first & 0x8000_0000 != 0 && single(first) > -1e-7,
        "v_fract_f64" => first >> 63 != 0 && f64::from_bits(first) > -1e-15,
        // It flushes on the way to which of them is the greatest, and then does not find it.
        "v_med3_f16" | "v_med3_f32" => case.mode != USUAL && case.mode >> 4 & 0x5 != case.mode >> 5 & 0x5,
        // A number wins over NaN, and -0 is less than 0: LLVM makes `fmin` and `fmax` of atomics of them.
        "ds_min_f32" | "ds_min_rtn_f32" | "ds_max_f32" | "ds_max_rtn_f32" => {
            let (word, data) = (single(case.memory as u64), single(second));
            word.is_nan() || data.is_nan() || word == 0.0 && data == 0.0
        }
        "ds_min_f64" | "ds_min_rtn_f64" | "ds_max_f64" | "ds_max_rtn_f64" => {
            let (word, data) = (f64::from_bits(case.memory as u64), f64::from_bits(second));
            word.is_nan() || data.is_nan() || word == 0.0 && data == 0.0
        }
        _ => false,
    }
}

/// Whether the text's own rounding, in two steps, may be one off: a reciprocal of a root that is rounded.
pub fn is_near(mnemonic: &str) -> bool {
    mnemonic.starts_with("v_rsq_")
}
