//! The body of a wave worker, on threads of this process; the test plays the daemon.

mod far;
mod kernels;
mod memory;
#[allow(dead_code, reason = "the tests of the process use the rest")]
mod player;
mod wishes;

use door::wave_workers::child::ServeError;
use door::wave_workers::wire::Why;
use kfd_core::dispatch::Wish;
use nix::sys::socket::{MsgFlags, send};
use player::{Ended, KHZ, NOWHERE, OWN, Player, Told};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd};

const ADD: [&str; 2] = [
    include_str!("../../../../hsa-queue/waves/tests/compiled/add.O0.words"),
    include_str!("../../../../hsa-queue/waves/tests/compiled/add.O3.words"),
];

fn floats(values: impl Iterator<Item = f32>) -> Vec<u8> {
    values.flat_map(f32::to_le_bytes).collect()
}

// Keeps: wave-worker-runs
#[test]
fn a_compiled_kernel_adds_vectors_in_the_clients_arena() {
    let n = 1000_u32;
    for threads in [1, 3] {
        let mut player = Player::new(threads);
        for text in ADD {
            let a = player.place(&floats((0..n).map(|i| i as f32)));
            let b = player.place(&floats((0..n).map(|i| 0.5 * i as f32)));
            let out = player.place(&[7; 4096]);
            let run = player.compiled(text, &[a, b, out, n.into()], 256, 1024);
            assert_eq!(player.run(run), Ended::Done);
            let expected = [floats((0..n).map(|i| 1.5 * i as f32)), vec![7; 96]].concat();
            assert_eq!(player.read(out, 4096), expected);
            let spent = player.spent;
            assert!(
                spent.began > 0 && spent.began <= spent.ended && spent.instructions > 16 * 10,
                "{spent:?}"
            );
        }
        player.hang_up().expect("an end without error");
    }
}

// Keeps: wave-worker-runs
#[test]
fn dispatches_of_several_queues_run_side_by_side_however_long_one_of_them_is() {
    for threads in [1, 2, 4] {
        let mut player = Player::new(threads);
        let forever = player.kernel(kernels::FOREVER, &[]);
        let infinite: Vec<u64> = (0..threads).map(|_| player.order(forever)).collect();
        let mut expected = Vec::new();
        for round in 0..10_u32 {
            let from = player.place(&[round as u8 + 1; 256]);
            let to = player.place(&[0; 256]);
            let run = player.kernel(kernels::COPY, &[from, to]);
            expected.push((player.order(run), to, vec![round as u8 + 1; 256]));
        }
        for _ in 0..10 {
            let (ticket, how) = player.end();
            assert!(!infinite.contains(&ticket), "{how:?}");
            let (_, to, bytes) = expected.iter().find(|(known, ..)| *known == ticket).expect("an order");
            assert_eq!((how, &player.read(*to, 256)), (Ended::Done, bytes));
        }
        player.hang_up().expect("an end without error");
    }
}

// Keeps: wave-worker-ends
#[test]
fn what_cannot_go_on_ends_with_its_reason_place_and_name() {
    let mut player = Player::new(2);
    let cases: [(&[u32], Why, &str); 3] = [
        (kernels::ABORT, Why::Abort, "trap 2"),
        (kernels::UNSUPPORTED, Why::Unsupported, "s_quadmask_b32 s4, s5"),
        (kernels::ILLEGAL, Why::Illegal, "illegal instruction"),
    ];
    for (code, expected, name) in cases {
        let run = player.kernel(code, &[]);
        let at = run.kernel_object + 64;
        let Ended::Error { why, pc, text } = player.run(run) else { panic!("{name}") };
        assert_eq!((why, pc), (expected, at), "{text}");
        assert!(text.contains(name) && text.contains(&format!("{at:#x}")), "{text}");
    }
    let run = player.kernel(kernels::EMPTY, &[]);
    let refusals = [
        (door::wave_workers::wire::Run { group: [0, 1, 1], ..run }, Why::Dimensions),
        (door::wave_workers::wire::Run { grid: [64, 0, 1], ..run }, Why::Dimensions),
        (door::wave_workers::wire::Run { group_segment: 65537, ..run }, Why::GroupSegment),
        (door::wave_workers::wire::Run { private_segment: u32::MAX, ..run }, Why::Resources),
        (door::wave_workers::wire::Run { group: [320, 1, 1], grid: [320, 1, 1], ..run }, Why::Registers),
        (door::wave_workers::wire::Run { grid: [1 << 20, 1, 1], cooperative: 1, ..run }, Why::Resources),
    ];
    for (run, expected) in refusals {
        let Ended::Error { why, pc: 0, .. } = player.run(run) else { panic!("{expected:?}") };
        assert_eq!(why, expected);
    }
    // No descriptor.
    let run = door::wave_workers::wire::Run { kernel_object: NOWHERE, ..run };
    assert_eq!(player.run(run), Ended::Fault { va: NOWHERE, write: false, pc: 0 });
    let run = player.kernel(kernels::EMPTY, &[]);
    assert_eq!(player.run(run), Ended::Done);
    player.hang_up().expect("an end without error");
}

// Keeps: wave-worker-mnemonics
#[test]
fn the_end_of_a_dispatch_tells_what_its_waves_came_to_whichever_threads_ran_them() {
    let names = |player: &Player| player.spent.mnemonics.names().collect::<BTreeSet<_>>();
    let mut told = Vec::new();
    for threads in [1, 3] {
        let mut player = Player::new(threads);
        // Long enough that all threads have parts of it.
        let n = 256 << 10;
        let floats = player.place(&vec![0; 4 * n as usize]);
        let run = player.compiled(ADD[0], &[floats, floats, floats, n.into()], 256, n);
        assert_eq!(player.run(run), Ended::Done);
        told.push(names(&player));
        let run = player.kernel(kernels::UNSUPPORTED, &[]);
        assert!(matches!(player.run(run), Ended::Error { .. }));
        assert_eq!(names(&player), BTreeSet::from(["s_quadmask_b32"]));
        // What was run before a cancel counts.
        let run = player.kernel(kernels::FOLLOW, &[OWN, OWN + 4096]);
        let ticket = player.order(run);
        player.set_words(OWN, &[1]);
        while player.words(OWN + 4096, 1) != [1] {
            assert_eq!(player.glance(), None);
        }
        player.wish(ticket, Wish::Cancel);
        assert_eq!(player.end(), (ticket, Ended::Cancelled));
        let follow = ["s_load_dwordx4", "v_mov_b32", "global_load_dword", "global_store_dword", "s_branch"];
        assert_eq!(names(&player), BTreeSet::from(follow));
        player.hang_up().expect("an end without error");
    }
    assert!(told[0].len() > 10 && told[0].contains("v_add_f32"), "{:?}", told[0]);
    assert_eq!(told[0], told[1]);
}

// Keeps: waves-told
#[test]
fn a_dispatch_that_goes_on_tells_how_many_of_its_waves_are_under_way() {
    for threads in [1, 3] {
        let mut player = Player::new(threads);
        let run = player.kernel(kernels::FOREVER, &[]);
        // Four groups of two waves and one of one; then as many of two as four units hold, with 256 registers a wave.
        let run = door::wave_workers::wire::Run { group: [128, 1, 1], ..run };
        for (groups, waves) in [(5, 9), (1000, 16)] {
            let grid = [groups * 128 - 64, 1, 1];
            let ticket = player.order(door::wave_workers::wire::Run { grid, ..run });
            player.waves.clear();
            while player.waves.last() != Some(&waves) {
                assert_eq!(player.wait_for_word(), None);
            }
            assert!(player.waves.iter().all(|told| (1..=waves).contains(told)), "{:?}", player.waves);
            player.wish(ticket, Wish::Cancel);
            assert_eq!(player.end(), (ticket, Ended::Cancelled));
        }
        player.hang_up().expect("an end without error");
    }
}

// Keeps: wave-worker-tells
#[test]
fn interrupts_are_told_before_the_end_and_the_clock_is_the_devices() {
    let mut player = Player::new(2);
    let run = player.kernel(kernels::INTERRUPT, &[]);
    assert_eq!(player.run(run), Ended::Done);
    assert!(player.told.contains(&Told::Interrupt(77)), "{:?}", player.told);

    let now = || {
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("a clock");
        now.tv_sec() as u64 * u64::from(KHZ) * 1000 + now.tv_nsec() as u64 * u64::from(KHZ) / 1_000_000
    };
    let out = player.place(&[0; 8]);
    let run = player.kernel(kernels::CLOCK, &[out]);
    let before = now();
    assert_eq!(player.run(run), Ended::Done);
    let after = now();
    let told = u64::from_le_bytes(player.read(out, 8).try_into().expect("eight bytes"));
    assert!((before..=after).contains(&told), "{before} {told} {after}");
    player.hang_up().expect("an end without error");
}

// Keeps: wave-worker-ends
#[test]
fn an_order_that_is_none_ends_the_worker_with_all_its_threads() {
    for threads in [1, 3] {
        let mut player = Player::new(threads);
        let run = player.kernel(kernels::FOREVER, &[]);
        player.order(run);
        send(player.link.as_fd().as_raw_fd(), &[0xff; 40], MsgFlags::empty()).expect("it is sent");
        assert!(matches!(player.wait(), Err(ServeError::Malformed(_))));

        // A device that the client does not have.
        let mut player = Player::new(threads);
        let run = player.kernel(kernels::EMPTY, &[]);
        player.order(door::wave_workers::wire::Run { device: 2, ..run });
        assert!(matches!(player.wait(), Err(ServeError::Malformed(_))));
    }
}
