//! The update side: grace periods and the barrier.

use crate::ROUNDS;
use crate::liburcu::Liburcu;
use crate::measure::samples::nanos_per_call;
use crate::measure::{Goal, absolute, interleaved, ratio, remark};
use crate::sync::{AtomicBool, Ordering};
use crate::sys::{self, Objects};
use notifier::srcu::Domain;
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::time::Instant;

/// Grace periods of a round.
const PERIODS: u32 = 500;
/// Those of liburcu with many threads, which are slow.
const SLOW_PERIODS: u32 = 20;
/// Threads that have read once and sleep.
const IDLE: u32 = 1000;
/// Barriers of a round, and of liburcu's, which polls.
const BARRIERS: u32 = 500;
const SLOW_BARRIERS: u32 = 3;
const SLOW_ROUNDS: usize = 5;

fn micros(nanos: f64) -> f64 {
    nanos / 1000.0
}

/// A grace period while one thread enters and leaves sections all the time.
pub fn active_reader(domain: &Arc<Domain>, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let Some(liburcu) = liburcu else { return Ok(()) };
    let mut own = || {
        let stop = AtomicBool::new(false);
        let ready = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                drop(domain.read());
                ready.wait();
                while !stop.load(Ordering::Relaxed) {
                    drop(std::hint::black_box(domain.read()));
                }
            });
            ready.wait();
            let nanos = nanos_per_call(PERIODS, || domain.synchronize());
            stop.store(true, Ordering::Relaxed);
            Ok(micros(nanos))
        })
    };
    let mut urcu = || {
        liburcu.measure("active", 1)?;
        let nanos = liburcu.measure("synchronize", PERIODS)?;
        liburcu.measure("active", 0)?;
        Ok(micros(nanos))
    };
    let [own, urcu] = interleaved(ROUNDS, [&mut own, &mut urcu])?;
    ratio(
        "synchronize, one active reader",
        "us",
        own.median(),
        "liburcu-memb",
        urcu.median(),
        Goal::AtMost(0.55),
    );
    Ok(())
}

/// A barrier with one callback queued.
fn barriers(domain: &Domain) -> f64 {
    let mut one = Objects::new(1);
    let mut nanos = 0.0;
    for _ in 0..BARRIERS {
        one.call_all(domain);
        let started = Instant::now();
        domain.barrier();
        nanos += started.elapsed().as_secs_f64() * 1e9;
    }
    micros(nanos / f64::from(BARRIERS))
}

/// A barrier, with no other thread.
pub fn barrier(domain: &Domain, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let mut own = || Ok(barriers(domain));
    let own = if let Some(liburcu) = liburcu {
        let mut urcu = || liburcu.measure("barrier", SLOW_BARRIERS).map(micros);
        let [own, urcu] = interleaved(SLOW_ROUNDS, [&mut own, &mut urcu])?;
        ratio("barrier", "us", own.median(), "liburcu rcu_barrier", urcu.median(), Goal::AtMost(0.001));
        own
    } else {
        let [own] = interleaved(ROUNDS, [&mut own])?;
        own
    };
    absolute("barrier, no other thread", "us", own.median(), Goal::AtMost(6.0));
    Ok(())
}

/// A grace period and a barrier among many threads that sleep. Last: liburcu's program keeps its threads.
pub fn idle_threads(domain: &Arc<Domain>, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    sys::register_membarrier()?;
    let end = (Mutex::new(false), Condvar::new());
    let ready = Barrier::new(IDLE as usize + 1);
    std::thread::scope(|scope| {
        for _ in 0..IDLE {
            let sleeper = || {
                drop(domain.read());
                ready.wait();
                let mut ended = end.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                while !*ended {
                    ended = end.1.wait(ended).unwrap_or_else(std::sync::PoisonError::into_inner);
                }
            };
            let small = std::thread::Builder::new().stack_size(64 * 1024);
            small.spawn_scoped(scope, sleeper).expect("a machine for benches can hold a thousand threads");
        }
        ready.wait();
        // All are asleep by then.
        std::thread::sleep(std::time::Duration::from_millis(200));
        let result = among_idle(domain, liburcu);
        *end.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = true;
        end.1.notify_all();
        result
    })
}

fn among_idle(domain: &Domain, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let mut own = || Ok(micros(nanos_per_call(PERIODS, || domain.synchronize())));
    let mut bare = || {
        let mut failed = None;
        let nanos = nanos_per_call(PERIODS, || {
            if let Err(error) = sys::expedited() {
                failed = Some(error);
            }
        });
        failed.map_or(Ok(micros(nanos)), |error| Err(error.into()))
    };
    let mut barrier = || Ok(barriers(domain));
    let name = format!("synchronize, {IDLE} idle threads");
    let (own, bare, barrier) = if let Some(liburcu) = liburcu {
        liburcu.measure("idle", IDLE)?;
        let mut urcu = || liburcu.measure("synchronize", SLOW_PERIODS).map(micros);
        let [own, bare, barrier, urcu] = interleaved(ROUNDS, [&mut own, &mut bare, &mut barrier, &mut urcu])?;
        ratio(&name, "us", own.median(), "liburcu-memb", urcu.median(), Goal::AtMost(0.1));
        (own, bare, barrier)
    } else {
        let [own, bare, barrier] = interleaved(ROUNDS, [&mut own, &mut bare, &mut barrier])?;
        (own, bare, barrier)
    };
    ratio(&name, "us", own.median(), "a bare membarrier", bare.median(), Goal::AtMost(1.2));
    absolute(&format!("barrier, {IDLE} idle threads"), "us", barrier.median(), Goal::AtMost(6.0));
    remark(&format!(
        "  p90 of the rounds: synchronize {:.2} us, barrier {:.2} us",
        own.at(0.9),
        barrier.at(0.9)
    ));
    Ok(())
}
