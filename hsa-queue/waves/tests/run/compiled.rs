//! Kernels that a compiler has made, without optimisation (registers in scratch, calls) and with all of it, against the same
//! written in Rust.
//!
//! `compiled/NAME.cl` is the text; `NAME.O0.words` and `NAME.O3.words` are the descriptor and the code that clang 15 makes of it.
//! `WAVES_KEEP=1` writes them anew.

use crate::machine::Machine;
use crate::object::{can_compile, compile};
use std::path::Path;

/// The two ways in which a kernel was compiled.
macro_rules! both {
    ($name:literal) => {
        [
            include_str!(concat!("../compiled/", $name, ".O0.words")),
            include_str!(concat!("../compiled/", $name, ".O3.words")),
        ]
        .map(Machine::compiled)
    };
}

const NAMES: &[&str] = &[
    "add", "copy", "count", "divide", "fill", "index", "mix", "multiply", "narrow", "nbody", "pass",
    "quotient", "reduce", "saxpy", "walk", "wide",
];

#[test]
fn the_words_of_each_compiled_kernel_are_what_clang_makes_of_its_text() {
    if !can_compile() {
        println!(
            "skipped: the_words_of_each_compiled_kernel_are_what_clang_makes_of_its_text: needs Debian's clang-15 and lld-15"
        );
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compiled");
    for name in NAMES {
        for level in ["O0", "O3"] {
            let object = compile(
                &folder.join(name).with_extension("cl"),
                &["-nogpulib", "-Wno-unused-value", &format!("-{level}")],
            );
            let file = folder.join(format!("{name}.{level}.words"));
            let made = object.words(name);
            if std::env::var_os("WAVES_KEEP").is_some() {
                std::fs::write(&file, &made).expect("the words are written");
            }
            assert_eq!(std::fs::read_to_string(&file).expect("the words"), made, "{name} -{level}");
        }
    }
}

fn singles(rng: &mut fastrand::Rng, count: usize) -> Vec<f32> {
    (0..count)
        .map(|_| match rng.u32(0..6) {
            0 => f32::from_bits(rng.u32(..)),
            1 => f32::from_bits(rng.u32(..) & 0x807f_ffff),
            _ => rng.f32() * 1000.0 - 500.0,
        })
        .collect()
}

fn doubles(rng: &mut fastrand::Rng, count: usize) -> Vec<f64> {
    (0..count)
        .map(|_| match rng.u32(0..6) {
            0 => f64::from_bits(rng.u64(..)),
            1 => f64::from_bits(rng.u64(..) & 0x800f_ffff_ffff_ffff),
            _ => rng.f64() * 1e6 - 5e5,
        })
        .collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn wide_bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The same float, or both no number.
fn same(found: u32, expected: f32) -> bool {
    found == expected.to_bits() || (f32::from_bits(found).is_nan() && expected.is_nan())
}

fn same_wide(found: u64, expected: f64) -> bool {
    found == expected.to_bits() || (f64::from_bits(found).is_nan() && expected.is_nan())
}

// Keeps: wave-compiled
#[test]
fn vectors_are_added_up_to_their_end() {
    let mut rng = fastrand::Rng::with_seed(1);
    for mut machine in both!("add") {
        let n = 1000;
        let (a, b) = (singles(&mut rng, n), singles(&mut rng, n));
        let (pa, pb, out) =
            (machine.place(&bits(&a)), machine.place(&bits(&b)), machine.place(&vec![7; 1024]));
        machine.arguments(&[pa, pb, out, n as u64]);
        assert_eq!(machine.run([256, 1, 1], [1024, 1, 1], 0), Ok(()));
        for (i, sum) in machine.read(out, 1024).into_iter().enumerate() {
            assert!(if i < n { same(sum, a[i] + b[i]) } else { sum == 7 }, "{i}: {sum:#x}");
        }
    }
}

// Keeps: wave-compiled
#[test]
fn memory_is_filled_and_copied_to_the_last_byte_and_no_further() {
    let mut rng = fastrand::Rng::with_seed(2);
    for (mut fills, mut copies) in both!("fill").into_iter().zip(both!("copy")) {
        for size in [0, 1, 15, 16, 17, 1000, 4096, 5003] {
            fills.clear();
            let out = fills.place_bytes(&vec![0xee; size + 32]);
            fills.arguments(&[out, 0xa5, size as u64]);
            assert_eq!(fills.run([64, 1, 1], [128, 1, 1], 0), Ok(()));
            let expected = [vec![0xa5; size], vec![0xee; 32]].concat();
            assert_eq!(fills.read_bytes(out, size + 32), expected);

            copies.clear();
            let from: Vec<u8> = (0..size + 32).map(|_| rng.u8(..)).collect();
            let (a, b) = (copies.place_bytes(&from), copies.place_bytes(&vec![0xee; size + 32]));
            copies.arguments(&[a, b, size as u64]);
            assert_eq!(copies.run([64, 1, 1], [128, 1, 1], 0), Ok(()));
            let expected = [&from[..size], &[0xee; 32]].concat();
            assert_eq!(copies.read_bytes(b, size + 32), expected);
        }
    }
}

// Keeps: wave-compiled
#[test]
fn a_group_sums_up_by_its_data_share() {
    let mut rng = fastrand::Rng::with_seed(3);
    for mut machine in both!("reduce") {
        let values: Vec<f32> = (0..1024).map(|_| rng.f32()).collect();
        let (from, out) = (machine.place(&bits(&values)), machine.place(&[0; 4]));
        machine.arguments(&[from, out]);
        assert_eq!(machine.run([256, 1, 1], [1024, 1, 1], 0), Ok(()));
        for (group, sum) in machine.read(out, 4).into_iter().enumerate() {
            let mut part = values[256 * group..][..256].to_vec();
            for half in [128, 64, 32, 16, 8, 4, 2, 1] {
                for item in 0..half {
                    part[item] += part[item + half];
                }
            }
            assert_eq!(sum, part[0].to_bits(), "group {group}");
        }
    }
}

// Keeps: wave-compiled
#[test]
fn integers_of_both_widths_and_signs_are_divided() {
    let mut rng = fastrand::Rng::with_seed(4);
    for mut machine in both!("divide") {
        let n = 512;
        let mut word = |nonzero: bool| loop {
            let word = match rng.u32(0..4) {
                0 => rng.u64(..),
                1 => rng.u64(..) >> rng.u32(0..63),
                2 => rng.i64(-50..50) as u64,
                _ => rng.u64(..) << rng.u32(0..32),
            };
            // What has no quotient has no promise.
            if !nonzero || (word as u32 != 0 && word as u32 != u32::MAX && word != u64::MAX) {
                break word;
            }
        };
        let (a, b): (Vec<u64>, Vec<u64>) = (0..n).map(|_| (word(false), word(true))).unzip();
        let (pa, pb, out) =
            (machine.place_wide(&a), machine.place_wide(&b), machine.place_wide(&vec![0; 8 * n]));
        machine.arguments(&[pa, pb, out, n as u64]);
        assert_eq!(machine.run([128, 1, 1], [n as u32, 1, 1], 0), Ok(()));
        for (i, found) in machine.read_wide(out, 8 * n).as_chunks::<8>().0.iter().enumerate() {
            let (x, y) = (a[i], b[i]);
            let (x32, y32) = (x as u32, y as u32);
            let (i32s, i64s) = ((x32 as i32, y32 as i32), (x as i64, y as i64));
            let expected = [
                u64::from(x32 / y32),
                u64::from(x32 % y32),
                u64::from((i32s.0 / i32s.1) as u32),
                u64::from((i32s.0 % i32s.1) as u32),
                x / y,
                x % y,
                (i64s.0 / i64s.1) as u64,
                (i64s.0 % i64s.1) as u64,
            ];
            assert_eq!(*found, expected, "{x:#x} and {y:#x}");
        }
    }
}

// Keeps: wave-compiled
#[test]
fn products_are_added_in_one_rounding() {
    let mut rng = fastrand::Rng::with_seed(5);
    for mut machine in both!("saxpy") {
        let n = 130;
        let (a, x, y) = (1.7_f32, singles(&mut rng, 4 * n), singles(&mut rng, 4 * n));
        let (px, py) = (machine.place(&bits(&x)), machine.place(&bits(&y)));
        machine.arguments(&[a.to_bits().into(), px, py, n as u64]);
        assert_eq!(machine.run([64, 1, 1], [192, 1, 1], 0), Ok(()));
        for (i, found) in machine.read(py, 4 * n).into_iter().enumerate() {
            assert!(same(found, a.mul_add(x[i], y[i])), "{i}: {found:#x}");
        }
    }
}

// Keeps: wave-compiled
#[test]
fn atomics_of_all_work_items_come_to_what_they_come_to_in_any_order() {
    let mut rng = fastrand::Rng::with_seed(6);
    for (hesitates, mut machine) in [false, true].into_iter().zip(both!("count")) {
        // Each of them is put off once, and is carried out once all the same.
        if hesitates {
            machine.hesitates();
        }
        let n = 512_u32;
        let values: Vec<u32> = (0..n).map(|_| rng.u32(..)).collect();
        let first = [5, 5, u32::MAX, 0, 0, u32::MAX, 0, i32::MAX as u32, i32::MIN as u32, 0];
        let (from, words) = (machine.place(&values), machine.place(&first));
        let (wide, order) = (machine.place_wide(&[1, 2, 3]), machine.place(&vec![u32::MAX; n as usize]));
        machine.arguments(&[from, words, wide, order]);
        assert_eq!(machine.run([128, 1, 1], [n, 1, 1], 0), Ok(()));
        let fold = |start, f: fn(u32, u32) -> u32| values.iter().fold(start, |all, value| f(all, *value));
        let expected = [
            fold(5, u32::wrapping_add),
            fold(5, u32::wrapping_sub),
            fold(u32::MAX, |all, value| all & (value | 0xff)),
            fold(0, |all, value| all | value & 0xf0f0),
            fold(0, |all, value| all ^ value),
            fold(u32::MAX, u32::min),
            fold(0, u32::max),
            fold(i32::MAX as u32, |all, value| (all as i32).min(value as i32) as u32),
            fold(i32::MIN as u32, |all, value| (all as i32).max(value as i32) as u32),
            n,
        ];
        assert_eq!(machine.read(words, 10), expected);
        let sum = |shift: u32| values.iter().map(|value| u64::from(*value) << shift).sum::<u64>();
        let most = values.iter().map(|value| u64::from(*value) << 8).max();
        assert_eq!(machine.read_wide(wide, 3), [1 + sum(20), most.unwrap_or(0), 3 + sum(0)]);
        let mut tickets = machine.read(order, n as usize);
        tickets.sort_unstable();
        assert_eq!(tickets, (0..n).collect::<Vec<_>>());
        assert_eq!(machine.hesitations() > 10 * n as usize, hesitates);
    }
}

// Keeps: wave-compiled
#[test]
fn lanes_that_go_different_ways_meet_again() {
    let mut rng = fastrand::Rng::with_seed(7);
    for mut machine in both!("walk") {
        let n = 200;
        let values: Vec<u32> = (0..n).map(|_| rng.u32(..) >> rng.u32(0..31)).collect();
        let (from, out) = (machine.place(&values), machine.place(&[u32::MAX; 200]));
        machine.arguments(&[from, out, n]);
        assert_eq!(machine.run([64, 1, 1], [256, 1, 1], 0), Ok(()));
        let steps = |mut value: u32| {
            let mut steps = 0;
            while value > 1 {
                if value.is_multiple_of(2) {
                    value /= 2;
                } else if value > 0x5000_0000 {
                    break;
                } else {
                    value = value.wrapping_mul(3).wrapping_add(1);
                }
                steps += 1;
                if steps == 200 {
                    break;
                }
            }
            steps
        };
        assert_eq!(machine.read(out, 200), values.into_iter().map(steps).collect::<Vec<_>>());
    }
}

// Keeps: wave-compiled
#[test]
fn floats_of_64_bits_are_those_of_this_machine() {
    let mut rng = fastrand::Rng::with_seed(8);
    for mut machine in both!("wide") {
        let n = 512;
        let (a, b) = (doubles(&mut rng, n), doubles(&mut rng, n));
        let (pa, pb) = (machine.place_wide(&wide_bits(&a)), machine.place_wide(&wide_bits(&b)));
        let out = machine.place_wide(&vec![0; 8 * n]);
        machine.arguments(&[pa, pb, out, n as u64]);
        assert_eq!(machine.run([64, 1, 1], [512, 1, 1], 0), Ok(()));
        for (i, found) in machine.read_wide(out, 8 * n).as_chunks::<8>().0.iter().enumerate() {
            let (x, y) = (a[i], b[i]);
            let expected = [
                x + y,
                x - y,
                x * y,
                x.mul_add(y, x),
                x / y,
                if x < y { x } else { y },
                f64::from(x as f32),
                f64::from((x / 1e6) as i32),
            ];
            for (at, expected) in expected.into_iter().enumerate() {
                assert!(same_wide(found[at], expected), "{at} of {x:e} and {y:e}: {:#x}", found[at]);
            }
        }
    }
}

// Keeps: wave-compiled
#[test]
fn division_and_root_are_rounded_as_ieee_says() {
    let mut rng = fastrand::Rng::with_seed(9);
    for mut machine in both!("quotient") {
        let n = 2048;
        let (a, b) = (singles(&mut rng, n), singles(&mut rng, n));
        let (pa, pb, out) =
            (machine.place(&bits(&a)), machine.place(&bits(&b)), machine.place(&vec![0; 4 * n]));
        machine.arguments(&[pa, pb, out, n as u64]);
        assert_eq!(machine.run([64, 1, 1], [n as u32, 1, 1], 0), Ok(()));
        for (i, found) in machine.read(out, 4 * n).as_chunks::<4>().0.iter().enumerate() {
            let (x, y) = (a[i], b[i]);
            let expected = [x / y, x.sqrt(), x.floor() - y.trunc(), x.abs() + x.copysign(y)];
            for (at, expected) in expected.into_iter().enumerate() {
                assert!(
                    same(found[at], expected),
                    "{at} of {x:e} and {y:e}: {:#x}, not {expected:e}",
                    found[at]
                );
            }
        }
    }
}

/// The value of an f16; there is no type of them here.
fn half(bits: u16) -> f32 {
    let (exponent, mantissa) = (bits >> 10 & 31, f32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => mantissa * (-24_f32).exp2(),
        31 => f32::INFINITY,
        _ => (1.0 + mantissa / 1024.0) * (f32::from(exponent) - 15.0).exp2(),
    };
    if bits >> 15 != 0 { -magnitude } else { magnitude }
}

/// The f16 nearest to a value, found by looking at all of one sign.
fn nearest_half(value: f32) -> u16 {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    let magnitude = f64::from(value.abs());
    if magnitude >= 65520.0 {
        return sign | 0x7c00;
    }
    let distance = |bits: u16| (f64::from(half(bits)) - magnitude).abs();
    let below = (0..0x7c00).collect::<Vec<u16>>().partition_point(|bits| f64::from(half(*bits)) <= magnitude)
        as u16
        - 1;
    let above = (below + 1).min(0x7bff);
    // Of two as near, the even one.
    let up =
        distance(above) < distance(below) || (distance(above) == distance(below) && above.is_multiple_of(2));
    sign | if up { above } else { below }
}

// Keeps: wave-compiled
#[test]
fn bytes_shorts_and_halves_have_their_own_width() {
    let mut rng = fastrand::Rng::with_seed(10);
    for mut machine in both!("narrow") {
        let n = 256_usize;
        let a: Vec<i8> = (0..n).map(|_| rng.i8(..)).collect();
        let b: Vec<i16> = (0..n).map(|_| rng.i16(..)).collect();
        let h: Vec<u16> = (0..n).map(|_| rng.u16(0..0x5c00) | rng.u16(0..2) << 15).collect();
        let pa = machine.place_bytes(&a.iter().map(|byte| *byte as u8).collect::<Vec<_>>());
        let pb = machine.place_bytes(&b.iter().flat_map(|half| half.to_le_bytes()).collect::<Vec<_>>());
        let ph = machine.place_bytes(&h.iter().flat_map(|half| half.to_le_bytes()).collect::<Vec<_>>());
        let (out, sums) = (machine.place(&vec![0; 8 * n]), machine.place(&vec![0; n]));
        machine.arguments(&[pa, pb, ph, out, sums, n as u64]);
        assert_eq!(machine.run([64, 1, 1], [n as u32, 1, 1], 0), Ok(()));
        let sums = machine.read(sums, n);
        for (i, found) in machine.read(out, 8 * n).as_chunks::<8>().0.iter().enumerate() {
            let (x, y) = (i32::from(a[i]), i32::from(b[i]));
            let value = half(h[i]);
            let expected = [
                x * y,
                i32::from((x + y) as i8),
                i32::from((y >> 3) as u16) ^ i32::from(a[i] as u8),
                i32::from((y.wrapping_mul(y) + x) as i16),
                value as i32,
                i32::from(value < x as f32),
                i32::from(y as u8),
                x.min(y),
            ];
            assert_eq!(found.map(|word| word as i32), expected, "{x}, {y} and {value}");
            let halves = [nearest_half(value + x as f32), nearest_half(value * value)];
            assert_eq!([sums[i] as u16, (sums[i] >> 16) as u16], halves, "{x} and {value}");
        }
    }
}

// Keeps: wave-compiled
#[test]
fn an_array_of_a_work_items_own_is_in_scratch_and_a_function_is_called_with_it() {
    let mut rng = fastrand::Rng::with_seed(11);
    for mut machine in both!("index") {
        let n = 150;
        let values: Vec<u32> = (0..n).map(|_| rng.u32(..)).collect();
        let (from, out) = (machine.place(&values), machine.place(&vec![0; n]));
        machine.arguments(&[from, out, n as u64]);
        assert_eq!(machine.run([64, 1, 1], [192, 1, 1], 0), Ok(()));
        let walked = |value: u32| {
            let mut heap: [u32; 32] = std::array::from_fn(|k| value >> (k % 8));
            (0..20).fold(value, |at, _| {
                let at = at as usize % 32;
                heap[at] = heap[at].wrapping_add(heap[(at + 7) % 32]).wrapping_add(1);
                heap[at]
            })
        };
        assert_eq!(machine.read(out, n), values.into_iter().map(walked).collect::<Vec<_>>());
    }
}

// Keeps: wave-compiled
#[test]
fn a_product_of_matrices_by_tiles_is_that_of_three_loops() {
    let mut rng = fastrand::Rng::with_seed(12);
    for mut machine in both!("multiply") {
        let n = 48;
        let mut matrix = || (0..n * n).map(|_| rng.f32() - 0.5).collect::<Vec<f32>>();
        let (a, b) = (matrix(), matrix());
        let (pa, pb, out) =
            (machine.place(&bits(&a)), machine.place(&bits(&b)), machine.place(&vec![0; n * n]));
        machine.arguments(&[pa, pb, out, n as u64]);
        assert_eq!(machine.run([16, 16, 1], [n as u32, n as u32, 1], 0), Ok(()));
        for (at, found) in machine.read(out, n * n).into_iter().enumerate() {
            let (row, column) = (at / n, at % n);
            let sum = (0..n).fold(0.0_f32, |sum, k| a[row * n + k].mul_add(b[k * n + column], sum));
            assert_eq!(found, sum.to_bits(), "{row}, {column}");
        }
    }
}

// Keeps: wave-forward
#[test]
fn groups_that_spin_for_later_ones_let_them_in() {
    for mut machine in both!("pass") {
        let groups = 24;
        machine.gives_up_after(5_000_000);
        let words = machine.place(&vec![0; groups]);
        machine.arguments(&[words]);
        assert_eq!(machine.run([64, 1, 1], [64 * groups as u32, 1, 1], 0), Ok(()));
        let expected: Vec<u32> = (0..groups as u32).map(|group| groups as u32 + 1 - group).collect();
        assert_eq!(machine.read(words, groups), expected);
        assert!(machine.residents == groups, "{}", machine.residents);
    }
}

// Keeps: wave-compiled
#[test]
fn bodies_attract_each_other_by_tiles() {
    let (n, mut rng) = (256, fastrand::Rng::with_seed(4096));
    let bodies: Vec<[f32; 4]> = (0..n).map(|_| std::array::from_fn(|_| rng.f32())).collect();
    for mut machine in both!("nbody") {
        let at = machine.place(&bits(bodies.as_flattened()));
        let out = machine.place(&vec![0; 4 * n]);
        machine.arguments(&[at, out, n as u64]);
        assert_eq!(machine.run([256, 1, 1], [n as u32, 1, 1], 0), Ok(()));
        for (own, found) in bodies.iter().zip(machine.read(out, 4 * n).as_chunks::<4>().0) {
            let mut sum = [0.0_f32; 3];
            for other in &bodies {
                let [x, y, z] = std::array::from_fn(|at| other[at] - own[at]);
                let square = x.mul_add(x, y.mul_add(y, z.mul_add(z, 0.01)));
                let root = (1.0 / f64::from(square).sqrt()) as f32;
                let by = other[3] * root * root * root;
                sum = [x.mul_add(by, sum[0]), y.mul_add(by, sum[1]), z.mul_add(by, sum[2])];
            }
            assert_eq!(*found, [sum[0].to_bits(), sum[1].to_bits(), sum[2].to_bits(), 0]);
        }
    }
}

// Keeps: wave-compiled
#[test]
fn integers_and_floats_are_mixed_by_the_vector_unit_alone() {
    for mut machine in both!("mix") {
        let (items, rounds) = (256_u32, 100);
        let out = machine.place(&vec![0; items as usize]);
        machine.arguments(&[out, rounds]);
        assert_eq!(machine.run([64, 1, 1], [items, 1, 1], 0), Ok(()));
        for (i, found) in (0..items).zip(machine.read(out, items as usize)) {
            let (mut a, mut b) = (i.wrapping_mul(2_654_435_761), i ^ 0x9e37_79b9);
            let (mut x, mut y) = ((i & 1023) as f32, 0.5_f32);
            for _ in 0..rounds {
                a = a.rotate_left(5).wrapping_add(b);
                b = (b ^ a).wrapping_mul(3).wrapping_add(a & b);
                x = x.mul_add(0.75, y);
                y = y.mul_add(0.5, x) - if x > 100.0 { 25.0 } else { 1.0 };
                a ^= b >> 3;
                b = b.wrapping_add(if x > y { a } else { b >> 1 });
            }
            assert_eq!(found, a ^ b ^ (x as i32 as u32) ^ (y as i32 as u32), "{i}");
        }
    }
}
