//! Code is decoded once, and anew when it has changed.

use crate::machine::{BASE, Machine};
use std::collections::BTreeMap;
use waves::{Blocks, Dispatch, Progress};

/// Stores M0's word: s_load_dwordx2 s[4:5], s[0:1], 0x0 / s_waitcnt / v_mov_b32 v0, s4 / v_mov_b32 v1, s5 /
/// v_mov_b32 v2, NUMBER / global_store_dword v[0:1], v2, off / s_endpgm.
fn stores(number: u32) -> String {
    format!(
        "c0060100 00000000 bf8cc07f 7e000204 7e020205 {:08x} dc708000 007f0200 bf810000",
        0x7e04_0200 | (128 + number)
    )
}

/// A machine whose kernel stores 3, and where it does: in another page than the code.
fn machine() -> (Machine, u64) {
    let mut machine = Machine::new(&stores(3));
    machine.place_bytes(&[0; 8192]);
    let out = machine.place(&[0]);
    machine.arguments(&[out]);
    (machine, out)
}

fn poll(dispatch: &mut Dispatch, blocks: &mut Blocks, machine: &mut Machine) {
    let progress = dispatch.poll(blocks, machine, &mut 10_000);
    assert_eq!(progress, Progress::Done);
}

/// Changes which number the kernel stores.
fn change(machine: &mut Machine, number: u32) {
    machine.write_bytes(BASE + 64 + 20, &(0x7e04_0200 | (128 + number)).to_le_bytes());
}

// Keeps: wave-code
#[test]
fn code_that_was_written_between_two_dispatches_is_decoded_anew() {
    let (mut machine, out) = machine();
    let mut blocks = Blocks::default();
    for number in [3, 3, 5, 5, 7] {
        change(&mut machine, number);
        let request = machine.request([64, 1, 1], [64, 1, 1], 0);
        let mut dispatch = Dispatch::new(request, machine.device);
        poll(&mut dispatch, &mut blocks, &mut machine);
        assert_eq!(machine.read(out, 1), [number]);
        assert_eq!(dispatch.instructions(), 7);
    }
}

// Keeps: wave-code
#[test]
fn within_a_dispatch_code_stays_until_somebody_says_that_it_changed() {
    let (mut machine, out) = machine();
    let mut blocks = Blocks::default();
    let request = machine.request([64, 1, 1], [64 * 100, 1, 1], 0);
    let mut dispatch = Dispatch::new(request, machine.device);
    let mut run = |machine: &mut Machine, blocks: &mut Blocks| {
        assert_eq!(dispatch.poll(blocks, machine, &mut 20), Progress::More);
        machine.read(out, 1)
    };
    assert_eq!(run(&mut machine, &mut blocks), [3]);
    change(&mut machine, 4);
    assert_eq!(run(&mut machine, &mut blocks), [3]);
    blocks.code().changed();
    assert_eq!(run(&mut machine, &mut blocks), [4]);
}

// Keeps: wave-code
#[test]
fn a_wave_that_stores_into_code_has_it_decoded_anew_by_all_threads() {
    // The word that is stored is an instruction of the same kernel: v_mov_b32 v2, NUMBER, by v_mov_b32 v3, LITERAL.
    let (mut machine, out) = machine();
    let mut blocks = Blocks::default();
    let mut others = Blocks::of(blocks.code());
    let request = |machine: &mut Machine| machine.request([64, 1, 1], [64 * 4, 1, 1], 0);
    let asked = request(&mut machine);
    let mut watched = Dispatch::new(asked, machine.device);
    assert_eq!(watched.poll(&mut others, &mut machine, &mut 8), Progress::More);
    assert_eq!(machine.read(out, 1), [3]);

    // Another kernel stores its number, an instruction, over the first one's.
    let code = "c0060100 00000000 bf8cc07f 7e000204 7e020205 7e0402ff 7e040285 dc708000 007f0200 bf810000";
    let words = code.split(' ').map(|word| u32::from_str_radix(word, 16).expect("hex"));
    let mut descriptor = machine.read_bytes(BASE, 64).to_vec();
    descriptor.extend(words.flat_map(u32::to_le_bytes));
    let mut asked = request(&mut machine);
    asked.kernel_object = machine.place_bytes(&descriptor);
    asked.kernarg = machine.place_wide(&[BASE + 64 + 20]);
    poll(&mut Dispatch::new(asked, machine.device), &mut blocks, &mut machine);
    assert_eq!(machine.read(BASE + 64 + 20, 1), [0x7e04_0285]);

    poll(&mut watched, &mut others, &mut machine);
    assert_eq!(machine.read(out, 1), [5]);
}

// Keeps: wave-code
#[test]
fn whoever_goes_on_with_a_dispatch_decodes_what_was_written_before_it_began() {
    let (mut machine, out) = machine();
    let mut first = Blocks::default();
    let mut second = Blocks::of(first.code());
    let request = machine.request([64, 1, 1], [64, 1, 1], 0);
    poll(&mut Dispatch::new(request, machine.device), &mut second, &mut machine);
    assert_eq!(machine.read(out, 1), [3]);
    change(&mut machine, 5);
    // One thread begins it, and another, which knows the code as it was, has the next turn.
    let request = machine.request([64, 1, 1], [64 * 4, 1, 1], 0);
    let mut dispatch = Dispatch::new(request, machine.device);
    assert_eq!(dispatch.poll(&mut first, &mut machine, &mut 8), Progress::More);
    assert_eq!(machine.read(out, 1), [5]);
    poll(&mut dispatch, &mut second, &mut machine);
    assert_eq!(machine.read(out, 1), [5]);
}

// Keeps: wave-code
#[test]
fn an_invalidation_of_the_instruction_cache_has_it_decoded_anew() {
    // The same kernel behind an s_icache_inv.
    let mut machine = Machine::new(&format!("bf930000 {}", stores(3)));
    machine.place_bytes(&[0; 8192]);
    let out = machine.place(&[0]);
    machine.arguments(&[out]);
    let mut blocks = Blocks::default();
    let request = machine.request([64, 1, 1], [64 * 100, 1, 1], 0);
    let mut dispatch = Dispatch::new(request, machine.device);
    assert_eq!(dispatch.poll(&mut blocks, &mut machine, &mut 20), Progress::More);
    assert_eq!(machine.read(out, 1), [3]);
    machine.write_bytes(BASE + 64 + 24, &(0x7e04_0200_u32 | (128 + 6)).to_le_bytes());
    assert_eq!(dispatch.poll(&mut blocks, &mut machine, &mut 20), Progress::More);
    assert_eq!(machine.read(out, 1), [6]);
}

// Keeps: wave-counts
#[test]
fn executed_instructions_are_counted_by_mnemonic_also_where_a_block_was_left() {
    let (mut machine, _) = machine();
    // Each access is put off once: the load of the arguments and the store, in each of two groups.
    machine.hesitates();
    let mut blocks = Blocks::default();
    let request = machine.request([64, 1, 1], [128, 1, 1], 0);
    let mut dispatch = Dispatch::new(request, machine.device);
    let mut waits = 0;
    while dispatch.poll(&mut blocks, &mut machine, &mut 10_000) != Progress::Done {
        waits += 1;
    }
    assert!(waits >= 5, "{waits}");
    let expected = BTreeMap::from([
        ("global_store_dword", 2),
        ("s_endpgm", 2),
        ("s_load_dwordx2", 2),
        ("s_waitcnt", 2),
        ("v_mov_b32", 6),
    ]);
    assert_eq!((blocks.mnemonics(), dispatch.instructions()), (expected.clone(), 14));
    // What is no longer kept was executed all the same.
    blocks.code().changed();
    let request = machine.request([64, 1, 1], [64, 1, 1], 0);
    let mut dispatch = Dispatch::new(request, machine.device);
    while dispatch.poll(&mut blocks, &mut machine, &mut 10_000) != Progress::Done {}
    assert_eq!(blocks.mnemonics(), expected.into_iter().map(|(name, count)| (name, count * 3 / 2)).collect());
}
