//! The update side: grace periods and the barrier.

use crate::ROUNDS;
use crate::beside::beside;
use crate::liburcu::Liburcu;
use crate::sys::{self, Objects};
use anyhow::bail;
use kfd_tests::measure::cpus::Cpus;
use kfd_tests::measure::samples::nanos_per_call;
use kfd_tests::measure::{Goal, Samples, Turns, absolute, alternate, progress, ratio, remark};
use notifier::srcu::Domain;
use std::hint::black_box;
use std::sync::{Barrier, Condvar, Mutex};
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
/// So many times as many barriers are tried until those of a round had something to wait for.
const MOST_EMPTY: u32 = 4;
const SLOW_ROUNDS: usize = 5;

fn micros(nanos: f64) -> f64 {
    nanos / 1000.0
}

/// A grace period while one thread enters and leaves sections all the time, on another CPU.
pub fn active_reader(domain: &Domain, cpus: &Cpus, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let name = "synchronize, one active reader";
    let (Some(liburcu), Some(_)) = (liburcu, cpus.are_two().then_some(())) else {
        remark(&format!("  {name}: left out, it needs liburcu and two CPUs"));
        return Ok(());
    };
    let (mut sections, mut of_urcu) = (Samples::default(), Samples::default());
    let mut own = || {
        let reading = || drop(black_box(domain.read()));
        let periods = || Ok(nanos_per_call(PERIODS, || domain.synchronize()));
        let beside = beside(cpus, u64::from(PERIODS), reading, periods)?;
        sections.add(beside.turns as f64 / f64::from(PERIODS));
        Ok(micros(beside.result))
    };
    let mut urcu = || {
        let (nanos, meanwhile) = liburcu.beside_reader("synchronize", PERIODS)?;
        of_urcu.add(meanwhile / f64::from(PERIODS));
        Ok(micros(nanos))
    };
    progress("grace periods beside a reader");
    let Turns { own: [own], floors: [urcu] } = alternate(ROUNDS, [&mut own], [&mut urcu])?;
    ratio(name, "us", own.median(), "liburcu-memb", &urcu, Goal::AtMost(0.55));
    remark(&format!(
        "  sections of the reader a grace period: {:.0}, of liburcu's: {:.0}",
        sections.median(),
        of_urcu.median()
    ));
    Ok(())
}

/// What barriers took, in microseconds.
#[derive(Default)]
struct Barriers {
    singles: Samples,
    /// Those whose callback had run before the barrier began: not counted.
    empty: u32,
}

impl Barriers {
    /// A round of barriers that have a callback to wait for. It is queued under a section, so that it cannot run; the clock
    /// runs from the section's end, with which the reclaimer is woken. Whether it is still pending then is looked at.
    fn round(&mut self, domain: &Domain) -> anyhow::Result<f64> {
        let mut one = Objects::new(1);
        let (mut sum, mut counted) = (0.0, 0);
        for _ in 0..BARRIERS * MOST_EMPTY {
            let section = domain.read();
            one.call_all(domain);
            let started = Instant::now();
            drop(section);
            let pending = domain.pending() > 0;
            domain.barrier();
            let single = started.elapsed().as_secs_f64() * 1e6;
            if !pending {
                self.empty += 1;
                continue;
            }
            self.singles.add(single);
            sum += single;
            counted += 1;
            if counted == BARRIERS {
                return Ok(sum / f64::from(counted));
            }
        }
        bail!("of {} barriers only {counted} had a callback to wait for", BARRIERS * MOST_EMPTY)
    }

    fn remark(&self, among: &str) {
        remark(&format!(
            "  barriers {among}: half within {:.2} us, nine in ten within {:.2} us, 99 of 100 within {:.2} us; {} besides had \
             nothing left to wait for",
            self.singles.median(),
            self.singles.at(0.9),
            self.singles.at(0.99),
            self.empty
        ));
    }
}

/// One pending callback and a barrier, with no other thread.
pub fn barrier(domain: &Domain, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    progress("barriers");
    sys::reclaimer_waits_its_turn(domain.name())?;
    let mut spread = Barriers::default();
    let mut own = || spread.round(domain);
    let name = "barrier, callback pending";
    let own = if let Some(liburcu) = liburcu {
        let mut urcu = || liburcu.measure("barrier-pending", SLOW_BARRIERS).map(micros);
        let Turns { own: [own], floors: [urcu] } = alternate(SLOW_ROUNDS, [&mut own], [&mut urcu])?;
        ratio(name, "us", own.median(), "liburcu rcu_barrier", &urcu, Goal::AtMost(0.001));
        own
    } else {
        let Turns { own: [own], floors: [] } = alternate(ROUNDS, [&mut own], [])?;
        own
    };
    absolute(&format!("{name}, no other thread"), "us", own.median(), Goal::AtMost(6.0));
    spread.remark("with no other thread");
    Ok(())
}

/// A grace period and a barrier among many threads that sleep. Last: liburcu's program keeps its threads.
pub fn idle_threads(domain: &Domain, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
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
    let mut spread = Barriers::default();
    let mut barrier = || spread.round(domain);
    progress("grace periods and barriers among idle threads");
    let (name, barriers) = (format!("synchronize, {IDLE} idle threads"), "barrier, callback pending");
    if let Some(liburcu) = liburcu {
        liburcu.measure("idle", IDLE)?;
        let mut urcu = || liburcu.measure("synchronize", SLOW_PERIODS).map(micros);
        let Turns { own: [own], floors: [urcu] } = alternate(ROUNDS, [&mut own], [&mut urcu])?;
        ratio(&name, "us", own.median(), "liburcu-memb", &urcu, Goal::AtMost(0.1));
        let mut urcu = || liburcu.measure("barrier-pending", SLOW_BARRIERS).map(micros);
        let Turns { own: [barrier], floors: [urcu] } = alternate(SLOW_ROUNDS, [&mut barrier], [&mut urcu])?;
        let name = format!("{barriers}, {IDLE} idle threads");
        ratio(&name, "us", barrier.median(), "liburcu rcu_barrier", &urcu, Goal::AtMost(0.005));
    }
    let Turns { own: [own, barrier], floors: [bare] } =
        alternate(ROUNDS, [&mut own, &mut barrier], [&mut bare])?;
    ratio(&name, "us", own.median(), "a bare membarrier", &bare, Goal::AtMost(1.2));
    absolute(&format!("{barriers}, {IDLE} idle threads"), "us", barrier.median(), Goal::AtMost(6.0));
    remark(&format!(
        "  p90 of the rounds: synchronize {:.2} us, barrier {:.2} us",
        own.at(0.9),
        barrier.at(0.9)
    ));
    spread.remark("among idle threads");
    Ok(())
}
