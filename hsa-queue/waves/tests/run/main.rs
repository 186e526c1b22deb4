//! Kernels of our own, run from their first instruction to the last.
//!
//! `kernels/NAME.s` is the text, `NAME.words` what LLVM assembles of it, a line an instruction.

mod assembled;
mod blit;
mod blocks;
mod compiled;
mod coverage;
mod dispatch;
mod fidelity;
mod local;
mod loops;
mod machine;
mod math;
mod meet;
mod name;
mod object;
mod parts;
mod word;

use machine::Machine;
use waves::{DispatchError, Fault, GpuVa, Progress, Stop};

const ADD: &str = include_str!("../kernels/add.words");
const REDUCE: &str = include_str!("../kernels/reduce.words");
const DIVIDE: &str = include_str!("../kernels/divide.words");

#[test]
fn the_words_of_each_kernel_are_what_llvm_makes_of_its_text() {
    assembled::check(
        "the_words_of_each_kernel_are_what_llvm_makes_of_its_text",
        "tests/kernels",
        &["add", "reduce", "divide", "spin", "forever", "sleep", "trap", "local", "meet"],
    );
}

// Keeps: wave-groups
#[test]
fn a_sum_of_two_vectors_stops_at_their_end() {
    let n = 1000_u32;
    let mut machine = Machine::new(ADD);
    let a = machine.place(&(0..n).map(|i| (i as f32).to_bits()).collect::<Vec<_>>());
    let b = machine.place(&(0..n).map(|i| (0.5 * i as f32).to_bits()).collect::<Vec<_>>());
    let out = machine.place(&vec![7; 1024]);
    machine.arguments(&[a, b, out, n.into()]);
    assert_eq!(machine.run([256, 1, 1], [1024, 1, 1], 0), Ok(()));
    let sums = machine.read(out, 1024);
    for (i, sum) in sums.iter().enumerate() {
        let expected = if i < n as usize { (1.5 * i as f32).to_bits() } else { 7 };
        assert_eq!(*sum, expected, "{i}");
    }
}

// Keeps: wave-groups
#[test]
fn groups_share_data_meet_at_barriers_and_add_up_by_atomics() {
    let n = 2048_u32;
    let mut machine = Machine::new(REDUCE);
    let a = machine.place(&(1..=n).collect::<Vec<_>>());
    let out = machine.place(&[0]);
    machine.arguments(&[a, out]);
    assert_eq!(machine.run([256, 1, 1], [n, 1, 1], 1024), Ok(()));
    assert_eq!(machine.read(out, 1), [n * (n + 1) / 2]);
}

// Keeps: wave-division
#[test]
fn a_division_by_steps_is_rounded_as_one() {
    let mut rng = fastrand::Rng::with_seed(754);
    let mut machine = Machine::new(DIVIDE);
    for round in 0..2000 {
        machine.clear();
        let mut single = || match rng.u32(0..5) {
            0 => f32::from_bits(rng.u32(..)),
            // Denormal, huge, and special ones.
            1 => f32::from_bits(rng.u32(..) & 0x807f_ffff),
            2 => f32::from_bits(rng.u32(..) | 0x7f00_0000),
            _ => rng.f32() * 1000.0 - 500.0,
        };
        let (a, b): (Vec<f32>, Vec<f32>) = (0..64).map(|_| (single(), single())).unzip();
        let mut double = || match rng.u32(0..5) {
            0 => f64::from_bits(rng.u64(..)),
            1 => f64::from_bits(rng.u64(..) & 0x800f_ffff_ffff_ffff),
            2 => f64::from_bits(rng.u64(..) | 0x7fe0_0000_0000_0000),
            _ => rng.f64() * 1000.0 - 500.0,
        };
        let (c, d): (Vec<f64>, Vec<f64>) = (0..64).map(|_| (double(), double())).unzip();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let wide = |values: &[f64]| {
            values
                .iter()
                .flat_map(|value| [value.to_bits() as u32, (value.to_bits() >> 32) as u32])
                .collect::<Vec<_>>()
        };
        let (pa, pb, pc, pd) = (
            machine.place(&bits(&a)),
            machine.place(&bits(&b)),
            machine.place(&wide(&c)),
            machine.place(&wide(&d)),
        );
        let (out32, out64) = (machine.place(&[0; 64]), machine.place(&[0; 128]));
        machine.arguments(&[pa, pb, out32, 0, pc, pd, out64]);
        assert_eq!(machine.run([64, 1, 1], [64, 1, 1], 0), Ok(()));
        for (i, quotient) in machine.read(out32, 64).into_iter().map(f32::from_bits).enumerate() {
            let exact = a[i] / b[i];
            let same = quotient.to_bits() == exact.to_bits() || (quotient.is_nan() && exact.is_nan());
            assert!(same, "round {round}: {:e} / {:e} = {exact:e}, not {quotient:e}", a[i], b[i]);
        }
        let quotients = machine.read(out64, 128);
        for (i, words) in quotients.as_chunks::<2>().0.iter().enumerate() {
            let quotient = f64::from_bits(u64::from(words[0]) | u64::from(words[1]) << 32);
            let exact = c[i] / d[i];
            let same = quotient.to_bits() == exact.to_bits() || (quotient.is_nan() && exact.is_nan());
            assert!(same, "round {round}: {:e} / {:e} = {exact:e}, not {quotient:e}", c[i], d[i]);
        }
    }
}

// Keeps: wave-stops
#[test]
fn memory_that_is_not_there_stops_the_wave_at_its_instruction() {
    let mut machine = Machine::new(ADD);
    let a = machine.place(&[0; 64]);
    machine.arguments(&[a, a, 0x7000_0000_0000, 64]);
    let stopped = machine.run([64, 1, 1], [64, 1, 1], 0);
    // The store is the last but one; it has two words, and the end one.
    let pc = Some(machine.end() - 12);
    let fault = Fault { va: GpuVa(0x7000_0000_0000), len: 4, write: true };
    assert_eq!(stopped, Err(Progress::Fault { pc, fault }));
}

// Keeps: wave-waits
#[test]
fn memory_that_comes_later_is_asked_for_again_and_an_atomic_is_carried_out_once() {
    let n = 512_u32;
    let mut machine = Machine::new(REDUCE);
    machine.hesitates();
    let a = machine.place(&(1..=n).collect::<Vec<_>>());
    let out = machine.place(&[0]);
    machine.arguments(&[a, out]);
    assert_eq!(machine.run([256, 1, 1], [n, 1, 1], 1024), Ok(()));
    assert_eq!(machine.read(out, 1), [n * (n + 1) / 2]);
    assert!(machine.hesitations() > 15);
}

// Keeps: wave-stops
#[test]
fn what_the_engine_does_not_run_is_named() {
    // v_screen_partition_4se_b32 v0, v2
    let mut machine = Machine::new("7e006f02\nbf810000");
    let stopped = machine.run([64, 1, 1], [64, 1, 1], 0);
    let Err(Progress::Error(DispatchError::Stopped { pc, why: Stop::Unsupported(text) })) = stopped else {
        panic!("{stopped:?}")
    };
    assert_eq!((pc, text.as_str()), (machine.end() - 8, "v_screen_partition_4se_b32_e32 v0, v2"));
    // image_load
    let mut machine = Machine::new("f0000100 00000000");
    assert!(matches!(
        machine.run([64, 1, 1], [64, 1, 1], 0),
        Err(Progress::Error(DispatchError::Stopped { why: Stop::Illegal(_), .. }))
    ));
}

// Keeps: wave-any-code
#[test]
fn random_code_ends_in_a_reason_and_never_in_a_panic() {
    let mut rng = fastrand::Rng::with_seed(64);
    let (mut reasons, mut ran) = (std::collections::BTreeMap::new(), std::collections::BTreeSet::new());
    for _ in 0..60_000 {
        let words = [rng.u32(..), rng.u32(..)];
        let Ok(inst) = gcn::gfx9::decode(&words) else { continue };
        let text: Vec<String> = words[..usize::from(inst.words)]
            .iter()
            .chain(&[0xbf81_0000])
            .map(|word| format!("{word:08x}"))
            .collect();
        let mut machine = Machine::new(&text.join(" "));
        let data = machine.place(&[0x3f80_0000; 64]);
        machine.arguments(&[data, data, data, data]);
        machine.gives_up_after(50);
        match machine.run([64, 1, 1], [64, 1, 1], 4096) {
            Err(Progress::Error(DispatchError::Stopped { why, .. })) => {
                let kind = format!("{why:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
                *reasons.entry(kind).or_insert(0) += 1;
            }
            Err(Progress::Fault { .. }) => *reasons.entry("Fault".to_owned()).or_insert(0) += 1,
            _ => {
                ran.insert(inst.op());
            }
        }
    }
    assert!(reasons.contains_key("Unsupported") && reasons.contains_key("Fault"), "{reasons:?}");
    assert!(ran.len() > 150, "only {} operations ran", ran.len());
    println!("{} operations ran; the others stopped: {reasons:?}", ran.len());
}
