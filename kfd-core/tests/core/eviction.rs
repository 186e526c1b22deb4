//! Eviction and restore: reasons, what is held meanwhile, what is saved, and that nothing is lost.

use crate::world::{AQL, Aql, Client, Curtain, World, barrier, gpu, older};
use kfd_core::Ran;
use kfd_core::abi::kfd as abi;
use kfd_core::eviction::Reason;
use kfd_core::ids::{Bytes, ProcessId};
use kfd_core::limits::Limits;
use kfd_core::listing::{ProcessRow, QueueState};
use kfd_core::notice::{Notice, UserAccess, UserAnswer};
use kfd_core::profile::Profile;
use kfd_core::queue_buffers::QueueBuffers;
use std::time::{Duration, Instant};

const VA: u64 = 0x7f10_0000_0000;
const MS: u64 = 1_000_000;

fn row(world: &World, process: ProcessId) -> ProcessRow {
    world.core.processes().into_iter().find(|row| row.process == process).expect("it lives")
}

fn reasons(world: &World, process: ProcessId) -> Vec<Reason> {
    row(world, process).evicted.iter().map(|eviction| eviction.reason).collect()
}

fn tick(world: &World, nanos: u64) {
    world.clock.by(nanos);
    world.core.tick(world.core.now());
}

// Keeps: evicted-loses-nothing
#[test]
fn an_evicted_process_runs_nothing_and_loses_nothing() {
    let world = World::new();
    let (mut client, mut other) = (world.client(1), world.client(2));
    let mut queue = client.queue(VA);
    let mut free = other.queue(VA);
    let mut run = |queue: &mut Aql, count: i64| {
        for (client, queue) in [(&client, &mut *queue), (&other, &mut free)] {
            let signal = client.signal(queue, 0, 1, None);
            client.push(queue, &barrier(&[], signal));
            client.ring(queue);
        }
        world.settle();
        assert_eq!(other.signal_value(&free, 0), 0, "others run on");
        assert_eq!(client.signal_value(queue, 0), count);
    };
    run(&mut queue, 0);
    let before = world.core.now();
    assert!(world.core.evict(client.process, Reason::Request));
    assert!(!world.core.evict(client.process, Reason::Request), "it is");
    tick(&world, 10_000 * MS);
    run(&mut queue, 1);
    run(&mut queue, 1);
    let rows = world.core.queues();
    assert_eq!(rows[0].state, QueueState::Evicted);
    let eviction = rows[0].evicted.expect("why");
    assert_eq!((eviction.reason, eviction.since), (Reason::Request, before));
    assert!(rows[1].evicted.is_none());
    assert!(world.core.restore(client.process, Reason::Request));
    assert!(!world.core.restore(client.process, Reason::Request), "it is not any more");
    world.settle();
    assert_eq!((client.signal_value(&queue, 0), client.read_index(&queue)), (-1, 3), "both are completed");
    assert_eq!(world.core.queues()[0].state, QueueState::Idle);
    run(&mut queue, 0);
    world.end();
}

// Keeps: evictions-nest
#[test]
fn reasons_nest_and_an_eviction_that_nobody_waits_for_needs_no_time() {
    let world = World::new();
    let mut client = world.client(1);
    client.queue(VA);
    assert!(world.core.evict(client.process, Reason::Request));
    assert_eq!(world.core.next_due(), None, "only a request ends it");
    assert!(world.core.evict(client.process, Reason::Memory));
    assert_eq!(reasons(&world, client.process), [Reason::Memory, Reason::Request]);
    assert!(world.core.restore(client.process, Reason::Request));
    assert_eq!(world.core.queues()[0].state, QueueState::Evicted, "for the other reason");
    tick(&world, 100 * MS);
    assert_eq!(world.core.queues()[0].state, QueueState::Active, "its ring is looked at");
    assert_eq!(reasons(&world, client.process), []);
    assert_eq!(world.core.next_due(), None);
    world.settle();
    world.end();
}

// Keeps: evicted-loses-nothing
#[test]
fn calls_go_on_while_evicted_and_what_they_make_is_held_too() {
    let world = World::new();
    let mut client = world.client(1);
    let first = client.queue(VA);
    world.core.evict(client.process, Reason::Request);
    let mut made = client.queue(VA + 0x10_0000);
    let signal = client.signal(&made, 0, 1, None);
    client.push(&mut made, &barrier(&[], signal));
    client.ring(&made);
    let update = |percentage: u32| abi::UpdateQueue {
        ring_base_address: VA + 8192,
        queue_id: first.id,
        ring_size: 4096,
        queue_percentage: percentage,
        queue_priority: 7,
    };
    let states = |world: &World| world.core.queues().iter().map(|row| row.state).collect::<Vec<_>>();
    assert_eq!(states(&world), [QueueState::Evicted, QueueState::Evicted]);
    client.ok(0x07, &mut update(0));
    assert_eq!(states(&world)[0], QueueState::Disabled);
    client.ok(0x07, &mut update(100));
    assert_eq!(states(&world)[0], QueueState::Evicted, "enabled, and held");
    let mut wave =
        abi::GetQueueWaveState { queue_id: first.id, ctl_stack_address: 4096, ..Default::default() };
    assert_eq!(client.ok(0x1b, &mut wave).len(), 1, "its waves can be looked at");
    world.settle();
    assert_eq!(client.signal_value(&made, 0), 1);
    client.destroy(first.id).expect("a held queue can go");
    world.core.restore(client.process, Reason::Request);
    world.settle();
    assert_eq!(client.signal_value(&made, 0), 0);
    world.end();
}

// Keeps: evicted-dies
#[test]
fn a_process_dies_evicted_as_ever_and_the_dead_are_not_evicted() {
    let world = World::new();
    let mut client = world.client(1);
    let queue = client.queue(VA);
    client.ring(&queue);
    for reason in [Reason::Memory, Reason::Request, Reason::Overdrawn] {
        assert!(world.core.evict(client.process, reason));
    }
    let process = client.process;
    world.kill(process);
    world.core.barrier();
    assert!(!world.core.evict(process, Reason::Request) && !world.core.restore(process, Reason::Memory));
    assert_eq!(world.core.totals().queues_scheduled, 0);
    tick(&world, 1000 * MS);
    assert_eq!(world.core.next_due(), None, "nothing is looked at any more");
    world.end();
}

// Keeps: evictions-nest
#[test]
fn a_deadline_of_the_evicted_does_not_outlive_its_restore() {
    let world = World::new();
    let client = world.client(1);
    world.core.evict(client.process, Reason::Overdrawn);
    assert!(world.core.next_due().is_some());
    assert!(world.core.restore(client.process, Reason::Overdrawn), "it holds nothing");
    assert_eq!(world.core.next_due(), None);
    world.end();
}

fn vram(client: &mut Client<'_>, va: u64, bytes: u64) -> u64 {
    let flags = abi::ALLOC_MEM_FLAGS_VRAM | abi::ALLOC_MEM_FLAGS_WRITABLE;
    client.alloc(va, bytes, flags).expect("VRAM").handle
}

// Keeps: vram-evicts
#[test]
fn vram_that_another_needs_is_system_memory_until_there_is_room_again() {
    let mut profile = gpu().2;
    let whole = 64 << 20;
    profile.devices[0].vram.bytes = Bytes(whole);
    profile.devices[0].vram.visible_bytes = Bytes(whole);
    let world = World::of(profile, Limits::default());
    let (mut large, mut small, mut asks) = (world.client(1), world.client(2), world.client(3));
    vram(&mut large, VA, 40 << 20);
    vram(&mut small, VA, 8 << 20);
    let mut queue = large.queue(VA + 0x1_0000_0000);
    let gtt = row(&world, large.process).holds.gtt_bytes;
    assert!(world.core.make_room(0, Bytes(16 << 20), asks.process), "there is room");
    assert_eq!(reasons(&world, large.process), []);
    assert!(world.core.make_room(0, Bytes(32 << 20), asks.process));
    assert_eq!(
        (reasons(&world, large.process), reasons(&world, small.process)),
        (vec![Reason::Memory], vec![])
    );
    let holds = row(&world, large.process).holds;
    assert_eq!((holds.vram_bytes, holds.gtt_bytes), (0, gtt + (40 << 20)));
    assert!(!world.core.make_room(0, Bytes(whole + 1), asks.process), "more than there is");
    let taken = vram(&mut asks, VA, 32 << 20);
    let signal = large.signal(&queue, 0, 1, None);
    large.push(&mut queue, &barrier(&[], signal));
    large.ring(&queue);
    for wait in [100, 200, 400] {
        tick(&world, wait * MS - 1);
        world.settle();
        assert_eq!(reasons(&world, large.process), [Reason::Memory]);
        tick(&world, 1);
        assert_eq!(
            reasons(&world, large.process),
            [Reason::Memory],
            "no room yet, and it is looked at less often"
        );
    }
    assert_eq!(large.signal_value(&queue, 0), 1);
    asks.free(taken).unwrap();
    assert!(world.core.restore(large.process, Reason::Memory));
    world.settle();
    assert_eq!(large.signal_value(&queue, 0), 0);
    let holds = row(&world, large.process).holds;
    assert_eq!((holds.vram_bytes, holds.gtt_bytes), (40 << 20, gtt));
    world.end();
}

// Keeps: overdrawn-evicted
#[test]
fn who_holds_more_than_was_charged_is_evicted_until_it_does_not() {
    let world = World::new();
    let (mut greedy, mut honest) = (world.client(1), world.client(2));
    let mut queue = greedy.queue(VA);
    honest.buffer(VA, 1 << 20);
    // More than the save area, which it was given and does not touch.
    greedy.poke(1 << 30, &vec![1; 24 << 20]);
    assert_eq!(world.core.evict_overdrawn(Bytes(64 << 20)), [], "not by so much");
    assert_eq!(world.core.evict_overdrawn(Bytes(1)), [greedy.process]);
    assert_eq!(world.core.evict_overdrawn(Bytes(1)), [], "it is");
    let signal = greedy.signal(&queue, 0, 1, None);
    greedy.push(&mut queue, &barrier(&[], signal));
    greedy.ring(&queue);
    tick(&world, 100 * MS);
    world.settle();
    assert_eq!(greedy.signal_value(&queue, 0), 1);
    assert!(!world.core.restore(greedy.process, Reason::Overdrawn), "it still does");
    // Asking for as much makes it its own.
    greedy.buffer(VA + 0x1_0000_0000, 4 << 20);
    tick(&world, 200 * MS);
    world.settle();
    assert_eq!(greedy.signal_value(&queue, 0), 0);
    world.end();
}

// Keeps: overdrawn-evicted
#[test]
fn a_client_that_took_far_more_than_it_was_given_is_evicted_when_it_asks_for_more() {
    let world = World::new();
    let mut client = world.client(1);
    client.buffer(VA, 4096);
    client.poke(1 << 30, &[1; 1 << 20]);
    client.buffer(VA + 0x1_0000_0000, 4096);
    assert_eq!(reasons(&world, client.process), [], "a little is tolerated");
    for mib in 1..=64 {
        client.poke((1 << 30) + (mib << 20), &[1; 1 << 20]);
    }
    client.buffer(VA + 0x2_0000_0000, 4096);
    assert_eq!(reasons(&world, client.process), [Reason::Overdrawn], "the call itself succeeds");
    world.end();
}

/// What a queue without waves leaves: both parts empty, where the control stack ends.
fn saved(control_stack: u32) -> [u8; 16] {
    let words = [control_stack, 0, control_stack, 0].map(u32::to_le_bytes);
    words.concat().try_into().expect("four words")
}

const AREA: u64 = VA + 0x1_0000_0000;

fn with_area(client: &mut Client<'_>, area: u64) -> u32 {
    let memory = client.cut(VA, &AQL).unwrap();
    let sizes = sizes(client.world);
    let mut arg = abi::CreateQueue {
        ring_base_address: memory.va + 8192,
        write_pointer_address: memory.va + 56,
        read_pointer_address: memory.va + 128,
        ring_size: 4096,
        gpu_id: gpu().0,
        queue_type: abi::QUEUE_TYPE_COMPUTE_AQL,
        queue_percentage: 100,
        ctx_save_restore_address: area,
        ctx_save_restore_size: sizes.save_area,
        ctl_stack_size: sizes.control_stack,
        ..Default::default()
    };
    client.ok(0x02, &mut arg);
    arg.queue_id
}

fn sizes(world: &World) -> QueueBuffers {
    world.core.profile().devices[0].queue_buffers()
}

// Keeps: context-saved, GET_QUEUE_WAVE_STATE
#[test]
fn the_context_of_a_queue_that_leaves_the_hardware_is_saved_in_its_area_for_each_die() {
    let mut profile = Profile::named("gfx942").expect("compiled in");
    profile.devices[0].gpu_id.0 = gpu().0;
    let dies = u64::from(profile.devices[0].compute.xccs);
    assert!(dies > 1);
    let world = World::of(profile, Limits::default());
    let sizes = sizes(&world);
    let (each, stack) = (u64::from(sizes.save_area), sizes.control_stack);
    let mut client = world.client(1);
    let area = client.buffer(AREA, sizes.whole_save_area(sizes.save_area));
    let queue_id = with_area(&mut client, AREA);
    let at = |die: u64| area.offset + die * each;
    let scribble = |client: &Client<'_>| (0..dies).for_each(|die| client.poke(at(die), &[0xee; 24]));
    let check = |client: &Client<'_>, why: &str| {
        for die in 0..dies {
            let mut header = [0; 24];
            client.peek_all(at(die), &mut header);
            assert_eq!(header[..16], saved(stack), "{why}, die {die}");
            assert_eq!(header[16..], [0xee; 8], "the rest is the client's");
        }
    };
    scribble(&client);
    world.core.evict(client.process, Reason::Request);
    check(&client, "evicted");
    world.core.restore(client.process, Reason::Request);
    scribble(&client);
    client.ok(0x07, &mut abi::UpdateQueue { queue_id, ..Default::default() });
    check(&client, "disabled");
    let mut wave = abi::GetQueueWaveState {
        ctl_stack_address: 0x5000,
        queue_id,
        ctl_stack_used_size: 9,
        save_area_used_size: 9,
        pad: 0,
    };
    let writes = client.ok(0x1b, &mut wave);
    assert_eq!((wave.ctl_stack_used_size, wave.save_area_used_size), (0, 0));
    let told: Vec<_> = writes.iter().map(|write| (write.va.0, write.bytes.clone())).collect();
    let expected: Vec<_> = (0..dies).map(|die| (0x5000 + die * each, saved(stack).to_vec())).collect();
    assert_eq!(told, expected);
    world.end();
}

// Keeps: context-saved
#[test]
fn an_area_in_client_memory_is_written_by_a_worker_and_one_that_is_nowhere_by_nobody() {
    let world = World::new();
    let mut client = world.client(1);
    let sizes = sizes(&world);
    client.userptr(AREA, sizes.whole_save_area(sizes.save_area));
    let queue_id = with_area(&mut client, AREA);
    world.outbox.take();
    world.core.evict(client.process, Reason::Request);
    let asked: Vec<_> = world
        .outbox
        .take()
        .into_iter()
        .filter_map(|n| if let Notice::Memory(r) = n { Some(r) } else { None })
        .collect();
    let [request] = &asked[..] else { panic!("{asked:?}") };
    let UserAccess::Write { va, bytes } = &request.access else { panic!("{request:?}") };
    assert_eq!((va.0, &bytes[..]), (AREA, &saved(sizes.control_stack)[..]));
    world.core.memory_answer(request.queue, request.ticket, UserAnswer::Failed);
    assert_eq!(reasons(&world, client.process), [Reason::Request], "nobody waits for its answer");
    client.destroy(queue_id).unwrap();
    world.end();
    // An older kernel does not look whether it is anywhere.
    let world = World::of(older(16), Limits::default());
    let mut other = world.client(2);
    with_area(&mut other, AREA);
    world.core.evict(other.process, Reason::Request);
    assert!(
        !world.outbox.take().iter().any(|n| matches!(n, Notice::Memory(_) | Notice::MemoryException { .. }))
    );
    world.end();
}

// Keeps: userptr-back
#[test]
fn client_memory_that_is_back_after_a_failed_access_is_no_exception() {
    let world = World::new();
    let mut client = world.client(1);
    let memory = client.userptr_cut(VA, &AQL);
    let queue = client.queue_in(memory).unwrap();
    client.ring(&queue);
    let mut answers = [UserAnswer::Failed, UserAnswer::Done(vec![0; 8])].into_iter();
    let mut evicted = Vec::new();
    for _ in 0..4 {
        for notice in world.settle() {
            assert!(!matches!(notice, Notice::MemoryException { .. }));
            if let Notice::Memory(request) = notice {
                let answer = answers.next().unwrap_or(UserAnswer::Done(vec![0; 8]));
                world.core.memory_answer(request.queue, request.ticket, answer);
            }
        }
        evicted.extend(reasons(&world, client.process));
        tick(&world, MS);
    }
    assert_eq!(evicted, [Reason::Userptr], "for the time of one restore");
    assert_ne!(world.core.queues()[0].state, QueueState::Stopped);
    world.end();
}

/// Engines, a client, evictions and a death, on real threads.
// Keeps: evicted-loses-nothing, evicted-dies
#[test]
fn evictions_race_engines_calls_and_deaths_and_leave_nothing() {
    let mut profile = gpu().2;
    profile.devices[0].queues.slots = 2;
    let world = World::of(profile, Limits::default());
    let curtain = Curtain::default();
    let running = || !curtain.is_down();
    std::thread::scope(|scope| {
        let _end = curtain.falls_at_the_end();
        for _ in 0..2 {
            scope.spawn(|| {
                while running() {
                    if world.core.run_next(world.core.now()) == Ran::Nothing {
                        for notice in world.outbox.take() {
                            if let Notice::Rearm { process, offset, len } = notice {
                                world.core.rearmed(process, offset, len);
                            }
                        }
                    }
                    world.clock.by(5_000);
                    world.core.tick(world.core.now());
                }
            });
        }
        scope.spawn(|| {
            let reasons = [Reason::Request, Reason::Memory, Reason::Overdrawn, Reason::Userptr];
            for round in 0.. {
                if !running() {
                    return;
                }
                for process in world.core.live() {
                    let reason = reasons[round % reasons.len()];
                    world.core.evict(process, reason);
                    drop(world.core.queues());
                    world.core.restore(process, reason);
                }
            }
        });
        let started = Instant::now();
        for tgid in 1.. {
            if started.elapsed() > Duration::from_secs(2) {
                break;
            }
            let mut client = world.client(tgid);
            let mut queues: Vec<_> = (0..4).map(|n| client.queue(VA + n * 0x10_0000)).collect();
            for queue in &mut queues {
                let signal = client.signal(queue, 0, 32, None);
                for _ in 0..32 {
                    client.push(queue, &barrier(&[], signal));
                }
                client.ring(queue);
            }
            let patience = Instant::now();
            while tgid % 2 == 0 && queues.iter().any(|queue| client.signal_value(queue, 0) != 0) {
                assert!(patience.elapsed() < Duration::from_secs(20), "{:?}", world.core.queues());
                std::thread::yield_now();
            }
            world.kill(client.process);
        }
    });
    world.end();
}
