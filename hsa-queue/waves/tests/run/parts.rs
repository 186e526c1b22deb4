//! A dispatch that several threads run by parts.

use crate::machine::{BASE, Machine};
use std::sync::{Mutex, PoisonError};
use waves::{Access, AtomicOp, Blocks, Dispatch, Fault, GpuVa, Host, Progress};

const MULTIPLY: &str = include_str!("../compiled/multiply.O3.words");
const PASS: &str = include_str!("../compiled/pass.O3.words");
const FOREVER: &str = include_str!("../kernels/forever.words");
const ADD: &str = include_str!("../kernels/add.words");

/// A machine whose memory each thread reaches for one access at a time.
struct Shared<'a>(&'a Mutex<&'a mut Machine>);

impl Shared<'_> {
    fn with<T>(&self, f: impl FnOnce(&mut Machine) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Host for Shared<'_> {
    fn load(&mut self, va: u64, into: &mut [u8]) -> Access<()> {
        self.with(|machine| machine.load(va, into))
    }

    fn store(&mut self, va: u64, bytes: &[u8]) -> Access<()> {
        self.with(|machine| machine.store(va, bytes))
    }

    fn atomic(&mut self, va: u64, change: AtomicOp) -> Access<u64> {
        self.with(|machine| machine.atomic(va, change))
    }

    fn fetch(&mut self, va: u64) -> Access<(u32, Option<u32>)> {
        self.with(|machine| machine.fetch(va))
    }

    fn clock(&mut self) -> u64 {
        self.with(Machine::clock)
    }

    fn interrupt(&mut self, event: u32) {
        self.with(|machine| machine.interrupt(event));
    }
}

/// Runs a dispatch by so many parts, each on a thread of its own; what each said at last and its instructions.
fn run(machine: &mut Machine, group: [u32; 3], grid: [u32; 3], parts: usize) -> Vec<(Progress, u64)> {
    let request = machine.request(group, grid, 0);
    let whole = Dispatch::new(request, machine.device);
    let parts: Vec<Dispatch> = (0..parts).map(|_| whole.part()).collect();
    let blocks = Blocks::default();
    let machine = Mutex::new(machine);
    let poll = |mut part: Dispatch| {
        let (mut blocks, mut host) = (Blocks::of(blocks.code()), Shared(&machine));
        loop {
            let progress = part.poll(&mut blocks, &mut host, &mut 500);
            if !matches!(progress, Progress::More | Progress::Pending(_)) {
                return (progress, part.instructions());
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = parts.into_iter().map(|part| scope.spawn(|| poll(part))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it polls to the end")).collect()
    })
}

// Keeps: wave-parts
#[test]
fn parts_on_threads_of_their_own_do_each_group_once() {
    let n = 64_u32;
    let mut machine = Machine::compiled(MULTIPLY);
    let matrix: Vec<u32> = (0..n * n).map(|i| ((i % 7) as f32).to_bits()).collect();
    let (a, b) = (machine.place(&matrix), machine.place(&matrix));
    let mut products = Vec::new();
    let mut executed = Vec::new();
    for parts in [1, 3] {
        let out = machine.place(&vec![0; (n * n) as usize]);
        machine.arguments(&[a, b, out, n.into()]);
        let ended = run(&mut machine, [16, 16, 1], [n, n, 1], parts);
        assert!(ended.iter().all(|(progress, _)| *progress == Progress::Done), "{ended:?}");
        executed.push(ended.iter().map(|(_, instructions)| instructions).sum::<u64>());
        products.push(machine.read(out, (n * n) as usize));
    }
    assert_eq!(executed[0], executed[1]);
    assert!(products[0] == products[1] && products[0].iter().any(|sum| *sum != 0));
}

// Keeps: wave-parts
#[test]
fn groups_of_different_parts_that_spin_for_each_other_go_on() {
    let groups = 24;
    let mut machine = Machine::compiled(PASS);
    let words = machine.place(&vec![0; groups]);
    machine.arguments(&[words]);
    let ended = run(&mut machine, [64, 1, 1], [64 * groups as u32, 1, 1], 3);
    assert!(ended.iter().all(|(progress, _)| *progress == Progress::Done), "{ended:?}");
    let expected: Vec<u32> = (0..groups as u32).map(|group| groups as u32 + 1 - group).collect();
    assert_eq!(machine.read(words, groups), expected);
}

// Keeps: wave-parts
#[test]
fn parts_hold_together_what_the_device_holds_and_one_without_room_waits() {
    let mut machine = Machine::new(FOREVER);
    // Sixteen waves of 256 registers are a whole unit, and there are two.
    let request = machine.request([256, 1, 1], [256 * 9, 1, 1], 0);
    let mut first = Dispatch::new(request, machine.device);
    let mut second = first.part();
    let mut blocks = Blocks::default();
    assert_eq!(first.poll(&mut blocks, &mut machine, &mut 200_000), Progress::More);
    assert_eq!(second.poll(&mut blocks, &mut machine, &mut 200_000), Progress::More);
    assert_eq!((first.residents(), second.residents()), (2, 0));
    assert!(second.is_asleep() && !first.is_asleep());
}

// Keeps: wave-parts
#[test]
fn a_fault_of_one_part_ends_the_others() {
    // Two groups of a sum: what the second one reads is not there. The first part has the first one, and waits.
    let mut machine = Machine::new(ADD);
    let a = machine.place(&[0; 64]);
    machine.arguments(&[a, a, a, 1 << 30]);
    let request = machine.request([64, 1, 1], [64 << 16, 1, 1], 0);
    let mut first = Dispatch::new(request, machine.device);
    let (mut second, mut third) = (first.part(), first.part());
    let mut blocks = Blocks::default();
    assert_eq!(first.poll(&mut blocks, &mut machine, &mut 1), Progress::More);
    let faults = |progress: &Progress| matches!(progress, Progress::Fault { pc: Some(pc), .. } if *pc > BASE);
    let found = loop {
        let progress = second.poll(&mut blocks, &mut machine, &mut 1000);
        if progress != Progress::More {
            break progress;
        }
    };
    assert!(faults(&found), "{found:?}");
    assert_eq!(first.poll(&mut blocks, &mut machine, &mut 1000), found);
    // One that has not begun yet, too, and the first word counts.
    machine.clear();
    assert_eq!(third.poll(&mut blocks, &mut machine, &mut 1000), found);
    assert_eq!(second.poll(&mut blocks, &mut machine, &mut 1000), found);
    let Progress::Fault { fault: Fault { va: GpuVa(va), .. }, .. } = found else { panic!("{found:?}") };
    assert!(va > a);
}

// Keeps: wave-parts
#[test]
fn a_store_that_failed_after_its_instruction_ends_all_parts() {
    let mut machine = Machine::new(FOREVER);
    let request = machine.request([64, 1, 1], [640, 1, 1], 0);
    let mut first = Dispatch::new(request, machine.device);
    let mut second = first.part();
    let mut blocks = Blocks::default();
    for part in [&mut first, &mut second] {
        assert_eq!(part.poll(&mut blocks, &mut machine, &mut 1000), Progress::More);
    }
    let fault = Fault { va: GpuVa(0x7000), len: 1, write: true };
    let ended = Progress::Fault { pc: None, fault };
    assert_eq!(second.fails(fault), ended);
    assert_eq!(first.poll(&mut blocks, &mut machine, &mut 1000), ended);
    assert_eq!(second.poll(&mut blocks, &mut machine, &mut 1000), ended);
    assert!(second.instructions() > 0);
    assert_eq!(first.fails(Fault { va: GpuVa(0x8000), ..fault }), ended, "the first word counts");
}
