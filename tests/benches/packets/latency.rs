//! One packet at a time, from the doorbell's store to the completion that the client sees.

use crate::stage::bare::{BareFuse, FILE_BYTES};
use crate::stage::shm::Shared;
use crate::stage::sync::{AtomicU64, Ordering};
use anyhow::Context;
use client::{Device, UserQueue};
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::measure::samples::median_nanos;
use kfd_tests::measure::{Goal, Samples, Turns, alternate, progress, ratio, remark};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Rounds, and packets of a round on an active queue.
const ROUNDS: usize = 25;
const PACKETS: u32 = 2000;
/// Packets of a round on an idle queue, and how long it is left alone before each.
const IDLE_PACKETS: u32 = 8;
const REST: Duration = Duration::from_millis(2);

/// Spins until it is so; gives the core away every few microseconds, in case the other side waits for this one.
pub fn spin_until(mut done: impl FnMut() -> bool) {
    let mut turns = 0u32;
    while !done() {
        turns = turns.wrapping_add(1);
        if turns.is_multiple_of(64) { std::thread::yield_now() } else { std::hint::spin_loop() }
    }
}

/// On a queue that the daemon polls.
pub fn active(device: &Device, cpus: &Cpus) -> anyhow::Result<()> {
    progress("packets of an active queue");
    let mut queue = UserQueue::create(device, 64)?;
    let done = queue.signal(1, None).context("a new queue has room for signals")?;
    let mut packets = || {
        Ok(median_nanos(PACKETS, || {
            queue.reset(done, 1, None);
            queue.submit_barrier(&[], Some(&done));
            spin_until(|| queue.value(done) == 0);
        }))
    };
    let Turns { own: [own], floors: [threads] } =
        alternate(ROUNDS, [&mut packets], [&mut || ping_pong(cpus)])?;
    ratio(
        "doorbell store to completion, active queue",
        "ns",
        own.median(),
        "ping-pong of two threads",
        &threads,
        Goal::AtMost(2.0),
    );
    queue.destroy(device)?;
    Ok(())
}

/// A word to another thread and one back, nanoseconds.
fn ping_pong(cpus: &Cpus) -> anyhow::Result<f64> {
    /// Each word on its own cache line, and on its neighbour's by no prefetcher.
    #[repr(align(128))]
    #[derive(Default)]
    struct Line(AtomicU64);
    let lines: [Line; 2] = Default::default();
    let nanos = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let pinned = cpus.stay(Place::Second);
            for turn in 1..=u64::from(PACKETS) {
                spin_until(|| lines[0].0.load(Ordering::Acquire) == turn);
                lines[1].0.store(turn, Ordering::Release);
            }
            pinned
        });
        // The first turn waits for the thread to be there.
        let mut turn = 0;
        let mut there_and_back = || {
            turn += 1;
            lines[0].0.store(turn, Ordering::Release);
            spin_until(|| lines[1].0.load(Ordering::Acquire) == turn);
        };
        there_and_back();
        let nanos = median_nanos(PACKETS - 1, there_and_back);
        other.join().map_err(|_| anyhow::anyhow!("the other thread panicked"))??;
        anyhow::Ok(nanos)
    })?;
    Ok(nanos)
}

/// On a queue whose doorbell page is a trap.
pub fn idle(device: &Device, floor: &BareFuse) -> anyhow::Result<()> {
    progress("packets of an idle queue");
    let mut queue = UserQueue::create(device, 64)?;
    let done = queue.signal(1, None).context("a new queue has room for signals")?;
    let mut packets = || {
        let mut single = Samples::default();
        for _ in 0..IDLE_PACKETS {
            std::thread::sleep(REST);
            queue.reset(done, 1, None);
            let started = Instant::now();
            queue.submit_barrier(&[], Some(&done));
            spin_until(|| queue.value(done) == 0);
            single.add(started.elapsed().as_secs_f64() * 1e6);
        }
        Ok(single.median())
    };
    let file = floor.open()?;
    let pages =
        Shared::of(file.as_fd(), 0, usize::try_from(FILE_BYTES)?).context("cannot map the bare file")?;
    let mut fresh = 0;
    let mut faults = || {
        let mut single = Samples::default();
        for _ in 0..IDLE_PACKETS {
            std::thread::sleep(REST);
            let started = Instant::now();
            pages.word(fresh * 4096).store(1, Ordering::Release);
            single.add(started.elapsed().as_secs_f64() * 1e6);
            fresh += 1;
        }
        Ok(single.median())
    };
    let Turns { own: [own], floors: [fault] } = alternate(ROUNDS, [&mut packets], [&mut faults])?;
    ratio(
        "doorbell store to completion, idle queue",
        "us",
        own.median(),
        "FUSE page-fault round trip",
        &fault,
        Goal::AtMost(1.5),
    );
    remark(&format!(
        "  p90 of the rounds' medians: {:.1} us, fault {:.1} us",
        own.at(0.9),
        fault.turns.at(0.9)
    ));
    drop(pages);
    queue.destroy(device)?;
    Ok(())
}
