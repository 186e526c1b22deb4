//! Teardown against everything else, on real threads and the real clock, for seconds.

use crate::world::{AQL, Aql, Client, Curtain, World, barrier};
use kfd_core::Ran;
use kfd_core::abi::kfd as abi;
use kfd_core::death::Cause;
use kfd_core::notice::Notice;
use std::collections::HashSet;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const VA: u64 = 0x7f10_0000_0000;
/// The fewest lives that count as a race.
const LIVES: usize = 12;

/// What the daemon's engine threads do.
fn engine(world: &World, curtain: &Curtain) {
    while !curtain.is_down() {
        match world.core.run_next(world.core.now()) {
            Ran::Nothing => {
                let mut kept = Vec::new();
                for notice in world.outbox.take() {
                    match notice {
                        Notice::Rearm { process, offset, len } => world.core.rearmed(process, offset, len),
                        Notice::Freed(_) => kept.push(notice),
                        _ => {}
                    }
                }
                for notice in kept {
                    kfd_core::notice::Outbox::post(&*world.outbox, notice);
                }
                std::thread::yield_now();
            }
            Ran::Worked | Ran::PollUntil(_) => world.clock.by(1_000),
        }
    }
}

/// A client's thread: makes, submits, waits and destroys until it is told that it is dead.
fn live(client: &mut Client<'_>, lane: u64) {
    let base = VA + lane * 0x1_0000_0000;
    let event = abi::CreateEvent { event_type: abi::EVENT_SIGNAL, auto_reset: 1, ..Default::default() };
    for round in 0.. {
        let Ok(memory) = client.cut(base + round * 0x10_0000, &AQL) else { return };
        let Ok(mut queue) = client.queue_in(memory) else { return };
        let signal = client.signal(&queue, 0, 4, None);
        for _ in 0..4 {
            client.push(&mut queue, &barrier(&[], signal));
        }
        client.ring(&queue);
        let mut made = event;
        if client.ioctl(0x08, &mut made, vec![]).is_err() {
            return;
        }
        let (_, outcome) = client.wait_raw(&[made.event_id], false, u32::MAX);
        drop(outcome);
        if finish(client, &queue).is_none() {
            return;
        }
    }
}

fn finish(client: &mut Client<'_>, queue: &Aql) -> Option<()> {
    client.destroy(queue.id).ok()?;
    client.give(queue.memory).ok()
}

// Keeps: death-one-author
#[test]
fn teardown_races_engines_and_calls_and_leaves_nothing() {
    let world = World::new();
    let curtain = Curtain::default();
    let seconds = Duration::from_secs(3);
    let mut lives = 0;
    std::thread::scope(|scope| {
        let _end = curtain.falls_at_the_end();
        for _ in 0..2 {
            scope.spawn(|| engine(&world, &curtain));
        }
        let started = Instant::now();
        let mut tgid = 1;
        // A machine that is busy with something else may get through few lives in that time.
        while started.elapsed() < seconds || lives < LIVES {
            let mut threads = Vec::new();
            for _ in 0..3 {
                tgid += 1;
                let mut client = world.client(tgid);
                let process = client.process;
                let world = &world;
                let thread = scope.spawn(move || live(&mut client, 1));
                threads.push((process, world, thread));
            }
            std::thread::sleep(Duration::from_millis(u64::from(tgid % 7)));
            for (process, world, _) in &threads {
                // Several triggers at once; one token.
                let tokens: Vec<_> = std::thread::scope(|triggers| {
                    let trigger = || world.core.doom(*process, Cause::Exited);
                    let started = [triggers.spawn(trigger), triggers.spawn(trigger)];
                    started.into_iter().filter_map(|t| t.join().unwrap()).collect()
                });
                assert_eq!(tokens.len(), 1);
                for token in tokens {
                    token.stop_queues(&world.core).answer_waiters(&world.core).unpublish(&world.core);
                    lives += 1;
                }
            }
            for (_, _, thread) in threads {
                thread.join().unwrap();
            }
        }
    });
    world.end();
    let freed: HashSet<_> =
        crate::world::obituaries(&world.outbox.take()).iter().map(|o| o.process).collect();
    assert_eq!(freed.len(), lives, "every life has one obituary");
}

/// Calls that are inside when the process is unpublished keep it until they leave, and the barrier waits for them.
// Keeps: death-frees-all
#[test]
fn many_threads_of_one_client_die_with_it() {
    let world = World::new();
    let client = world.client(1);
    let process = client.process;
    let (ready, others): (_, Receiver<()>) = channel();
    std::thread::scope(|scope| {
        for lane in 0..4 {
            let ready = ready.clone();
            let mut twin = client.twin(lane);
            scope.spawn(move || {
                ready.send(()).unwrap();
                live(&mut twin, lane);
            });
        }
        for _ in 0..4 {
            others.recv().unwrap();
        }
        std::thread::sleep(Duration::from_millis(50));
        world.kill(process);
    });
    world.end();
}

/// A death is not a fault: no engine mistakes the revoking of a process's addresses for an error of its client.
#[test]
fn a_death_in_the_middle_of_packets_is_no_memory_exception() {
    let world = World::new();
    for tgid in 1..=200 {
        let mut client = world.client(tgid);
        let mut queue = client.queue(VA);
        let signal = client.signal(&queue, 0, 64, None);
        for _ in 0..64 {
            client.push(&mut queue, &barrier(&[], signal));
        }
        client.ring(&queue);
        std::thread::scope(|scope| {
            scope.spawn(|| while world.core.run_next(world.core.now()) == Ran::Worked {});
            world.kill(client.process);
        });
        world.core.barrier();
    }
    let exceptions = world.outbox.take().into_iter().filter(|n| matches!(n, Notice::MemoryException { .. }));
    assert_eq!(exceptions.count(), 0);
    world.end();
}
