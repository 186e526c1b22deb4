//! Every state and every event: what the state becomes, and what the event answers.

use super::{Ended, Heat, Run, Rung};
use crate::ids::Nanos;

/// The poll window of the queue before the event ends at `HOT`, one that begins with the event at `LATER`.
const HOT: Nanos = Nanos(50);
const LATER: Nanos = Nanos(90);

const fn heat(until: Nanos, again: bool) -> Heat {
    Heat { until, again }
}

const CALM: Heat = heat(HOT, false);
const AGAIN: Heat = heat(HOT, true);
const ONCE: Heat = heat(Nanos(0), false);

const fn fresh(heat: Heat) -> Run {
    Run::Ready { polled: false, heat }
}

const fn polled(heat: Heat) -> Run {
    Run::Ready { polled: true, heat }
}

const fn running(heat: Heat) -> Run {
    Run::Running { answered: false, heat }
}

const fn answered(heat: Heat) -> Run {
    Run::Running { answered: true, heat }
}

const fn waiting(heat: Heat) -> Run {
    Run::Waiting { heat }
}

const fn parked(heat: Heat) -> Run {
    Run::Parked { heat }
}

const fn dispatched(heat: Heat) -> Run {
    Run::Dispatched { heat }
}

/// The states, in the order of each row below.
const STATES: [Run; 11] = [
    Run::Disabled,
    Run::Held,
    Run::Stopped,
    Run::Idle,
    fresh(CALM),
    polled(CALM),
    running(CALM),
    answered(CALM),
    waiting(CALM),
    parked(CALM),
    dispatched(CALM),
];

/// An event, and for each state what it becomes if it changes and what the event answers if not `none`.
fn row<A: Copy + PartialEq + std::fmt::Debug>(
    name: &str,
    mut event: impl FnMut(&mut Run) -> A,
    none: A,
    expected: [Option<(Run, A)>; STATES.len()],
) {
    for (before, expected) in STATES.into_iter().zip(expected) {
        let mut after = before;
        let answer = event(&mut after);
        assert_eq!((after, answer), expected.unwrap_or((before, none)), "{name} of {before:?}");
    }
}

const SAME: Option<(Run, bool)> = None;

const fn quietly(run: Run) -> Option<(Run, bool)> {
    Some((run, false))
}

const fn yes(run: Run) -> Option<(Run, bool)> {
    Some((run, true))
}

#[test]
fn a_doorbell_makes_an_idle_queue_ready_and_a_busy_one_look_again() {
    let unchanged = |run| Some((run, Rung::Unchanged));
    let hot = heat(LATER, false);
    row(
        "doorbell",
        |run| run.doorbell(LATER),
        Rung::Unchanged,
        [
            None,
            None,
            None,
            Some((fresh(hot), Rung::Ready)),
            unchanged(fresh(hot)),
            Some((fresh(hot), Rung::Fresh)),
            unchanged(running(AGAIN)),
            unchanged(answered(AGAIN)),
            unchanged(waiting(AGAIN)),
            unchanged(parked(AGAIN)),
            unchanged(dispatched(AGAIN)),
        ],
    );
}

#[test]
fn a_dropped_page_is_one_more_look_at_each_ring() {
    row(
        "rearmed",
        Run::rearmed,
        false,
        [
            SAME,
            SAME,
            SAME,
            yes(fresh(ONCE)),
            quietly(fresh(AGAIN)),
            quietly(polled(AGAIN)),
            quietly(running(AGAIN)),
            quietly(answered(AGAIN)),
            quietly(waiting(AGAIN)),
            quietly(parked(AGAIN)),
            quietly(dispatched(AGAIN)),
        ],
    );
}

#[test]
fn signals_wake_a_parked_queue_and_make_one_that_may_have_missed_them_look_again() {
    let ready = yes(fresh(CALM));
    row("recheck", Run::recheck, false, [SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, ready, SAME]);
    row(
        "overtaken",
        Run::overtaken,
        (),
        [
            None,
            None,
            None,
            None,
            None,
            None,
            Some((running(AGAIN), ())),
            Some((answered(AGAIN), ())),
            Some((waiting(AGAIN), ())),
            None,
            None,
        ],
    );
}

#[test]
fn an_answer_counts_for_the_queue_that_waits_and_for_the_turn_that_asked() {
    let early = quietly(answered(CALM));
    let ready = yes(fresh(CALM));
    row(
        "answered",
        Run::answered,
        false,
        [SAME, SAME, SAME, SAME, SAME, SAME, early, early, ready, SAME, SAME],
    );
    row(
        "dispatch over",
        Run::dispatch_over,
        false,
        [SAME, SAME, SAME, SAME, SAME, SAME, early, early, SAME, SAME, ready],
    );
    // It is asked for in the same turn, or an earlier one's answer has come before this one asks.
    for (event, ended) in
        [(Run::answered as fn(&mut Run) -> bool, Ended::Waiting), (Run::dispatch_over, Ended::Dispatched)]
    {
        let mut run = running(CALM);
        assert!(!event(&mut run) && run.ended(ended, false, Nanos(1), LATER));
        assert_eq!(run, fresh(CALM));
        assert!(run.begin().is_some());
        assert_eq!(run, running(CALM), "an answer is for one turn");
    }
}

#[test]
fn what_is_off_the_run_list_comes_back_by_the_event_that_undoes_it_and_looks_at_its_ring_once() {
    let back = yes(fresh(ONCE));
    let held = quietly(Run::Held);
    row(
        "enable",
        |run| run.enable(false),
        false,
        [back, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME],
    );
    row(
        "enable while held",
        |run| run.enable(true),
        false,
        [held, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME],
    );
    row("release", Run::release, false, [SAME, back, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME]);
    let off = yes(Run::Disabled);
    row("disable", Run::disable, false, [off, off, SAME, off, off, off, off, off, off, off, off]);
    let held = yes(Run::Held);
    row("hold", Run::hold, false, [SAME, SAME, SAME, held, held, held, held, held, held, held, held]);
    row("stop", Run::stop, false, [yes(Run::Stopped); STATES.len()]);
}

#[test]
fn a_new_queue_runs_if_its_client_wants_and_nothing_holds_it() {
    let made = [(false, false), (false, true), (true, false), (true, true)].map(|(a, h)| Run::new(a, h));
    assert_eq!(made, [Run::Disabled, Run::Disabled, Run::Idle, Run::Held]);
}

#[test]
fn only_a_ready_queue_begins_a_turn_and_only_a_running_one_ends_it() {
    let begun = Some((running(CALM), Some(HOT)));
    row("begin", Run::begin, None, [None, None, None, None, begun, begun, None, None, None, None, None]);
    let over = yes(Run::Stopped);
    let stopped = |run: &mut Run| run.ended(Ended::Stopped, false, Nanos(1), LATER);
    row("ended", stopped, false, [SAME, SAME, SAME, SAME, SAME, SAME, over, over, SAME, SAME, SAME]);
}

#[test]
fn a_turn_ends_in_the_state_that_its_end_and_what_happened_meanwhile_say() {
    let (dry, rests) = (Ended::Empty { rests: false }, Ended::Empty { rests: true });
    let (in_time, late) = (Nanos(49), HOT);
    let hot = heat(LATER, false);
    // How it ended, when, and the state it ends in: of a turn without packets, and of one with some.
    let ends = [
        (Ended::Busy, in_time, [fresh(CALM), fresh(hot)]),
        (Ended::Waiting, in_time, [waiting(CALM), waiting(hot)]),
        (Ended::Dispatched, in_time, [dispatched(CALM), dispatched(hot)]),
        (Ended::Parked, in_time, [parked(CALM), parked(hot)]),
        (Ended::Stopped, in_time, [Run::Stopped, Run::Stopped]),
        (dry, in_time, [polled(CALM), polled(hot)]),
        (dry, late, [Run::Idle, polled(hot)]),
        (dry, LATER, [Run::Idle, Run::Idle]),
        (rests, in_time, [Run::Idle, Run::Idle]),
    ];
    for (how, now, states) in ends {
        for (worked, expected) in [(false, states[0]), (true, states[1])] {
            let mut run = running(CALM);
            assert!(run.ended(how, worked, now, LATER));
            assert_eq!(run, expected, "{how:?} at {now:?}, worked: {worked}");
        }
    }
    let mut last_look = running(ONCE);
    assert!(last_look.ended(dry, false, Nanos(0), LATER));
    assert_eq!(last_look, Run::Idle, "of a dropped page");
}

#[test]
fn what_a_turn_may_have_missed_is_looked_for_before_the_queue_rests_and_once() {
    let hot = fresh(heat(LATER, false));
    for how in [Ended::Empty { rests: false }, Ended::Empty { rests: true }, Ended::Parked] {
        let mut run = running(AGAIN);
        assert!(run.ended(how, false, Nanos(60), LATER));
        assert_eq!(run, hot, "{how:?}");
    }
    // It stays to be looked for while the queue does not rest.
    for (how, expected) in [
        (Ended::Busy, fresh(AGAIN)),
        (Ended::Waiting, waiting(AGAIN)),
        (Ended::Dispatched, dispatched(AGAIN)),
    ] {
        let mut run = running(AGAIN);
        assert!(run.ended(how, false, Nanos(60), LATER));
        assert_eq!(run, expected, "{how:?}");
    }
    let mut run = parked(AGAIN);
    assert!(run.recheck() && run == fresh(AGAIN));
}

#[test]
fn what_the_scheduler_asks_of_a_state_holds_for_these() {
    let those = |is: fn(Run) -> bool| STATES.map(|run| u8::from(is(run)));
    assert_eq!(those(Run::is_off), [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(those(Run::is_fresh), [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(those(Run::is_polled), [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(those(Run::is_active), [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0]);
    assert_eq!(those(Run::holds_slot), [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 1]);
    assert_eq!(those(Run::is_busy), [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0]);
}
