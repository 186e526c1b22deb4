//! Dispatches that an engine of waves runs: handed over, waited for by nobody but their queue, answered in time, late, twice
//! or never.

pub mod engine;
mod memory;
mod model;
mod race;

use crate::world::{barrier, completions};
use engine::{answer, dispatch, dispatched, done, enable, settle, submit, wish, world};
use hsa_queue::layout::{amd_queue, amd_signal};
use kfd_core::abi::kfd as abi;
use kfd_core::call::Outcome;
use kfd_core::dispatch::{QueueError, WaveAnswer, Wish};
use kfd_core::eviction::Reason;
use kfd_core::ids::{GpuVa, Nanos};
use kfd_core::leak::{ObjectKind, Owned, Owner};
use kfd_core::listing::QueueState;
use kfd_core::notice::Notice;
use zerocopy::{FromBytes, IntoBytes};

const VA: u64 = 0x7f10_0000_0000;
const OTHER: u64 = 0x7f20_0000_0000;

// Keeps: dispatch-in-order
#[test]
fn a_dispatch_is_handed_over_and_its_packet_completes_with_the_answer_and_the_next_after_it() {
    let world = world(24);
    let mut client = world.client(1);
    let (page, event) = client.event_page(0x7f00_0000_0000);
    let mut queue = client.queue(VA);
    let signal = client.signal(&queue, 0, 3, Some((page.va + 8 * u64::from(event), event)));
    client.push(&mut queue, &barrier(&[], 0));
    client.push(&mut queue, &dispatch(signal));
    submit(&client, &mut queue);
    client.push(&mut queue, &barrier(&[], signal));
    let waits = client.park(&[event], false, u32::MAX);

    let first = settle(&world).order();
    assert_eq!(first.packet.as_bytes(), dispatch(signal));
    assert_eq!((first.queue.process, first.queue.queue.0), (client.process, queue.id));
    assert_eq!((first.id, first.slot, first.amd_queue), (1, GpuVa(VA + 8192 + 64), GpuVa(VA)));
    let row = &world.core.queues()[0];
    assert_eq!((row.state, row.slot, row.packets), (QueueState::Dispatched, Some(0), 1));
    assert_eq!((client.read_index(&queue), client.signal_value(&queue, 0)), (1, 3));
    assert_eq!(wish(&world, &first), Wish::Run);
    // However long it takes.
    world.clock.by(3_600_000_000_000);
    client.ring(&queue);
    assert!(settle(&world).orders.is_empty() && world.core.queues()[0].state == QueueState::Dispatched);

    done(&world, &first);
    let told = settle(&world);
    let second = told.order();
    assert_eq!((second.id, second.ticket > first.ticket), (2, true));
    assert_eq!((client.read_index(&queue), client.signal_value(&queue, 0)), (2, 2));
    let at = queue.memory.offset + 4096;
    let (start, end) = (client.peek(at + amd_signal::START_TS), client.peek(at + amd_signal::END_TS));
    assert!(start > 0 && end > start, "the hour is in between: {start} {end}");
    assert_eq!(completions(&told.others).len(), 1, "the event behind its signal");
    assert!(told.others.iter().any(|n| matches!(n, Notice::Complete { call, .. } if *call == waits)));

    // The first again, the second as if of another queue, and the second twice.
    done(&world, &first);
    world.core.wave_answer(
        kfd_core::ids::QueueKey { queue: kfd_core::ids::QueueId(77), ..second.queue },
        second.ticket,
        engine::DONE,
    );
    assert!(settle(&world).orders.is_empty());
    assert_eq!(client.signal_value(&queue, 0), 2, "neither counts");
    done(&world, &second);
    answer(&world, &second, WaveAnswer::Error(QueueError::DispatchCode));
    assert_eq!(wish(&world, &second), Wish::Cancel, "it is over");
    assert!(settle(&world).orders.is_empty());
    assert_eq!((client.read_index(&queue), client.signal_value(&queue, 0)), (4, 0));
    assert_eq!(world.core.queues()[0].state, QueueState::Idle);
    world.end();
}

// Keeps: dispatch-timestamps
#[test]
fn a_signal_is_told_when_the_waves_ran_as_far_as_that_lies_between_hand_over_and_answer() {
    const HOUR: u64 = 3_600_000_000_000;
    let world = world(24);
    let mut client = world.client(1);
    let khz = world.core.profile().devices[0].compute.counter_khz;
    let ticks = |nanos: u64| u64::try_from(u128::from(nanos) * u128::from(khz) / 1_000_000).unwrap();
    let mut queue = client.queue(VA);
    // What the engine says of the hour: from, to; and what is true of it.
    for (says, told) in [
        ([HOUR / 4, HOUR / 2], [HOUR / 4, HOUR / 2]),
        ([0, HOUR], [0, HOUR]),
        ([HOUR / 2, 2 * HOUR], [HOUR / 2, HOUR]),
        ([2 * HOUR, 3 * HOUR], [HOUR, HOUR]),
        ([HOUR / 2, HOUR / 4], [HOUR / 2, HOUR / 2]),
    ] {
        client.signal(&queue, 0, 1, None);
        submit(&client, &mut queue);
        let order = settle(&world).order();
        let at = world.core.now().0;
        world.clock.by(HOUR);
        let [began, ended] = says.map(|of| Nanos(at + of));
        answer(&world, &order, WaveAnswer::Done { began, ended });
        settle(&world);
        let signal = queue.memory.offset + 4096;
        let found = [amd_signal::START_TS, amd_signal::END_TS].map(|word| client.peek(signal + word));
        // Polling passes some microseconds on both sides.
        let near = |found: u64, told: u64| ticks(at + told).abs_diff(found) < ticks(1_000_000);
        assert!(near(found[0], told[0]) && near(found[1], told[1]), "{says:?}: {found:?}");
        assert!(found[0] <= found[1]);
    }
    // An engine whose clock is wrong.
    client.signal(&queue, 0, 1, None);
    submit(&client, &mut queue);
    let order = settle(&world).order();
    answer(&world, &order, WaveAnswer::Done { began: Nanos(u64::MAX), ended: Nanos(0) });
    settle(&world);
    assert_eq!(client.signal_value(&queue, 0), 0);
    world.end();
}

/// Every doorbell of a process lies on one page: were a queue busy while its dispatch runs, stores to the page would go
/// unseen for as long.
// Keeps: dispatch-not-deaf
#[test]
fn a_queue_beside_one_whose_dispatch_runs_hears_its_doorbell_after_its_poll_window() {
    let world = world(24);
    let mut client = world.client(1);
    let mut other = client.queue(OTHER);
    let signal = client.signal(&other, 0, 2, None);
    // Its first packet: the page is hot, and both queues are on it.
    client.push(&mut other, &barrier(&[], signal));
    client.ring(&other);
    let mut queue = client.queue(VA);
    client.signal(&queue, 0, 1, None);
    client.push(&mut queue, &dispatch(VA + 4096));
    client.ring(&queue);
    world.run();
    let notices = world.outbox.take();
    let order = notices.iter().find_map(|n| if let Notice::Dispatch(o) = n { Some(o.clone()) } else { None });
    let order = order.expect("handed over");
    let rearm = notices.iter().find_map(|n| match n {
        Notice::Rearm { process, offset, len } => Some((*process, *offset, *len)),
        _ => None,
    });
    let (process, offset, len) = rearm.expect("the page is re-armed beside the dispatch");
    world.core.rearmed(process, offset, len);
    world.run();
    assert_eq!(world.core.queues()[1].state, QueueState::Dispatched);
    assert_eq!(world.core.queues()[0].state, QueueState::Idle);
    // The waves wait for what this packet does. The store hits the page, which is absent.
    client.push(&mut other, &barrier(&[], signal));
    client.ring(&other);
    settle(&world);
    assert_eq!(client.signal_value(&other, 0), 0, "it is heard");
    // The dispatch's own queue was rung meanwhile, too.
    client.push(&mut queue, &barrier(&[], VA + 4096));
    client.ring(&queue);
    settle(&world);
    done(&world, &order);
    settle(&world);
    assert_eq!((client.signal_value(&queue, 0), client.read_index(&queue)), (-1, 2));
    world.end();
}

// Keeps: dispatch-paused
#[test]
fn a_held_queue_keeps_its_dispatchs_answer_and_goes_on_when_it_is_let_go() {
    for disabled in [false, true] {
        for answered in [false, true] {
            let world = world(24);
            let mut client = world.client(1);
            let (mut queue, order) = dispatched(&world, &mut client, VA);
            client.push(&mut queue, &barrier(&[], VA + 4096));
            if disabled {
                enable(&mut client, &queue, false);
            } else {
                assert!(world.core.evict(client.process, Reason::Request), "it waits for no engine");
            }
            assert_eq!(settle(&world).wishes, [order.ticket]);
            assert_eq!(wish(&world, &order), Wish::Pause);
            let row = &world.core.queues()[0];
            assert_eq!(row.state, if disabled { QueueState::Disabled } else { QueueState::Evicted });
            assert_eq!(row.slot, None);
            if answered {
                done(&world, &order);
                assert_eq!(wish(&world, &order), Wish::Cancel);
                settle(&world);
                assert_eq!((client.read_index(&queue), client.signal_value(&queue, 0)), (0, 1));
            }
            if disabled {
                enable(&mut client, &queue, true);
            } else {
                assert!(world.core.restore(client.process, Reason::Request));
            }
            let told = settle(&world);
            assert!(told.orders.is_empty(), "it is the same dispatch");
            if !answered {
                assert_eq!((told.wishes, wish(&world, &order)), (vec![order.ticket], Wish::Run));
                assert_eq!(world.core.queues()[0].state, QueueState::Dispatched);
                done(&world, &order);
                settle(&world);
            }
            assert_eq!((client.read_index(&queue), client.signal_value(&queue, 0)), (2, -1));
            world.end();
        }
    }
}

#[test]
fn another_ring_in_the_middle_of_a_dispatch_pauses_nothing_and_loses_nothing() {
    let world = world(24);
    let mut client = world.client(1);
    let (queue, order) = dispatched(&world, &mut client, VA);
    enable(&mut client, &queue, true);
    assert!(settle(&world).wishes.is_empty());
    assert_eq!(world.core.queues()[0].state, QueueState::Dispatched);
    done(&world, &order);
    settle(&world);
    assert_eq!((client.read_index(&queue), client.signal_value(&queue, 0)), (1, 0));
    world.end();
}

// Keeps: dispatch-void
#[test]
fn a_destroyed_queues_dispatch_is_nobodys_and_its_answer_is_not_that_of_the_next_of_its_id() {
    for remade in [false, true] {
        let world = world(24);
        let mut client = world.client(1);
        let (queue, old) = dispatched(&world, &mut client, VA);
        client.destroy(queue.id).expect("it waits for no engine");
        assert_eq!(settle(&world).wishes, [old.ticket]);
        assert_eq!(wish(&world, &old), Wish::Cancel);
        let again = remade.then(|| dispatched(&world, &mut client, OTHER));
        done(&world, &old);
        settle(&world);
        assert_eq!((client.read_index(&queue), client.signal_value(&queue, 0)), (0, 1), "nothing is written");
        if let Some((next, new)) = again {
            assert_eq!(new.queue, old.queue);
            assert_ne!(new.ticket, old.ticket);
            assert_eq!(client.signal_value(&next, 0), 1);
            assert_eq!((wish(&world, &old), wish(&world, &new)), (Wish::Cancel, Wish::Run));
            done(&world, &new);
            settle(&world);
            assert_eq!((client.read_index(&next), client.signal_value(&next, 0)), (1, 0));
        }
        world.end();
    }
}

// Keeps: dispatch-void, owner-graph
#[test]
fn a_death_waits_for_no_dispatch_and_leaves_none() {
    let world = world(24);
    let mut client = world.client(1);
    let (_, order) = dispatched(&world, &mut client, VA);
    let report = world.core.leak_report();
    let has = Owned { kind: ObjectKind::Dispatch, owner: Owner::Queue, count: 1 };
    assert!(report.objects.iter().any(|(id, all)| *id == client.process && all.contains(&has)));
    assert!(report.to_string().contains("1 × Dispatch, ended by Queue"));
    world.outbox.take();
    // Debug builds look after each step whether a dispatch is still out.
    world.kill(client.process);
    let told = |n: &Notice| matches!(n, Notice::Wish { ticket, .. } if *ticket == order.ticket);
    assert_eq!(world.outbox.take().iter().filter(|n| told(n)).count(), 1);
    assert_eq!(wish(&world, &order), Wish::Cancel);
    done(&world, &order);
    world.core.barrier();
    done(&world, &order);
    // One that was held.
    let mut client = world.client(2);
    dispatched(&world, &mut client, VA);
    world.core.evict(client.process, Reason::Request);
    world.end();
}

// Keeps: dispatch-ends-badly
#[test]
fn a_dispatch_that_ends_in_an_error_stops_its_queue_and_tells_its_inactive_signal() {
    let world = world(24);
    let mut client = world.client(1);
    let (queue, order) = dispatched(&world, &mut client, VA);
    let inactive = client.signal(&queue, 1, 0, None);
    client.poke(queue.memory.offset + amd_queue::QUEUE_INACTIVE_SIGNAL, &inactive.to_le_bytes());
    let field = queue.memory.offset + amd_queue::READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET;
    client.poke(field, &amd_queue::READ_DISPATCH_ID.to_le_bytes());
    answer(&world, &order, WaveAnswer::Error(QueueError::GroupSegmentSize));
    settle(&world);
    let code = QueueError::GroupSegmentSize.inactive_code().cast_signed();
    assert_eq!((client.signal_value(&queue, 1), client.signal_value(&queue, 0)), (code, 1));
    assert_eq!(world.core.queues()[0].state, QueueState::Stopped);
    client.destroy(queue.id).unwrap();
    world.end();
}

// Keeps: dispatch-ends-badly
#[test]
fn a_waves_fault_is_a_memory_exception_with_its_address() {
    let world = world(24);
    let mut client = world.client(1);
    let event = client.event(abi::EVENT_MEMORY, false);
    client.park(&[event], false, u32::MAX);
    let (_, order) = dispatched(&world, &mut client, VA);
    answer(&world, &order, WaveAnswer::Fault { va: GpuVa(0xdead_1234), write: true });
    let told = settle(&world);
    let fault = |n: &Notice| matches!(n, Notice::MemoryException { va: GpuVa(0xdead_1000), .. });
    assert!(told.others.iter().any(fault), "{:?}", told.others);
    let completed = completions(&told.others);
    let [Outcome::Done(done)] = completed[..] else { panic!("{completed:?}") };
    let (data, _) = abi::MemoryExceptionData::read_from_prefix(&done.writes[0].bytes).unwrap();
    assert_eq!((data.va, data.failure.not_present), (0xdead_1000, 1));
    assert_eq!(world.core.queues()[0].state, QueueState::Stopped);
    world.end();
}

// Keeps: dispatch-slot
#[test]
fn a_running_dispatch_keeps_its_slot_for_its_slice_and_what_waits_for_it_runs_when_its_queue_goes() {
    for way in ["destroyed", "evicted", "dead", "disabled", "done"] {
        let world = world(1);
        let (mut client, mut other) = (world.client(1), world.client(2));
        let (first, order) = dispatched(&world, &mut client, VA);
        let mut second = other.queue(VA);
        other.signal(&second, 0, 1, None);
        submit(&other, &mut second);
        assert!(settle(&world).orders.is_empty(), "its slice is not over");
        let rows = world.core.queues();
        assert_eq!((rows[0].slot, rows[1].slot, rows[1].waiting), (Some(0), None, Some(0)));
        world.outbox.take();
        match way {
            "destroyed" => client.destroy(first.id).unwrap(),
            "evicted" => assert!(world.core.evict(client.process, Reason::Request)),
            "dead" => world.kill(client.process),
            "disabled" => enable(&mut client, &first, false),
            _ => done(&world, &order),
        }
        let notices = world.outbox.take();
        assert!(notices.iter().any(|n| matches!(n, Notice::Runnable)), "{way}: an engine is woken");
        let order = settle(&world).order();
        assert_eq!(order.queue.process, other.process, "{way}");
        done(&world, &order);
        settle(&world);
        assert_eq!(other.signal_value(&second, 0), 0, "{way}");
        world.end();
    }
}

/// No engine is in a queue whose dispatch runs, so the end of its slice has to be a deadline.
// Keeps: dispatch-slot
#[test]
fn dispatches_that_never_end_take_turns_on_a_slot_that_all_want() {
    let world = world(1);
    let (mut client, mut other) = (world.client(1), world.client(2));
    let (first, order) = dispatched(&world, &mut client, VA);
    let mut second = other.queue(VA);
    other.signal(&second, 0, 1, None);
    submit(&other, &mut second);
    settle(&world);
    let slice_over = || {
        let due = world.core.next_due().expect("the end of the slice");
        world.clock.by(due.0.saturating_sub(world.core.now().0));
        world.core.tick(world.core.now());
        assert!(world.outbox.take().iter().any(|notice| matches!(notice, Notice::Runnable)));
    };
    slice_over();
    let told = settle(&world);
    let hostile = told.order();
    assert_eq!((hostile.queue.process, told.wishes), (other.process, vec![order.ticket]));
    assert_eq!((wish(&world, &order), wish(&world, &hostile)), (Wish::Pause, Wish::Run));
    let rows = world.core.queues();
    assert_eq!((rows[0].slot, rows[0].waiting, rows[1].slot), (None, Some(0), Some(0)));
    // The first has its turn again, and the other one stands still.
    for (runs, stands) in [(&order, &hostile), (&hostile, &order), (&order, &hostile)] {
        slice_over();
        assert_eq!(settle(&world).wishes.len(), 2, "one of each");
        assert_eq!((wish(&world, runs), wish(&world, stands)), (Wish::Run, Wish::Pause));
    }
    // An answer that was on its way when its dispatch was paused counts in the next slice.
    done(&world, &hostile);
    assert_eq!(other.signal_value(&second, 0), 1);
    done(&world, &order);
    settle(&world);
    settle(&world);
    assert_eq!((client.signal_value(&first, 0), other.signal_value(&second, 0)), (0, 0));
    // The end of the slice that was under way comes and finds nobody waiting.
    slice_over();
    settle(&world);
    assert_eq!(world.core.next_due(), None);
    world.end();
}

// Keeps: GET_QUEUE_WAVE_STATE
#[test]
fn waves_that_stand_still_with_their_engine_are_not_saved_and_not_told() {
    let world = world(24);
    let mut client = world.client(1);
    let (queue, order) = dispatched(&world, &mut client, VA);
    let mut state =
        abi::GetQueueWaveState { ctl_stack_address: 0x1000, queue_id: queue.id, ..Default::default() };
    enable(&mut client, &queue, false);
    assert_eq!(client.no(0x1b, &mut state), libc::EINVAL);
    done(&world, &order);
    assert_eq!(client.no(0x1b, &mut state), libc::EINVAL, "its packet has not completed");
    enable(&mut client, &queue, true);
    settle(&world);
    enable(&mut client, &queue, false);
    client.ok(0x1b, &mut state);
    world.end();
}
