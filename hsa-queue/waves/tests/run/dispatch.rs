//! Dispatches as a whole: what is refused, how groups take turns, and what a poll says.

use crate::machine::{BASE, Machine};
use waves::{Blocks, DescriptorError, Device, Dispatch, DispatchError, Fault, GpuVa, Progress, Stop};

const ADD: &str = include_str!("../kernels/add.words");
const FOREVER: &str = include_str!("../kernels/forever.words");
const SLEEP: &str = include_str!("../kernels/sleep.words");
const SPIN: &str = include_str!("../kernels/spin.words");
const TRAP: &str = include_str!("../kernels/trap.words");

// Keeps: wave-forward
#[test]
fn a_wave_that_spins_for_another_of_its_group_lets_it_run() {
    let mut machine = Machine::new(SPIN);
    let out = machine.place(&[0]);
    machine.arguments(&[out]);
    machine.gives_up_after(1_000_000);
    assert_eq!(machine.run([128, 1, 1], [128, 1, 1], 4), Ok(()));
    assert_eq!(machine.read(out, 1), [7]);
}

// Keeps: wave-budget
#[test]
fn an_infinite_kernel_ends_each_poll_with_its_budget() {
    let mut machine = Machine::new(FOREVER);
    let request = machine.request([64, 1, 1], [64, 1, 1], 0);
    let (mut dispatch, mut blocks) = (Dispatch::new(request, machine.device), Blocks::default());
    for given in [0, 1, 1000, 100_000] {
        let mut budget = given;
        assert_eq!(dispatch.poll(&mut blocks, &mut machine, &mut budget), Progress::More);
        assert_eq!(budget, 0);
        assert!(!dispatch.is_asleep());
    }
}

// Keeps: wave-budget
#[test]
fn a_giant_grid_takes_room_for_what_the_device_holds() {
    let mut machine = Machine::new(FOREVER);
    let request = machine.request([256, 1, 1], [u32::MAX, u32::MAX, u32::MAX], 0);
    let (mut dispatch, mut blocks) = (Dispatch::new(request, machine.device), Blocks::default());
    let mut budget = 200_000;
    assert_eq!(dispatch.poll(&mut blocks, &mut machine, &mut budget), Progress::More);
    // Four waves of 256 registers are a whole unit, and there are two.
    assert_eq!(dispatch.residents(), 2);

    // The engine's memory is less than what the units hold: a wave of these takes 68 KiB.
    let device = Device { compute_units: 64, memory: 1 << 20 };
    let request = machine.request([64, 1, 1], [1 << 30, 1, 1], 0);
    let mut dispatch = Dispatch::new(request, device);
    let mut budget = 1_000_000;
    assert_eq!(dispatch.poll(&mut blocks, &mut machine, &mut budget), Progress::More);
    assert_eq!(dispatch.residents(), 15);
}

// Keeps: wave-resident
#[test]
fn the_waves_of_a_part_are_those_that_have_begun_and_not_ended() {
    // Three groups of which the last is half as large, on a device that has room for all.
    let mut machine = Machine::new(FOREVER);
    let request = machine.request([128, 1, 1], [320, 1, 1], 0);
    let (mut dispatch, mut blocks) = (Dispatch::new(request, machine.device), Blocks::default());
    let mut part = dispatch.part();
    assert_eq!(dispatch.waves(), 0);
    assert_eq!(dispatch.poll(&mut blocks, &mut machine, &mut 100), Progress::More);
    assert_eq!(dispatch.waves(), 2);
    assert_eq!(part.poll(&mut blocks, &mut machine, &mut 100_000), Progress::More);
    assert_eq!((dispatch.waves(), part.waves()), (2, 3));

    // One wave of a group waits at a barrier for the other; then both end, and the next group begins.
    let mut machine = Machine::new(SPIN);
    let out = machine.place(&[0]);
    machine.arguments(&[out]);
    let request = machine.request([128, 1, 1], [128 * 3, 1, 1], 4);
    let mut dispatch = Dispatch::new(request, machine.device);
    let mut seen = std::collections::BTreeSet::new();
    while dispatch.poll(&mut blocks, &mut machine, &mut 1) != Progress::Done {
        seen.insert(dispatch.waves());
    }
    assert!(seen.contains(&1) && seen.iter().all(|waves| *waves <= 4), "{seen:?}");
    assert_eq!(dispatch.waves(), 0);
}

// Keeps: wave-budget
#[test]
fn a_dispatch_whose_groups_all_sleep_says_so_and_leaves_its_budget() {
    let mut machine = Machine::new(SLEEP);
    let request = machine.request([64, 1, 1], [640, 1, 1], 0);
    let (mut dispatch, mut blocks) = (Dispatch::new(request, machine.device), Blocks::default());
    let mut budget = 10_000;
    assert_eq!(dispatch.poll(&mut blocks, &mut machine, &mut budget), Progress::More);
    assert!(dispatch.is_asleep() && budget > 9_000, "{budget}");
}

// Keeps: wave-refusals
#[test]
fn what_a_device_has_no_room_for_is_refused_before_its_first_instruction() {
    let mut machine = Machine::new(ADD);
    machine.arguments(&[0, 0, 0, 0]);
    let error = |machine: &mut Machine, group, grid, share, scratch| {
        let mut request = machine.request(group, grid, share);
        request.private_segment = scratch;
        let refused = machine.run_request(request);
        assert_eq!(machine.taken, 0);
        let Err(Progress::Error(error)) = refused else { panic!("{refused:?}") };
        error
    };
    let machine = &mut machine;
    for group in [[0, 1, 1], [1025, 1, 1], [64, 32, 1], [u32::MAX, u32::MAX, u32::MAX]] {
        assert_eq!(error(machine, group, [64, 1, 1], 0, 0), DispatchError::WorkGroup(group));
    }
    let registers = DispatchError::Registers { waves: 5, vectors: 256 };
    assert_eq!(error(machine, [320, 1, 1], [320, 1, 1], 0, 0), registers);
    assert_eq!(error(machine, [64, 1, 1], [64, 0, 1], 0, 0), DispatchError::Grid([64, 0, 1]));
    assert_eq!(error(machine, [64, 1, 1], [64, 1, 1], 65537, 0), DispatchError::Share(65537));
    assert_eq!(error(machine, [64, 1, 1], [64, 1, 1], 0, u32::MAX), DispatchError::Scratch(u32::MAX));
}

// Keeps: wave-refusals
#[test]
fn a_descriptor_that_is_not_there_or_not_gfx900s_is_refused() {
    let mut machine = Machine::new(ADD);
    let mut request = machine.request([64, 1, 1], [64, 1, 1], 0);
    let va = 0x10_0000;
    request.kernel_object = va;
    let fault = Fault { va: GpuVa(va), len: 64, write: false };
    assert_eq!(machine.run_request(request), Err(Progress::Fault { pc: None, fault }));

    // A wave of 32 lanes.
    let mut machine = Machine::described(0, 0, 1 << 10, ADD);
    assert_eq!(
        machine.run([64, 1, 1], [64, 1, 1], 0),
        Err(Progress::Error(DispatchError::Descriptor(DescriptorError::Properties(1 << 10))))
    );
    // An exception that traps.
    let mut machine = Machine::described(0, 1 << 24, 0, ADD);
    assert_eq!(
        machine.run([64, 1, 1], [64, 1, 1], 0),
        Err(Progress::Error(DispatchError::Descriptor(DescriptorError::Floats { rsrc1: 0, rsrc2: 1 << 24 })))
    );
}

// Keeps: wave-refusals
#[test]
fn code_that_is_not_there_and_a_trap_end_the_dispatch_at_their_place() {
    let mut machine = Machine::new(TRAP);
    let stopped = DispatchError::Stopped { pc: machine.end() - 8, why: Stop::Trap(2) };
    assert_eq!(machine.run([64, 1, 1], [64, 1, 1], 0), Err(Progress::Error(stopped)));

    // A descriptor alone, whose code would begin where memory ends.
    let mut machine = Machine::new("");
    let request = machine.request([64, 1, 1], [64, 1, 1], 0);
    machine.clear();
    let va = BASE + 64;
    let fault = Fault { va: GpuVa(va), len: 4, write: false };
    assert_eq!(machine.run_request(request), Err(Progress::Fault { pc: Some(va), fault }));
}

// Keeps: wave-waits
#[test]
fn a_descriptor_that_comes_later_is_asked_for_again() {
    let mut machine = Machine::new(TRAP);
    machine.hesitates();
    let stopped = DispatchError::Stopped { pc: machine.end() - 8, why: Stop::Trap(2) };
    assert_eq!(machine.run([64, 1, 1], [64, 1, 1], 0), Err(Progress::Error(stopped)));
    assert_eq!(machine.hesitations(), 1);
}
