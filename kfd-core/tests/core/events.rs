//! Events and waits, by the rules of kfd_events.c.

use crate::world::{Client, World, completions, older, wait_result};
use kfd_core::abi::kfd as abi;
use kfd_core::call::{Errno, Outcome};
use kfd_core::limits::Limits;
use kfd_core::notice::Notice;
use zerocopy::{FromBytes, IntoBytes};

const COMPLETE: (Option<Errno>, u32) = (None, abi::WAIT_RESULT_COMPLETE);
const TIMEOUT: (Option<Errno>, u32) = (None, abi::WAIT_RESULT_TIMEOUT);

// Keeps: CREATE_EVENT
#[test]
fn ids_are_slots_for_signals_and_begin_high_for_others() {
    let world = World::new();
    let mut client = world.client(1);
    let (_, first) = client.event_page(0x1000_0000);
    assert_eq!(first, 1, "slot 0 is reserved");
    assert_eq!(client.event(abi::EVENT_SIGNAL, true), 2);
    assert_eq!(client.event(abi::EVENT_MEMORY, false), abi::FIRST_NONSIGNAL_EVENT_ID);
    assert_eq!(client.event(abi::EVENT_HW_EXCEPTION, false), abi::FIRST_NONSIGNAL_EVENT_ID + 1);
    client.ok(0x09, &mut abi::DestroyEvent { event_id: 1, pad: 0 });
    assert_eq!(client.event(abi::EVENT_SIGNAL, true), 1, "the lowest free one");
    assert_eq!(client.no(0x09, &mut abi::DestroyEvent { event_id: 77, pad: 0 }), libc::EINVAL);
    for number in [0x0a, 0x0b] {
        assert_eq!(client.no(number, &mut abi::SetEvent { event_id: 77, pad: 0 }), libc::EINVAL);
        let mut memory = abi::SetEvent { event_id: abi::FIRST_NONSIGNAL_EVENT_ID, pad: 0 };
        assert_eq!(client.no(number, &mut memory), libc::EINVAL, "only signals are the host's to set");
    }
    world.end();
}

// Keeps: RESET_EVENT
#[test]
fn an_auto_reset_event_ends_one_wait_and_a_manual_one_every_wait() {
    let world = World::new();
    let mut client = world.client(1);
    let auto = client.event(abi::EVENT_SIGNAL, true);
    let manual = client.event(abi::EVENT_SIGNAL, false);
    client.set(auto);
    client.set(manual);
    assert_eq!(wait_result(&client.wait_raw(&[auto], false, 0).1), COMPLETE);
    assert_eq!(wait_result(&client.wait_raw(&[auto], false, 0).1), TIMEOUT, "it was taken");
    for _ in 0..2 {
        assert_eq!(wait_result(&client.wait_raw(&[manual], false, 0).1), COMPLETE);
    }
    client.ok(0x0b, &mut abi::ResetEvent { event_id: manual, pad: 0 });
    assert_eq!(wait_result(&client.wait_raw(&[manual], false, 0).1), TIMEOUT);
    world.end();
}

// Keeps: SET_EVENT
#[test]
fn setting_an_event_wakes_everybody_who_waits_for_it() {
    let world = World::new();
    let mut client = world.client(1);
    let auto = client.event(abi::EVENT_SIGNAL, true);
    client.park(&[auto], false, u32::MAX);
    client.park(&[auto], false, u32::MAX - 1);
    world.outbox.take();
    client.set(auto);
    let notices = world.outbox.take();
    assert_eq!(completions(&notices).into_iter().map(wait_result).collect::<Vec<_>>(), [COMPLETE; 2]);
    assert_eq!(wait_result(&client.wait_raw(&[auto], false, 0).1), TIMEOUT, "the waiters took it");
    assert_eq!(world.core.totals().holds.parked, 0);
    world.end();
}

// Keeps: WAIT_EVENTS
#[test]
fn any_and_all() {
    let world = World::new();
    let mut client = world.client(1);
    let (a, b) = (client.event(abi::EVENT_SIGNAL, true), client.event(abi::EVENT_SIGNAL, true));
    client.park(&[a, b], true, u32::MAX);
    client.set(a);
    assert!(completions(&world.outbox.take()).is_empty(), "not all yet");
    client.set(b);
    assert_eq!(wait_result(completions(&world.outbox.take())[0]), COMPLETE);
    client.park(&[a, b], false, u32::MAX);
    client.set(b);
    assert_eq!(wait_result(completions(&world.outbox.take())[0]), COMPLETE);
    assert_eq!(wait_result(&client.wait_raw(&[], false, 0).1), COMPLETE, "none of none is met");
    assert_eq!(wait_result(&client.wait_raw(&[], true, 5).1), COMPLETE);
    world.end();
}

// Keeps: WAIT_EVENTS
#[test]
fn a_wait_ends_at_its_timeout_and_at_no_other_time() {
    let world = World::new();
    let mut client = world.client(1);
    let event = client.event(abi::EVENT_SIGNAL, true);
    client.park(&[event], false, 10);
    assert!(matches!(world.outbox.take()[..], [Notice::Deadline]));
    let at = world.core.next_due().expect("a timeout is due");
    assert_eq!(at.0, world.core.now().0 + 10_000_000);
    client.park(&[event], false, 20);
    assert!(world.outbox.take().is_empty(), "a later deadline needs no other timer");
    world.clock.by(9_999_999);
    world.core.tick(world.core.now());
    assert!(world.outbox.take().is_empty());
    world.clock.by(1);
    world.core.tick(world.core.now());
    let notices = world.outbox.take();
    assert_eq!(completions(&notices).into_iter().map(wait_result).collect::<Vec<_>>(), [TIMEOUT]);
    assert!(notices.iter().any(|n| matches!(n, Notice::Deadline)));
    assert_eq!(world.core.next_due().map(|next| next.0), Some(at.0 + 10_000_000));
    client.park(&[event], false, u32::MAX);
    assert!(world.outbox.take().is_empty(), "an endless wait has no deadline");
    world.end();
}

// Keeps: wait-restarts, WAIT_EVENTS
#[test]
fn an_interrupted_wait_restarts_with_the_time_that_is_left_and_gives_back_what_it_took() {
    let world = World::new();
    let mut client = world.client(1);
    let (taken, other) = (client.event(abi::EVENT_SIGNAL, true), client.event(abi::EVENT_SIGNAL, true));
    client.set(taken);
    let call = client.park(&[taken, other], true, 100);
    assert_eq!(wait_result(&client.wait_raw(&[taken], false, 0).1), TIMEOUT, "the wait has it");
    world.clock.by(30_500_000);
    let outcome = world.core.interrupt(client.process, call).expect("it was parked");
    let Outcome::Refused(refused) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(refused.errno, Errno::RESTART);
    let (arg, _) = abi::WaitEvents::read_from_prefix(refused.arg.bytes()).unwrap();
    assert_eq!((arg.timeout, arg.num_events, arg.wait_for_all), (69, 2, 1));
    assert!(world.core.interrupt(client.process, call).is_none(), "once");
    assert_eq!(wait_result(&client.wait_raw(&[taken], false, 0).1), COMPLETE, "it is set again");
    let call = client.park(&[other], false, u32::MAX);
    let Some(Outcome::Refused(refused)) = world.core.interrupt(client.process, call) else { panic!() };
    assert_eq!(abi::WaitEvents::read_from_prefix(refused.arg.bytes()).unwrap().0.timeout, u32::MAX);
    world.clock.by(1_000_000_000);
    world.core.tick(world.core.now());
    assert!(completions(&world.outbox.take()).is_empty(), "the old deadline means nothing any more");
    world.end();
}

/// A wait of `asked` under a timer of that period, restarted with the struct that each interrupt answers. When it ended,
/// in nanoseconds from its beginning.
fn under_a_timer(asked_ms: u32, period: u64, gap: u64) -> u64 {
    let world = World::new();
    let mut client = world.client(1);
    let event = client.event(abi::EVENT_SIGNAL, true);
    let data = vec![abi::EventData { event_id: event, ..Default::default() }.as_bytes().to_vec()];
    let mut arg =
        abi::WaitEvents { events_ptr: 0x1000, num_events: 1, timeout: asked_ms, ..Default::default() };
    let began = world.core.now().0;
    let ended = 'ended: loop {
        let (call, outcome) = client.raw(0x0c, arg.as_bytes(), data.clone());
        if matches!(outcome, Outcome::Done(_)) {
            assert_eq!(wait_result(&outcome), TIMEOUT);
            break 'ended world.core.now().0;
        }
        let next = world.core.now().0 + period;
        if let Some(due) = world.core.next_due().filter(|due| due.0 <= next) {
            world.clock.by(due.0.saturating_sub(world.core.now().0));
            world.core.tick(world.core.now());
            let notices = world.outbox.take();
            assert_eq!(wait_result(completions(&notices)[0]), TIMEOUT);
            break 'ended world.core.now().0;
        }
        world.clock.by(period);
        let ages = (u64::from(asked_ms) + 20) * 10_000_000;
        assert!(world.core.now().0 - began < ages, "{asked_ms} ms under {period} never end");
        let Some(Outcome::Refused(refused)) = world.core.interrupt(client.process, call) else { panic!() };
        (arg, _) = abi::WaitEvents::read_from_prefix(refused.arg.bytes()).unwrap();
        world.clock.by(gap);
    };
    world.end();
    ended - began
}

// Keeps: wait-under-timer
#[test]
fn a_wait_under_a_timer_ends_when_it_would_have_without_it() {
    const MS: u64 = 1_000_000;
    for period in [300_000, 999_999, MS, 1_100_000, 10_101_000] {
        for (asked, gap) in [(200, 0), (200, 17_000), (1, 17_000), (2, 17_000), (20, 0)] {
            let took = under_a_timer(asked, period, gap);
            let asked = u64::from(asked) * MS;
            assert!(took >= asked, "{took} of {asked} ns under {period}");
            // A restart that comes after its last millisecond has ended is one more.
            assert!(
                took <= asked + asked / 100 + MS,
                "{took} of {asked} ns under {period}, {gap} to restart"
            );
        }
    }
    // A handler that takes long: amdkfd does not count it, nor is it counted here.
    let took = under_a_timer(20, 5_500_000, 3_000_000);
    assert!((20 * MS..40 * MS).contains(&took), "{took}");
}

// Keeps: wait-not-shorter
#[test]
fn an_interrupted_wait_that_does_not_come_back_shortens_no_other() {
    let world = World::new();
    let mut client = world.client(1);
    let event = client.event(abi::EVENT_SIGNAL, true);
    let interrupt_after = |client: &mut Client<'_>, timeout, nanos| {
        let call = client.park(&[event], false, timeout);
        world.clock.by(nanos);
        let Some(Outcome::Refused(refused)) = world.core.interrupt(client.process, call) else { panic!() };
        abi::WaitEvents::read_from_prefix(refused.arg.bytes()).unwrap().0.timeout
    };
    // Less than a millisecond of it is gone, and the next wait asks for as much anew.
    for (asked, after, left) in [(5, 300_000, 4), (1, 300_000, 1), (3, 0, 3)] {
        assert_eq!(interrupt_after(&mut client, asked, after), left);
        client.park(&[event], false, left);
        world.clock.by(u64::from(left) * 1_000_000 - 1);
        world.core.tick(world.core.now());
        assert!(completions(&world.outbox.take()).is_empty(), "{left} ms are not over");
        world.clock.by(1_000_001);
        world.core.tick(world.core.now());
        assert_eq!(completions(&world.outbox.take()).len(), 1);
    }
    world.end();
}

// Keeps: DESTROY_EVENT
#[test]
fn destroying_an_event_ends_the_waits_on_it() {
    let world = World::new();
    let mut client = world.client(1);
    let (a, b) = (client.event(abi::EVENT_SIGNAL, true), client.event(abi::EVENT_SIGNAL, true));
    client.park(&[a, b], true, u32::MAX);
    client.park(&[b], true, u32::MAX);
    client.ok(0x09, &mut abi::DestroyEvent { event_id: a, pad: 0 });
    let notices = world.outbox.take();
    let results: Vec<_> = completions(&notices).into_iter().map(wait_result).collect();
    assert_eq!(results, [(Some(Errno::IO), abi::WAIT_RESULT_FAIL)], "the other wait goes on");
    world.end();
}

// Keeps: SET_EVENT, WAIT_EVENTS
#[test]
fn a_wait_for_what_does_not_exist_fails_and_says_so() {
    let world = World::new();
    let mut client = world.client(1);
    let (_, outcome) = client.wait_raw(&[9], false, 5);
    assert_eq!(wait_result(&outcome), (Some(Errno::INVAL), abi::WAIT_RESULT_FAIL));
    let arg = abi::WaitEvents { num_events: 2, timeout: 5, ..Default::default() };
    let (_, outcome) = client.raw(0x0c, arg.as_bytes(), vec![vec![0; 48]]);
    assert_eq!(wait_result(&outcome), (Some(Errno::FAULT), abi::WAIT_RESULT_FAIL));
    world.end();
}

#[test]
fn an_age_that_moved_ends_a_wait_and_the_new_one_is_told() {
    let world = World::new();
    let mut client = world.client(1);
    let event = client.event(abi::EVENT_SIGNAL, true);
    let aged = |age: u64| {
        let mut data = abi::EventData { event_id: event, ..Default::default() };
        data.set_last_event_age(age);
        data.as_bytes().to_vec()
    };
    let arg = abi::WaitEvents { events_ptr: 0x1000, num_events: 1, timeout: 0, ..Default::default() };
    let (_, outcome) = client.raw(0x0c, arg.as_bytes(), vec![aged(1)]);
    assert_eq!(wait_result(&outcome), TIMEOUT, "nothing since age 1");
    client.set(event);
    client.raw(0x0c, arg.as_bytes(), vec![aged(0)]);
    let (_, outcome) = client.raw(0x0c, arg.as_bytes(), vec![aged(1)]);
    assert_eq!(wait_result(&outcome), COMPLETE);
    let Outcome::Done(done) = outcome else { panic!() };
    assert_eq!(done.writes[0].bytes[..8], 2u64.to_le_bytes());
    world.end();
}

// Keeps: interface-kept
#[test]
fn an_interface_before_1_14_reads_no_age() {
    for (minor, result) in [(13, TIMEOUT), (14, COMPLETE)] {
        let world = World::of(older(minor), Limits::default());
        let mut client = world.client(1);
        let event = client.event(abi::EVENT_SIGNAL, true);
        let mut data = abi::EventData { event_id: event, ..Default::default() };
        data.set_last_event_age(7);
        let arg = abi::WaitEvents { events_ptr: 0x1000, num_events: 1, timeout: 0, ..Default::default() };
        let (_, outcome) = client.raw(0x0c, arg.as_bytes(), vec![data.as_bytes().to_vec()]);
        assert_eq!(wait_result(&outcome), result, "1.{minor}");
        world.end();
    }
}

// Keeps: CREATE_EVENT
#[test]
fn signal_slots_end_where_the_page_ends() {
    let world = World::new();
    let mut client = world.client(1);
    client.event_page(0x1000_0000);
    for _ in 2..4096 {
        client.event(abi::EVENT_SIGNAL, true);
    }
    let mut more = abi::CreateEvent { event_type: abi::EVENT_SIGNAL, ..Default::default() };
    assert_eq!(client.no(0x08, &mut more), libc::ENOSPC);
    client.event(abi::EVENT_MEMORY, false);
    world.end();
}

// Keeps: CREATE_EVENT, FREE_MEMORY_OF_GPU
#[test]
fn the_event_page_is_set_once_and_must_be_memory_that_can_be_reached() {
    let world = World::new();
    let mut client = world.client(1);
    let user = client.userptr(0x2000_0000, 0x8000);
    let mut arg = abi::CreateEvent { event_page_offset: user.handle, ..Default::default() };
    assert_eq!(client.no(0x08, &mut arg), libc::EINVAL);
    let mut arg = abi::CreateEvent { event_page_offset: user.handle + 99, ..Default::default() };
    assert_eq!(client.no(0x08, &mut arg), libc::EINVAL);
    let (page, _) = client.event_page(0x1000_0000);
    let mut arg = abi::CreateEvent { event_page_offset: page.handle, ..Default::default() };
    assert_eq!(client.no(0x08, &mut arg), libc::EINVAL);
    client.unmap(page.handle).unwrap();
    assert_eq!(client.free(page.handle), Err(Errno::PERM));
    world.end();
}
