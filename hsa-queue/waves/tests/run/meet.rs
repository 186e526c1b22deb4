//! Global wave sync: groups meet at barriers, which a dispatch before theirs has prepared.

use crate::machine::{Machine, words};
use waves::{DispatchError, Progress};

const MEET: &str = include_str!("../kernels/meet.words");
/// Groups that meet.
const GROUPS: u32 = 8;

/// A machine in which a dispatch has prepared a meeting of so many groups; and where kernels store.
fn prepared(groups: u32) -> (Machine, u64) {
    let mut machine = Machine::new(MEET);
    let out = machine.place(&vec![0; 64]);
    machine.arguments(&[out, u64::from(groups - 1), 1]);
    assert_eq!(machine.run([1, 1, 1], [1, 1, 1], 0), Ok(()));
    machine.arguments(&[out, u64::from(groups - 1), 0]);
    (machine, out)
}

// Keeps: wave-sync
#[test]
fn each_group_sees_what_all_have_done_before_they_met_and_nothing_of_after_they_meet_again() {
    let (mut machine, out) = prepared(GROUPS);
    assert_eq!(words(MEET).len(), 29);
    for turn in 1..=3 {
        assert_eq!(machine.run([1, 1, 1], [GROUPS, 1, 1], 0), Ok(()));
        let before = 2 * GROUPS * (turn - 1);
        let mut expected = vec![before + GROUPS; GROUPS as usize + 1];
        expected[0] = before + 2 * GROUPS;
        assert_eq!(machine.read(out, GROUPS as usize + 1), expected, "turn {turn}");
        // Each of them twice; who waits says it once more when it is asked again.
        assert!(machine.released >= u64::from(2 * GROUPS * turn), "{}", machine.released);
    }
}

// Keeps: wave-sync
#[test]
fn groups_that_one_does_not_come_to_wait() {
    let (mut machine, out) = prepared(GROUPS);
    machine.gives_up_after(100_000);
    let waits = machine.run([1, 1, 1], [GROUPS - 1, 1, 1], 0);
    assert_eq!(waits, Err(Progress::More));
    let mut expected = vec![0; GROUPS as usize];
    expected[0] = GROUPS - 1;
    assert_eq!(machine.read(out, GROUPS as usize), expected);
}

// Keeps: cooperative-refused
#[test]
fn groups_that_meet_run_if_the_device_holds_all_of_them_and_not_one_more() {
    // Two units, each with four waves of 256 registers.
    for (groups, runs) in [(8, true), (9, false), (u32::MAX, false)] {
        let (mut machine, out) = prepared(groups);
        let mut request = machine.request([1, 1, 1], [groups, 1, 1], 0);
        request.cooperative = true;
        let ended = machine.run_request(request);
        if runs {
            assert_eq!((ended, machine.read(out, 1)), (Ok(()), vec![2 * groups]));
        } else {
            let error = DispatchError::Cooperative { groups: groups.into(), most: 8 };
            assert_eq!((ended, machine.taken), (Err(Progress::Error(error)), 0), "no instruction of it");
        }
    }
}
