//! What hardware approximates, against this machine's functions of f64.

use crate::op::{self, Case};
use gcn::gfx9;
use gcn::row::Row;
use waves::fidelity::{self, Fidelity};

/// The exact function, but for what f64 rounds.
fn exact(mnemonic: &str) -> Option<fn(f64) -> f64> {
    let turns = |f: fn(f64) -> f64| f;
    Some(match mnemonic.split('_').nth(1)? {
        "rcp" => |x| 1.0 / x,
        "rsq" => |x| 1.0 / x.sqrt(),
        "sqrt" => f64::sqrt,
        "exp" => f64::exp2,
        "log" => f64::log2,
        "sin" => turns(|x| (x.fract() * std::f64::consts::TAU).sin()),
        "cos" => turns(|x| (x.fract() * std::f64::consts::TAU).cos()),
        _ => return None,
    })
}

fn half(bits: u64) -> f64 {
    let (exponent, fraction) = (bits >> 10 & 31, (bits & 0x3ff) as f64);
    let size = match exponent {
        0 => fraction / 16_777_216.0,
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * f64::from(exponent as i32 - 15).exp2(),
    };
    if bits & 0x8000 != 0 { -size } else { size }
}

/// How many units of its last place a result is away from what it should be.
fn ulps(found: f64, exact: f64, bits: u16) -> f64 {
    if found.is_nan() || exact.is_nan() {
        return if found.is_nan() == exact.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let (fraction, lowest, greatest) = match bits {
        16 => (10, -14, 65504.0),
        32 => (23, -126, f64::from(f32::MAX)),
        _ => (52, -1022, f64::MAX),
    };
    let power = (exact.abs().log2().floor() as i32).clamp(lowest, 1023);
    let unit = f64::from(power - fraction).exp2();
    // Half of a unit more than the greatest is infinity.
    if found.is_infinite() {
        return if exact.abs() >= greatest && found.signum() == exact.signum() { 0.0 } else { f64::INFINITY };
    }
    (found - exact).abs() / unit
}

// Keeps: wave-meaning
#[test]
fn what_is_approximated_is_the_nearest_float() {
    let mut rng = fastrand::Rng::with_seed(7);
    let approximated: Vec<&'static Row> = gfx9::rows()
        .filter(|row| {
            fidelity::of(row.mnemonic)
                .is_some_and(|entry| !matches!(entry.fidelity, Fidelity::Exact | Fidelity::Unsupported))
        })
        .collect();
    assert_eq!(approximated.len(), 20);
    for row in approximated {
        let exact = exact(row.mnemonic).expect("a function");
        let bits = op::types(row, false)[0].expect("a source").bits;
        // All numbers of 16 bits; of the others those with few bits set, and random ones.
        let sources: Vec<u64> = match bits {
            16 => (0..0x1_0000).collect(),
            32 => (0..30_000).map(|at| if at < 512 { at << 23 } else { rng.u32(..).into() }).collect(),
            _ => (0..10_000).map(|at| if at < 4096 { at << 52 } else { rng.u64(..) }).collect(),
        };
        let cases =
            sources.into_iter().map(|source| Case { sources: [source, 0, 0], ..Case::default() }).collect();
        let mut most = 0.0_f64;
        for (case, left) in op::run_cases(&mut rng, row, cases).expect("it runs") {
            let value = |bits_of: u64| match bits {
                16 => half(bits_of & 0xffff),
                32 => f32::from_bits(bits_of as u32).into(),
                _ => f64::from_bits(bits_of),
            };
            let source = value(case.sources[0]);
            // Where nothing of a turn is left, f64's own sine is no better.
            let off = ulps(value(left.destination as u64), exact(source), bits);
            assert!(off <= 1.0, "{} of {source:e}: {off} ulp", row.mnemonic);
            most = most.max(off);
        }
        println!("{}: {most:.3} ulp", row.mnemonic);
    }
}
