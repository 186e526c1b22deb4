//! Code is decoded once, and anew when it has changed.

use crate::machine::{BASE, Machine};
use std::collections::{BTreeMap, BTreeSet};
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

/// What [`stores`] is made of, but for its end.
const STORES: [&str; 4] = ["global_store_dword", "s_load_dwordx2", "s_waitcnt", "v_mov_b32"];

/// The mnemonics of [`STORES`] and some more, sorted as those of a dispatch.
fn with(more: &[&'static str]) -> BTreeSet<&'static str> {
    STORES.iter().chain(more).copied().collect()
}

fn names(dispatch: &Dispatch) -> BTreeSet<&'static str> {
    dispatch.mnemonics().names().collect()
}

// Keeps: wave-mnemonics
#[test]
fn code_that_two_kernels_share_counts_for_each_of_them_as_it_was_executed() {
    let (mut machine, _) = machine();
    // Another kernel goes over to the first one's code: v_rcp_f32 v5, v5 / s_branch.
    let mut descriptor = machine.read_bytes(BASE, 64).to_vec();
    let at = machine.place_bytes(&[0; 72]);
    let distance = ((BASE + 64).wrapping_sub(at + 72) as i64 / 4) as i16;
    descriptor.extend(
        [0x7e0a_4505_u32, 0xbf82_0000 | u32::from(distance as u16)].map(u32::to_le_bytes).as_flattened(),
    );
    machine.write_bytes(at, &descriptor);
    let request = machine.request([64, 1, 1], [64 * 4, 1, 1], 0);
    let mut other = request;
    other.kernel_object = at;
    let mut blocks = Blocks::default();
    let mut one = Dispatch::new(request, machine.device);
    let mut two = Dispatch::new(other, machine.device);
    // By turns.
    let (mut first, mut second) = (Progress::More, Progress::More);
    while first == Progress::More || second == Progress::More {
        first = one.poll(&mut blocks, &mut machine, &mut 8);
        second = two.poll(&mut blocks, &mut machine, &mut 8);
    }
    assert_eq!((first, second), (Progress::Done, Progress::Done));
    assert_eq!(names(&one), with(&["s_endpgm"]));
    assert_eq!(names(&two), with(&["s_endpgm", "v_rcp_f32", "s_branch"]));
}

// Keeps: wave-mnemonics
#[test]
fn what_stops_a_wave_was_come_to_and_what_stands_behind_it_was_not() {
    let mut machine = Machine::new(&stores(3));
    machine.arguments(&[0x10]);
    let mut blocks = Blocks::default();
    let request = machine.request([64, 1, 1], [64, 1, 1], 0);
    let mut dispatch = Dispatch::new(request, machine.device);
    assert!(matches!(dispatch.poll(&mut blocks, &mut machine, &mut 100), Progress::Fault { .. }));
    assert_eq!(names(&dispatch), with(&[]));

    // The same in front of an s_quadmask_b32, which is not run.
    let mut machine = Machine::new(&format!("be842805 {}", stores(3)));
    let request = machine.request([64, 1, 1], [64, 1, 1], 0);
    let mut dispatch = Dispatch::new(request, machine.device);
    assert!(matches!(dispatch.poll(&mut blocks, &mut machine, &mut 100), Progress::Error(_)));
    assert_eq!(names(&dispatch), BTreeSet::from(["s_quadmask_b32"]));
}

// Keeps: wave-mnemonics
#[test]
fn threads_that_have_turns_of_a_dispatch_tell_what_they_ran_when_they_rest() {
    let (mut machine, _) = machine();
    machine.hesitates();
    let mut first = Blocks::default();
    let mut second = Blocks::of(first.code());
    let request = machine.request([64, 1, 1], [64, 1, 1], 0);
    let mut dispatch = Dispatch::new(request, machine.device);
    // The descriptor, then the load of the arguments.
    for _ in 0..2 {
        assert!(matches!(dispatch.poll(&mut first, &mut machine, &mut 100), Progress::Pending(_)));
        first.rest();
    }
    assert_eq!(names(&dispatch), BTreeSet::from(["s_load_dwordx2"]));
    while dispatch.poll(&mut second, &mut machine, &mut 100) != Progress::Done {}
    assert_eq!(names(&dispatch), with(&["s_endpgm"]));
}
