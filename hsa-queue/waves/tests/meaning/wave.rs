//! What the surroundings of one instruction are not made for: lanes that see each other, and the wave as a whole.

use crate::machine::{Machine, words};
use gcn::gfx9;
use std::collections::BTreeSet;
use waves::fidelity;

const LANES: &str = include_str!("lanes.words");
const CONTROL: &str = include_str!("control.words");

/// Asserts that every line which the table says is held by a test is an instruction of its kernel, or of `others`.
fn holds_all(test: &str, kernel: &str, others: &[&str]) {
    let code = words(kernel);
    let mut found: BTreeSet<&str> = others.iter().copied().collect();
    let mut at = 0;
    while at < code.len() {
        let inst = gfx9::decode(&code[at..]).expect("an instruction");
        found.insert(inst.row.mnemonic);
        at += usize::from(inst.words);
    }
    let missing: Vec<_> =
        fidelity::table().filter(|entry| entry.test == test && !found.contains(entry.mnemonic)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

// Keeps: wave-meaning
#[test]
fn lanes_are_read_written_counted_and_moved() {
    holds_all("lanes_are_read_written_counted_and_moved", LANES, &[]);
    let mut machine = Machine::new(LANES);
    let out = machine.place(&[0; 8 * 64]);
    machine.arguments(&[out]);
    assert_eq!(machine.run([64, 1, 1], [64, 1, 1], 0), Ok(()));
    let found = machine.read(out, 8 * 64);
    let row = |at: usize| &found[64 * at..64 * (at + 1)];
    let exec = 0xf0f0_f0f0_ffff_00fe_u64;
    let takes_part = |lane: usize| exec >> lane & 1 != 0;
    let value = |lane: usize| 3 * lane as u32 + 100;
    for lane in 0..64 {
        let if_part = |then: u32, other: u32| if takes_part(lane) { then } else { other };
        // A lane that takes no part is written, too.
        assert_eq!(row(0)[lane], if lane == 8 { value(5) } else { value(lane) }, "writelane {lane}");
        let below = (exec & ((1 << lane) - 1)).count_ones();
        assert_eq!(row(1)[lane], if_part(below, 0), "mbcnt {lane}");
        assert_eq!(row(2)[lane], if_part(value(lane), lane as u32), "swap {lane}");
        assert_eq!(row(3)[lane], if_part(lane as u32, value(lane)), "swap {lane}");
        let of = |other: usize| if takes_part(other) { value(other) } else { 0 };
        assert_eq!(row(4)[lane], if_part(of(lane ^ 1), 0), "swizzle {lane}");
        assert_eq!(row(5)[lane], if_part(of((lane + 63) % 64), 0), "permute {lane}");
        assert_eq!(row(6)[lane], if_part(of((lane + 1) % 64), 0), "bpermute {lane}");
    }
    // The first lane that takes part; two by their numbers, of which one does not.
    assert_eq!(row(7)[..3], [value(1), value(5), value(8)]);
}

// Keeps: wave-meaning
#[test]
fn a_wave_branches_calls_waits_and_asks() {
    // Held by tests of their own kernels as well.
    holds_all("a_wave_branches_calls_waits_and_asks", &format!("{LANES} {CONTROL}"), &[]);
    let mut machine = Machine::new(CONTROL);
    let out = machine.place(&[0; 4 * 64]);
    let table = machine.place(&(0..16).map(|at| 0x100 + at).collect::<Vec<_>>());
    machine.arguments(&[out, table]);
    // Its clock counts what is put off.
    machine.hesitates();
    assert_eq!(machine.run([64, 1, 1], [64, 1, 1], 0), Ok(()));
    let found = machine.read(out, 4 * 64);
    // All bits; MODE at first, and with f32 to zero and f64 up.
    assert_eq!(found[..3], [0x7f, 0x3f0, 0xf7]);
    // Loads of each width: their first and last words.
    assert_eq!(found[3..12], [0x101, 0x102, 0x103, 0x104, 0x107, 0x108, 0x10f, 0x100, 0x10f]);
    // v8 + 1, v8 + 2, and v14 + 2 by an index of the destination.
    assert_eq!([found[64], found[128], found[192]], [9, 10, 11]);
    assert_eq!(machine.interrupts, [0x123]);
}
