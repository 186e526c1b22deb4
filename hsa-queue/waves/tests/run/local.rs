//! What only the data share does to its words, and vector registers that are found by an index.

use crate::machine::Machine;

// Keeps: wave-groups
#[test]
fn halves_floats_and_differences_in_the_share_and_registers_by_an_index() {
    let mut machine = Machine::new(include_str!("../kernels/local.words"));
    let out = machine.place(&[0; 16]);
    machine.arguments(&[out]);
    assert_eq!(machine.run([1, 1, 1], [1, 1, 1], 64), Ok(()));
    let expected = [
        // A byte into the low half, one with its sign and a short into the high one; the other half stays.
        0xffff_00f2,
        0xff80_ffff,
        0x8081_ffff,
        // What the high half of a register has written: two bytes and its lowest.
        0x0081_8081,
        // 2 stayed less than no number; then -4 was less.
        2.0_f32.to_bits(),
        (-4.0_f32).to_bits(),
        // 7 - 5.
        5,
        2,
        // v13 by v10 and 3; v19 by v16 and 3.
        0x0081_8081,
        5,
    ];
    assert_eq!(machine.read(out, 10), expected);
}
