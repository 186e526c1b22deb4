//! Dispatches on real threads: engines, an engine of waves that does what is wished, evictions, destroyed queues and deaths.

use super::engine::{dispatch, done, wish, world};
use crate::world::{Client, Curtain, World};
use kfd_core::Ran;
use kfd_core::dispatch::{DispatchOrder, Wish};
use kfd_core::eviction::Reason;
use kfd_core::notice::Notice;
use std::time::{Duration, Instant};

const VA: u64 = 0x7f10_0000_0000;
const DISPATCHES: i64 = 24;
/// More queues than slots.
const QUEUES: u64 = 3;
/// The fewest lives that count as a race.
const LIVES: u32 = 4;

fn engine(world: &World, curtain: &Curtain) {
    while !curtain.is_down() {
        if world.core.run_next(world.core.now()) == Ran::Nothing {
            std::thread::yield_now();
        }
        world.clock.by(2_000);
        world.core.tick(world.core.now());
    }
}

/// Runs what is wished to run, when it likes; answers now and then also what is not.
fn waves(world: &World, curtain: &Curtain) {
    let mut orders: Vec<DispatchOrder> = Vec::new();
    for round in 0u64.. {
        if curtain.is_down() {
            return;
        }
        for notice in world.outbox.take() {
            match notice {
                Notice::Dispatch(order) => orders.push(order),
                Notice::Rearm { process, offset, len } => world.core.rearmed(process, offset, len),
                _ => {}
            }
        }
        orders.retain(|order| match wish(world, order) {
            Wish::Cancel => {
                done(world, order);
                false
            }
            Wish::Pause => true,
            Wish::Run if (order.ticket + round).is_multiple_of(3) => true,
            Wish::Run => {
                done(world, order);
                false
            }
        });
        std::thread::yield_now();
    }
}

fn evictions(world: &World, curtain: &Curtain) {
    for round in 0.. {
        if curtain.is_down() {
            return;
        }
        for process in world.core.live() {
            let reason = [Reason::Request, Reason::Overdrawn][round % 2];
            world.core.evict(process, reason);
            world.core.restore(process, reason);
        }
        std::thread::yield_now();
    }
}

fn live(client: &mut Client<'_>, finishes: bool) {
    let mut queues: Vec<_> = (0..QUEUES).map(|n| client.queue(VA + n * 0x10_0000)).collect();
    for queue in &mut queues {
        let signal = client.signal(queue, 0, DISPATCHES, None);
        for _ in 0..DISPATCHES {
            client.push(queue, &dispatch(signal));
        }
        client.ring(queue);
    }
    let patience = Instant::now();
    for queue in queues.iter().filter(|_| finishes) {
        while client.signal_value(queue, 0) != 0 {
            assert!(patience.elapsed() < Duration::from_secs(60), "{:?}", client.core().queues());
            std::thread::yield_now();
        }
        assert_eq!(client.read_index(queue), DISPATCHES.cast_unsigned());
    }
    client.destroy(queues[0].id).unwrap();
}

// Keeps: dispatch-paused, dispatch-void
#[test]
fn dispatches_race_engines_evictions_and_deaths_and_none_is_lost_or_left() {
    let world = world(2);
    let curtain = Curtain::default();
    std::thread::scope(|scope| {
        let _end = curtain.falls_at_the_end();
        for _ in 0..2 {
            scope.spawn(|| engine(&world, &curtain));
        }
        scope.spawn(|| waves(&world, &curtain));
        scope.spawn(|| evictions(&world, &curtain));
        let started = Instant::now();
        for tgid in 1.. {
            if tgid > LIVES && started.elapsed() > Duration::from_secs(2) {
                break;
            }
            let mut client = world.client(tgid);
            live(&mut client, tgid % 2 == 0);
            world.kill(client.process);
        }
    });
    world.end();
}
