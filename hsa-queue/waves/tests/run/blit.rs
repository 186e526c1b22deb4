//! The kernels by which HIP fills and copies, linked from Debian's rocm-device-libs: what HIP 5.2 dispatches on gfx900 before
//! any kernel of a program's own.

use crate::machine::{BASE, Machine};
use crate::object::{Object, can_compile, compile};
use std::path::Path;
use waves::{Blocks, Dispatch, Progress};

const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode";

fn blit(test: &str, level: &str) -> Option<Object> {
    linked(test, "blit", level)
}

/// An object that is linked with the device library, if what it is made of is installed.
pub fn linked(test: &str, name: &str, level: &str) -> Option<Object> {
    if !can_compile() || !Path::new(LIBRARIES).join("ockl.bc").exists() {
        println!("skipped: {test}: needs Debian's clang-15, lld-15 and rocm-device-libs");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compiled").join(name).with_extension("cl");
    let libraries = format!("--rocm-device-lib-path={LIBRARIES}");
    Some(compile(&source, &["--rocm-path=/usr", &libraries, level]))
}

/// A machine that has the object and is about to run a kernel of it.
fn machine(object: &Object, kernel: &str) -> Machine {
    Machine::holding(object.image.clone(), BASE + object.symbol(&format!("{kernel}.kd")))
}

fn random(rng: &mut fastrand::Rng, count: usize) -> Vec<u8> {
    (0..count).map(|_| rng.u8(..)).collect()
}

// Keeps: wave-blit
#[test]
fn hips_fills_write_patterns_of_any_width() {
    let mut rng = fastrand::Rng::with_seed(20);
    for level in ["-O0", "-O3"] {
        let Some(object) = blit("hips_fills_write_patterns_of_any_width", level) else { return };
        let mut machine = machine(&object, "fill");
        for width in [1_usize, 2, 4, 8] {
            for (elements, offset, size) in [(1, 0, 100), (2, 3, 64), (4, 1, 77)] {
                machine.clear();
                let old = random(&mut rng, width * (offset + elements * size) + 32);
                let pattern = random(&mut rng, width * elements);
                let (at, from) = (machine.place_bytes(&old), machine.place_bytes(&pattern));
                let mut places = [0; 4];
                places[width.trailing_zeros() as usize] = at;
                let arguments = [&places[..], &[from, elements as u64, offset as u64, size as u64]].concat();
                machine.arguments(&arguments);
                assert_eq!(machine.run([64, 1, 1], [128, 1, 1], 0), Ok(()));
                let mut expected = old.clone();
                let (first, len) = (width * offset, width * elements * size);
                for (byte, value) in expected[first..first + len].iter_mut().zip(pattern.iter().cycle()) {
                    *byte = *value;
                }
                assert!(
                    machine.read_bytes(at, old.len()) == expected,
                    "{width}, {elements}, {offset}, {size}"
                );
            }
        }
    }
}

// Keeps: wave-blit
#[test]
fn hips_fill_of_a_plane_leaves_what_lies_between_its_rows() {
    let mut rng = fastrand::Rng::with_seed(21);
    let Some(object) = blit("hips_fill_of_a_plane_leaves_what_lies_between_its_rows", "-O3") else { return };
    let mut machine = machine(&object, "fill_plane");
    let (pitch, width, height) = (40, 24, 9);
    let old = random(&mut rng, pitch * height);
    let pattern = random(&mut rng, 4);
    let (at, from) = (machine.place_bytes(&old), machine.place_bytes(&pattern));
    // Widths and pitches count words here.
    machine.arguments(&[0, 0, at, 0, from, 1, 0, width as u64 / 4, height as u64, pitch as u64 / 4]);
    assert_eq!(machine.run([16, 16, 1], [16, 16, 1], 0), Ok(()));
    let expected: Vec<u8> = old
        .iter()
        .enumerate()
        .map(|(i, byte)| if i % pitch < width { pattern[i % 4] } else { *byte })
        .collect();
    assert_eq!(machine.read_bytes(at, old.len()), expected);
}

// Keeps: wave-blit
#[test]
fn hips_copies_of_buffers_are_whole() {
    let mut rng = fastrand::Rng::with_seed(22);
    for level in ["-O0", "-O3"] {
        let Some(object) = blit("hips_copies_of_buffers_are_whole", level) else { return };
        let from = random(&mut rng, 1024);
        // By words and a rest: the last work-item has the rest. By bytes: the rest is said to be 8.
        for (size, remain, bytes) in [(51, 3, 203), (20, 0, 76), (100, 8, 100)] {
            let mut machine = machine(&object, "copy");
            let (a, b) = (machine.place_bytes(&from), machine.place_bytes(&[0xee; 512]));
            machine.arguments(&[a, b, 8, 16, size, remain]);
            assert_eq!(machine.run([64, 1, 1], [128, 1, 1], 0), Ok(()));
            let expected = [&[0xee; 16], &from[8..8 + bytes], &vec![0xee; 496 - bytes]].concat();
            assert!(machine.read_bytes(b, 512) == expected, "{level}: {size}, {remain}");
        }
        // By elements of 4 and of 16 bytes.
        for alignment in [4, 16] {
            let mut machine = machine(&object, "copy_aligned");
            let (a, b) = (machine.place_bytes(&from), machine.place_bytes(&[0xee; 1024]));
            machine.arguments(&[a, b, 1, 2, 30, alignment as u64]);
            assert_eq!(machine.run([64, 1, 1], [64, 1, 1], 0), Ok(()));
            let bytes = 30 * alignment;
            let expected = [
                &vec![0xee; 2 * alignment],
                &from[alignment..alignment + bytes],
                &vec![0xee; 1024 - 2 * alignment - bytes],
            ]
            .concat();
            assert!(machine.read_bytes(b, 1024) == expected, "{level}: {alignment}");
        }
    }
}

// Keeps: wave-blit
#[test]
fn hips_copies_of_boxes_keep_their_rows_and_slices() {
    let mut rng = fastrand::Rng::with_seed(23);
    let Some(object) = blit("hips_copies_of_boxes_keep_their_rows_and_slices", "-O3") else { return };
    let from = random(&mut rng, 4096);
    // A row's and a slice's pitch, and the offset of the first element; all in elements.
    let ((source, to), size) = (([12, 96, 7], [10, 70, 3]), [5, 6, 7]);
    for (kernel, width) in [("copy_box", 1), ("copy_box_aligned", 4)] {
        let mut machine = machine(&object, kernel);
        let (a, b) = (machine.place_bytes(&from), machine.place_bytes(&[0xee; 4096]));
        let boxed = |part: [usize; 3]| [part[0] as u64, part[1] as u64, part[2] as u64, 0];
        machine.arguments(&[&[a, b, 0, 0], &boxed(source)[..], &boxed(to), &boxed(size)].concat());
        assert_eq!(machine.run([4, 4, 4], [8, 8, 8], 0), Ok(()));
        let mut expected = vec![0xee; 4096];
        for (z, y, x) in (0..7).flat_map(|z| (0..6).flat_map(move |y| (0..5).map(move |x| (z, y, x)))) {
            let at = |part: [usize; 3]| width * (part[2] + x + y * part[0] + z * part[1]);
            expected[at(to)..at(to) + width].copy_from_slice(&from[at(source)..at(source) + width]);
        }
        assert!(machine.read_bytes(b, 4096) == expected, "{kernel}");
    }
}

// Keeps: wave-blit
#[test]
fn hips_wait_for_a_value_sleeps_until_it_is_there() {
    let Some(object) = blit("hips_wait_for_a_value_sleeps_until_it_is_there", "-O3") else { return };
    let mut machine = machine(&object, "wait_value");
    let word = machine.place(&[4, 0]);
    // At least 5.
    machine.arguments(&[word, 0, 5, 0, u64::MAX]);
    let request = machine.request([1, 1, 1], [1, 1, 1], 0);
    let (mut dispatch, mut blocks) = (Dispatch::new(request, machine.device), Blocks::default());
    for _ in 0..10 {
        assert_eq!(dispatch.poll(&mut blocks, &mut machine, &mut 10_000), Progress::More);
        assert!(dispatch.is_asleep());
    }
    machine.write_bytes(word, &5_u32.to_le_bytes());
    assert_eq!(dispatch.poll(&mut blocks, &mut machine, &mut 10_000), Progress::Done);

    let mut machine = self::machine(&object, "write_value");
    let wide = machine.place_wide(&[0, 0]);
    machine.arguments(&[0, wide, 0x1_2345_6789, 8]);
    assert_eq!(machine.run([1, 1, 1], [1, 1, 1], 0), Ok(()));
    assert_eq!(machine.read_wide(wide, 2), [0x1_2345_6789, 0]);
}
