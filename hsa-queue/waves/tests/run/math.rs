//! Functions of Debian's rocm-device-libs (OCML), which HIP's programs are linked with, against this machine's.

use crate::blit::linked;
use crate::machine::{BASE, Machine};

/// Numbers between two floats, counted by their bits; 0 where both are no number.
fn steps(found: i64, expected: i64, both_nan: bool) -> u64 {
    let ordered = |bits: i64| if bits < 0 { i64::MIN - bits } else { bits };
    if both_nan { 0 } else { ordered(found).abs_diff(ordered(expected)) }
}

// Keeps: wave-math
#[test]
fn functions_of_the_device_library_are_near_those_of_this_machine() {
    let test = "functions_of_the_device_library_are_near_those_of_this_machine";
    let mut rng = fastrand::Rng::with_seed(30);
    for level in ["-O0", "-O3"] {
        let Some(object) = linked(test, "math", level) else { return };
        let n = 512;
        // Small, usual, great, and of any exponent: the greatest angles need most of 2/pi.
        let mut value = |exponents: i32| match rng.u32(0..4) {
            0 => rng.f64(),
            1 => rng.f64() * 40.0 - 20.0,
            2 => rng.f64() * 1e6,
            _ => (rng.f64() - 0.5) * f64::from(rng.i32(-exponents..exponents)).exp2(),
        };
        let singles: Vec<f32> = (0..n).map(|_| value(120) as f32).collect();
        let doubles: Vec<f64> = (0..n).map(|_| value(1000)).collect();

        let kernel = BASE + object.symbol("single.kd");
        let mut machine = Machine::holding(object.image.clone(), kernel);
        let from = machine.place(&singles.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        let out = machine.place(&vec![0; 4 * n]);
        machine.arguments(&[from, out]);
        assert_eq!(machine.run([64, 1, 1], [n as u32, 1, 1], 0), Ok(()));
        for (x, found) in singles.iter().zip(machine.read(out, 4 * n).as_chunks::<4>().0) {
            let x64 = f64::from(*x);
            let exact = [x64.sin(), x64.exp(), x64.ln(), x64.powf(1.75)].map(|exact| exact as f32);
            for (at, (found, exact)) in found.iter().zip(exact).enumerate() {
                let nan = f32::from_bits(*found).is_nan() && exact.is_nan();
                let off = steps((*found as i32).into(), (exact.to_bits() as i32).into(), nan);
                assert!(off <= 4, "{level}: {at} of {x:e}: {:e}, not {exact:e}", f32::from_bits(*found));
            }
        }

        let kernel = BASE + object.symbol("wide.kd");
        let mut machine = Machine::holding(object.image.clone(), kernel);
        let from = machine.place_wide(&doubles.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        let out = machine.place_wide(&vec![0; 4 * n]);
        machine.arguments(&[from, out]);
        assert_eq!(machine.run([64, 1, 1], [n as u32, 1, 1], 0), Ok(()));
        for (x, found) in doubles.iter().zip(machine.read_wide(out, 4 * n).as_chunks::<4>().0) {
            let exact = [x.sin(), x.exp(), x.ln(), x.powf(1.75)];
            for (at, (found, exact)) in found.iter().zip(exact).enumerate() {
                let nan = f64::from_bits(*found).is_nan() && exact.is_nan();
                let off = steps(*found as i64, exact.to_bits() as i64, nan);
                assert!(off <= 4, "{level}: {at} of {x:e}: {:e}, not {exact:e}", f64::from_bits(*found));
            }
        }
    }
}
