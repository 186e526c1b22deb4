//! Queues: packets in arena and in client memory, doorbells, parking, faults.

use crate::world::{AQL, Client, World, barrier, completions, gpu, wait_result};
use kfd_core::Ran;
use kfd_core::abi::kfd as abi;
use kfd_core::eviction::Reason;
use kfd_core::ids::GpuVa;
use kfd_core::limits::Limits;
use kfd_core::listing::QueueState;
use kfd_core::notice::Notice;
use proptest::strategy::Strategy;

const VA: u64 = 0x7f10_0000_0000;

// Keeps: packet-once, DESTROY_QUEUE
#[test]
fn ten_thousand_queues_in_recycled_slots_complete_their_one_packet_once() {
    let world = World::new();
    let mut client = world.client(100);
    let memory = client.cut(VA, &AQL).unwrap();
    let mut doorbells = std::collections::HashSet::new();
    for round in 0..10_000 {
        client.poke(memory.offset, &[0; 4096]);
        let mut queue = client.queue_in(memory).unwrap();
        doorbells.insert(queue.doorbell);
        let signal = client.signal(&queue, 0, 1, None);
        client.push(&mut queue, &barrier(&[], signal));
        client.ring(&queue);
        world.run();
        assert_eq!(client.signal_value(&queue, 0), 0, "round {round}");
        assert_eq!(client.read_index(&queue), 1);
        client.destroy(queue.id).unwrap();
        world.outbox.take();
    }
    assert_eq!(doorbells.len(), 1, "the slot was recycled each time");
    world.end();
}

// Keeps: idle-free
#[test]
fn an_idle_core_posts_nothing_and_runs_nothing() {
    let world = World::new();
    let mut client = world.client(100);
    let mut queue = client.queue(VA);
    client.queue(VA + 0x10_0000);
    let signal = client.signal(&queue, 0, 1, None);
    client.push(&mut queue, &barrier(&[], signal));
    client.ring(&queue);
    assert!(world.settle().is_empty());
    world.clock.by(1_000_000_000);
    world.core.tick(world.core.now());
    assert_eq!(world.core.run_next(world.core.now()), Ran::Nothing);
    assert!(world.outbox.take().is_empty());
    world.end();
}

#[test]
fn a_dry_queue_is_polled_for_its_window_and_its_page_re_armed_once() {
    let world = World::new();
    let mut client = world.client(100);
    let mut queue = client.queue(VA);
    client.ring(&queue);
    assert!(matches!(world.core.run_next(world.core.now()), Ran::PollUntil(_)), "polled, not asleep");
    let signal = client.signal(&queue, 0, 1, None);
    client.push(&mut queue, &barrier(&[], signal));
    world.core.run_next(world.core.now());
    assert_eq!(client.signal_value(&queue, 0), 0, "no doorbell needed while it is polled");
    world.run();
    let rearms = world.outbox.take().into_iter().filter(|n| matches!(n, Notice::Rearm { .. })).count();
    assert_eq!(rearms, 1);
    world.end();
}

// Keeps: rearm-loses-none
#[test]
fn what_was_submitted_before_the_page_was_dropped_is_found_after_it() {
    let world = World::new();
    let mut client = world.client(100);
    let mut queue = client.queue(VA);
    client.ring(&queue);
    world.run();
    let signal = client.signal(&queue, 0, 1, None);
    client.push(&mut queue, &barrier(&[], signal));
    assert_eq!(world.run(), 0, "nobody looks: the page was still there and the store unseen");
    let notices = world.outbox.take();
    let rearm = notices.iter().find_map(|n| match n {
        Notice::Rearm { process, offset, len } => Some((*process, *offset, *len)),
        _ => None,
    });
    let (process, offset, len) = rearm.expect("the page went quiet");
    assert_eq!(offset, queue.doorbell & !4095);
    world.core.rearmed(process, offset, len);
    assert!(world.outbox.take().iter().any(|n| matches!(n, Notice::Runnable)));
    world.run();
    assert_eq!(client.signal_value(&queue, 0), 0);
    assert!(
        !world.outbox.take().iter().any(|n| matches!(n, Notice::Rearm { .. })),
        "the page is cold already"
    );
    world.end();
}

#[test]
fn a_queue_made_on_a_hot_page_is_polled() {
    let world = World::new();
    let mut client = world.client(100);
    let first = client.queue(VA);
    client.ring(&first);
    let mut second = client.queue(VA + 0x10_0000);
    let signal = client.signal(&second, 0, 1, None);
    client.push(&mut second, &barrier(&[], signal));
    world.run();
    assert_eq!(client.signal_value(&second, 0), 0, "its store could not trap: the page was there");
    world.end();
}

#[test]
fn doorbells_lie_4_gib_aligned_and_eight_bytes_apart() {
    let world = World::new();
    let mut client = world.client(100);
    let first = client.queue(VA);
    let second = client.queue(VA + 0x10_0000);
    assert_ne!(first.doorbell, 0);
    assert_eq!(first.doorbell % (1 << 32), 0, "libhsakmt masks the first mmap offset");
    assert_eq!(second.doorbell, first.doorbell + 8);
    assert!(second.doorbell < world.core.kfd_node_bytes());
    world.end();
}

#[test]
fn a_parked_barrier_looks_again_on_set_event_on_completions_and_at_the_back_off() {
    let world = World::new();
    let mut client = world.client(100);
    let event = client.event(abi::EVENT_SIGNAL, true);
    let mut waiting = client.queue(VA);
    let mut other = client.queue(VA + 0x10_0000);
    let gate = client.signal(&waiting, 1, 1, None);
    let done = client.signal(&waiting, 0, 3, None);
    let gate_at = waiting.memory.offset + 4096 + 64 + 8;
    let clear = |client: &Client<'_>, value: u64| {
        client.poke(gate_at, &value.to_le_bytes());
    };
    let go = |client: &mut Client<'_>, queue: &mut crate::world::Aql| {
        client.push(queue, &barrier(&[gate], done));
        client.ring(queue);
    };

    go(&mut client, &mut waiting);
    let notices = world.settle();
    assert!(matches!(notices[..], [Notice::Deadline]), "{notices:?}");
    assert!(world.core.next_due().is_some());
    assert_eq!(world.core.queues()[0].state, QueueState::Parked);
    clear(&client, 0);
    client.set(event);
    world.settle();
    assert_eq!(client.signal_value(&waiting, 0), 2, "SET_EVENT");

    clear(&client, 1);
    go(&mut client, &mut waiting);
    world.settle();
    client.push(&mut other, &barrier(&[], gate));
    client.ring(&other);
    world.settle();
    assert_eq!(client.signal_value(&waiting, 0), 1, "a completion that the engine wrote");

    clear(&client, 1);
    go(&mut client, &mut waiting);
    world.settle();
    clear(&client, 0);
    assert_eq!(world.run(), 0, "a plain store that nobody announces");
    world.clock.by(1_000_000);
    world.core.tick(world.core.now());
    world.settle();
    assert_eq!(client.signal_value(&waiting, 0), 0, "the back-off");
    world.end();
}

// Keeps: back-off-shared
#[test]
fn many_parked_queues_share_their_users_back_off() {
    let world = World::new();
    let mut client = world.client(100);
    let mut gates = Vec::new();
    for index in 0..100 {
        let mut queue = client.queue(VA + index * 0x10_0000);
        let gate = client.signal(&queue, 0, 1, None);
        client.push(&mut queue, &barrier(&[gate], 0));
        client.ring(&queue);
        gates.push(queue);
    }
    world.settle();
    let mut looks = 0;
    for _ in 0..10 {
        world.clock.by(1_000_000);
        world.core.tick(world.core.now());
        looks += world.run();
    }
    assert!((1..=10 * 16).contains(&looks), "{looks} looks in 10 ms at 100 parked queues");
    world.end();
}

// Keeps: fault-authors
#[test]
fn a_fault_is_its_authors_memory_exception_and_nobody_elses() {
    let world = World::new();
    let mut victim = world.client(100);
    let mut author = world.client(200);
    let (gpu_id, _, _) = gpu();
    let watch: Vec<_> = [&mut victim, &mut author]
        .into_iter()
        .map(|client| {
            let event = client.event(abi::EVENT_MEMORY, false);
            (client.park(&[event], false, u32::MAX), client.process)
        })
        .collect();
    let mut queue = author.queue(VA);
    let mut good = victim.queue(VA);
    author.push(&mut queue, &barrier(&[], 0xdead_0000));
    author.ring(&queue);
    let signal = victim.signal(&good, 0, 1, None);
    victim.push(&mut good, &barrier(&[], signal));
    victim.ring(&good);
    let notices = world.settle();
    assert_eq!(victim.signal_value(&good, 0), 0, "the other process runs on");
    let exceptions: Vec<_> = notices
        .iter()
        .filter_map(|n| {
            if let Notice::MemoryException { queue, va, .. } = n { Some((queue.process, *va)) } else { None }
        })
        .collect();
    let [(process, GpuVa(va))] = exceptions[..] else { panic!("{notices:?}") };
    assert_eq!(process, author.process);
    assert!((0xdead_0000..0xdead_0040).contains(&va), "{va:#x}");
    let completed: Vec<_> = notices
        .iter()
        .filter_map(|n| {
            if let Notice::Complete { call, process, outcome } = n {
                Some((*call, *process, outcome))
            } else {
                None
            }
        })
        .collect();
    let [(call, process, outcome)] = completed[..] else { panic!("{notices:?}") };
    assert_eq!((call, process), watch[1]);
    let kfd_core::call::Outcome::Done(done) = outcome else { panic!("{outcome:?}") };
    let data: abi::MemoryExceptionData =
        zerocopy::FromBytes::read_from_prefix(&done.writes[0].bytes).map(|(data, _)| data).unwrap();
    assert_eq!((data.va, data.gpu_id, data.failure.not_present), (va, gpu_id, 1));
    let rows = world.core.queues();
    let row = rows.iter().find(|row| row.process == author.process).unwrap();
    assert_eq!(row.state, QueueState::Stopped);
    assert_eq!(author.destroy(queue.id), Ok(()), "a stopped queue can be destroyed");
    world.end();
}

// Keeps: UPDATE_QUEUE
#[test]
fn an_update_disables_and_enables_without_losing_packets() {
    let world = World::new();
    let mut client = world.client(100);
    let mut queue = client.queue(VA);
    let mut update = abi::UpdateQueue {
        ring_base_address: VA + 8192,
        queue_id: queue.id,
        ring_size: 4096,
        queue_percentage: 0,
        queue_priority: 15,
    };
    client.ok(0x07, &mut update);
    assert_eq!(world.core.queues()[0].state, QueueState::Disabled);
    let signal = client.signal(&queue, 0, 1, None);
    client.push(&mut queue, &barrier(&[], signal));
    client.ring(&queue);
    world.settle();
    assert_eq!(client.signal_value(&queue, 0), 1);
    let mut wave = abi::GetQueueWaveState { queue_id: queue.id, ..Default::default() };
    client.ok(0x1b, &mut wave);
    update.queue_percentage = 100;
    client.ok(0x07, &mut update);
    assert_eq!(client.no(0x1b, &mut wave), libc::EINVAL, "an active queue has no saved waves");
    world.settle();
    assert_eq!(client.signal_value(&queue, 0), 0);
    assert!(completions(&world.outbox.take()).iter().all(|o| wait_result(o).0.is_none()));
    world.end();
}

// Keeps: UPDATE_QUEUE
#[test]
fn a_bad_update_changes_nothing_and_a_good_one_moves_the_ring() {
    let world = World::new();
    let mut client = world.client(100);
    let mut queue = client.queue(VA);
    let queue_id = queue.id;
    let update = |client: &mut Client<'_>, ring: u64| {
        let mut arg = abi::UpdateQueue {
            ring_base_address: ring,
            queue_id,
            ring_size: 4096,
            queue_percentage: 100,
            queue_priority: 3,
        };
        client.ioctl(0x07, &mut arg, vec![]).map(drop).map_err(|errno| errno.0)
    };
    assert_eq!(update(&mut client, VA + 8193), Err(libc::EINVAL));
    let signal = client.signal(&queue, 0, 2, None);
    client.push(&mut queue, &barrier(&[], signal));
    client.ring(&queue);
    world.settle();
    assert_eq!(client.signal_value(&queue, 0), 1, "the queue runs on in its ring");
    assert_eq!(update(&mut client, VA + 12288), Ok(()));
    world.settle();
    let slot = queue.memory.offset + 12288 + 64;
    client.poke(slot, &barrier(&[], signal));
    client.poke(queue.memory.offset + 56, &2u64.to_le_bytes());
    client.ring(&queue);
    world.settle();
    assert_eq!(client.signal_value(&queue, 0), 0, "the second packet came from the new ring");
    assert_eq!(world.core.queues()[0].priority, 3);
    world.end();
}

// Keeps: turns-by-process
#[test]
fn a_process_with_many_queues_gets_no_more_turns_than_one_with_one() {
    let world = World::new();
    let mut many = world.client(100);
    let mut one = world.client(200);
    let mut queues: Vec<_> = (0..20).map(|index| many.queue(VA + index * 0x10_0000)).collect();
    let mut lone = one.queue(VA);
    for queue in &mut queues {
        let signal = many.signal(queue, 0, 60, None);
        for _ in 0..60 {
            many.push(queue, &barrier(&[], signal));
        }
        many.ring(queue);
    }
    let signal = one.signal(&lone, 0, 60, None);
    for _ in 0..60 {
        one.push(&mut lone, &barrier(&[], signal));
    }
    one.ring(&lone);
    for _ in 0..4 {
        world.core.run_next(world.core.now());
    }
    assert_eq!(one.signal_value(&lone, 0), 0, "two turns of four were its own");
    world.settle();
    for queue in &queues {
        assert_eq!(many.signal_value(queue, 0), 0);
    }
    world.end();
}

/// One step of a client, an engine or the daemon.
#[derive(Debug, Clone, Copy)]
enum Move {
    /// The client submits to this queue and stores to the doorbell page.
    Submit(usize),
    /// An engine takes a turn.
    Turn,
    /// The oldest re-arm asked for: the page is dropped.
    Drop,
    /// The oldest dropped page is reported.
    Report,
    /// Time passes, less or more than a polling window.
    Pass(u64),
    /// The second queue is destroyed and made again.
    Renew,
    /// The process is evicted for this reason, or restored when it is.
    Evict(Reason),
    /// The first queue is disabled, or enabled when it is.
    Toggle,
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, failure_persistence: None, ..Default::default() })]

    /// The client's page is present from a trap until it is dropped; only a store on an absent page is seen.
    // Keeps: rearm-loses-none, slots-shared
    #[test]
    fn no_submission_is_lost_however_stores_turns_and_re_arms_interleave(
        moves in proptest::collection::vec(
            proptest::prop_oneof![
                (0usize..3).prop_map(Move::Submit),
                proptest::strategy::Just(Move::Turn),
                proptest::strategy::Just(Move::Turn),
                proptest::strategy::Just(Move::Drop),
                proptest::strategy::Just(Move::Report),
                (1u64..60_000).prop_map(Move::Pass),
                proptest::strategy::Just(Move::Renew),
                proptest::sample::select(vec![Reason::Request, Reason::Memory]).prop_map(Move::Evict),
                proptest::strategy::Just(Move::Toggle),
            ],
            1..120,
        ),
        slots in 1u32..4,
    ) {
        let mut profile = gpu().2;
        profile.devices[0].queues.slots = slots;
        let world = World::of(profile, Limits::default());
        let mut client = world.client(100);
        let mut queues = [client.queue(VA), client.queue(VA + 0x10_0000), client.queue(VA + 0x20_0000)];
        let mut enabled = true;
        let toggle = |client: &mut Client<'_>, queue_id: u32, enabled: bool| {
            let mut update = abi::UpdateQueue {
                ring_base_address: if enabled { VA + 8192 } else { 0 },
                queue_id,
                ring_size: 4096,
                queue_percentage: 100,
                queue_priority: 7,
            };
            client.ok(0x07, &mut update);
        };
        let mut present = false;
        let (mut asked, mut dropped) = (Vec::new(), Vec::new());
        let collect = |asked: &mut Vec<_>| {
            for notice in world.outbox.take() {
                if let Notice::Rearm { process, offset, len } = notice {
                    asked.push((process, offset, len));
                }
            }
        };
        for step in moves {
            match step {
                Move::Submit(which) if queues[which].packets < 64 => {
                    client.push(&mut queues[which], &barrier(&[], 0));
                    if !present {
                        present = true;
                        client.ring(&queues[which]);
                    }
                }
                Move::Turn => drop(world.core.run_next(world.core.now())),
                Move::Drop if !asked.is_empty() => {
                    present = false;
                    dropped.push(asked.remove(0));
                }
                Move::Report if !dropped.is_empty() => {
                    let (process, offset, len) = dropped.remove(0);
                    world.core.rearmed(process, offset, len);
                }
                Move::Pass(nanos) => world.clock.by(nanos),
                Move::Renew => {
                    client.destroy(queues[1].id).unwrap();
                    client.poke(queues[1].memory.offset, &[0; 4096]);
                    client.poke(queues[1].memory.offset + 8192, &[0; 8192]);
                    queues[1] = client.queue_in(queues[1].memory).unwrap();
                }
                Move::Evict(reason) => {
                    if !world.core.evict(client.process, reason) {
                        world.core.restore(client.process, reason);
                    }
                }
                Move::Toggle => {
                    enabled = !enabled;
                    toggle(&mut client, queues[0].id, enabled);
                }
                Move::Submit(_) | Move::Drop | Move::Report => {}
            }
            collect(&mut asked);
        }
        for reason in [Reason::Request, Reason::Memory] {
            world.core.restore(client.process, reason);
        }
        toggle(&mut client, queues[0].id, true);
        loop {
            world.run();
            collect(&mut asked);
            dropped.append(&mut asked);
            if dropped.is_empty() {
                break;
            }
            for (process, offset, len) in dropped.drain(..) {
                world.core.rearmed(process, offset, len);
            }
        }
        for queue in &queues {
            proptest::prop_assert_eq!(client.read_index(queue), queue.packets);
        }
        world.end();
    }
}
