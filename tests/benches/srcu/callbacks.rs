//! Callbacks: what queueing one costs, and how many run in a second. What is allocated for them is in `retire.rs`.

use crate::ROUNDS;
use crate::liburcu::Liburcu;
use crate::sync::{AtomicU64, Ordering};
use crate::sys::{self, Objects};
use anyhow::ensure;
use kfd_tests::measure::{Goal, Turns, absolute, alternate, information, progress, ratio, remark};
use notifier::srcu::Domain;
use std::time::Instant;

/// Objects that fit into a second-level cache.
const CALLS: u32 = 20_000;
/// Callbacks of one flood.
pub const FLOOD: u32 = 300_000;
/// Deferrals under one pin: so that the pin itself hardly counts.
pub const PER_PIN: u32 = 128;
/// Turns of which the last counts, on every side: between two rounds the others have had the CPUs and their caches.
const TURNS: usize = 2;

pub fn nanos_since(started: Instant, count: u32) -> f64 {
    started.elapsed().as_secs_f64() * 1e9 / f64::from(count)
}

/// Nanoseconds of the last of some turns.
pub fn last(mut turn: impl FnMut() -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    let mut nanos = 0.0;
    for _ in 0..TURNS {
        nanos = turn()?;
    }
    Ok(nanos)
}

/// Defers `count` closures of one word by crossbeam-epoch.
fn crossbeam_defer(count: u32) {
    let mut left = count;
    while left > 0 {
        let guard = crossbeam_epoch::pin();
        for _ in 0..left.min(PER_PIN) {
            guard.defer(move || std::hint::black_box(left));
        }
        left -= left.min(PER_PIN);
    }
}

/// Queueing alone: under an open section, so that no callback runs meanwhile, on this CPU or another. What both together
/// cost is `rate_preallocated`'s to say; the figure without the section is printed without a goal.
pub fn call(domain: &Domain, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let (mut free, mut held) = (Objects::new(CALLS as usize), Objects::new(CALLS as usize));
    progress("callbacks queued");
    let queue = |objects: &mut Objects, section: bool| {
        last(|| {
            objects.leave();
            let section = section.then(|| domain.read());
            let started = Instant::now();
            objects.call_all(domain);
            let nanos = nanos_since(started, CALLS);
            drop(section);
            domain.barrier();
            Ok(nanos)
        })
    };
    let Turns { own: [running], floors: [under_section] } =
        alternate(ROUNDS, [&mut || queue(&mut free, false)], [&mut || queue(&mut held, true)])?;
    let mut own = || queue(&mut held, true);
    let mut defer = || {
        last(|| {
            let started = Instant::now();
            crossbeam_defer(CALLS);
            Ok(nanos_since(started, CALLS))
        })
    };
    let (name, unit) = ("SRCU call", "ns");
    if let Some(liburcu) = liburcu {
        let mut urcu = || liburcu.measure("call", CALLS);
        let Turns { own: [own], floors: [urcu] } = alternate(ROUNDS, [&mut own], [&mut urcu])?;
        ratio(name, unit, own.median(), "liburcu call_rcu", &urcu, Goal::AtMost(0.15));
    }
    let Turns { own: [own], floors: [defer] } = alternate(ROUNDS, [&mut own], [&mut defer])?;
    ratio(name, unit, own.median(), "crossbeam defer", &defer, Goal::AtMost(0.5));
    information(
        "SRCU call, callbacks run meanwhile",
        unit,
        running.median(),
        "under a section",
        &under_section,
    );
    Ok(())
}

/// Millions a second, from nanoseconds each.
pub fn rate(nanos: f64) -> f64 {
    1e3 / nanos
}

/// Waits until crossbeam has run what was deferred before `target` was reached.
pub fn crossbeam_settle(ran: &AtomicU64, target: u64) {
    while ran.load(Ordering::Acquire) < target {
        crossbeam_epoch::pin().flush();
    }
}

/// From the first queued to the last run; nothing is allocated.
pub fn rate_preallocated(domain: &Domain, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let mut objects = Objects::new(FLOOD as usize);
    let mut own = || {
        last(|| {
            let before = sys::ran();
            objects.leave();
            let started = Instant::now();
            objects.call_all(domain);
            domain.barrier();
            let nanos = nanos_since(started, FLOOD);
            ensure!(sys::ran() - before == u64::from(FLOOD), "every callback ran once");
            Ok(nanos)
        })
        .map(rate)
    };
    static RAN: AtomicU64 = AtomicU64::new(0);
    let mut crossbeam = || {
        last(|| {
            let target = RAN.load(Ordering::Acquire) + u64::from(FLOOD);
            let started = Instant::now();
            let mut left = FLOOD;
            while left > 0 {
                let guard = crossbeam_epoch::pin();
                for _ in 0..left.min(PER_PIN) {
                    guard.defer(|| RAN.fetch_add(1, Ordering::Release));
                }
                left -= left.min(PER_PIN);
            }
            crossbeam_settle(&RAN, target);
            Ok(nanos_since(started, FLOOD))
        })
        .map(rate)
    };
    let (name, unit) = ("SRCU callbacks, objects preallocated", "M/s");
    progress("floods of callbacks");
    if let Some(liburcu) = liburcu {
        let mut urcu = || liburcu.measure("flood", FLOOD).map(rate);
        let Turns { own: [own], floors: [urcu] } = alternate(ROUNDS, [&mut own], [&mut urcu])?;
        ratio(name, unit, own.median(), "liburcu", &urcu, Goal::AtLeast(5.0));
    }
    let Turns { own: [own], floors: [crossbeam] } = alternate(ROUNDS, [&mut own], [&mut crossbeam])?;
    ratio(name, unit, own.median(), "crossbeam-epoch", &crossbeam, Goal::AtLeast(1.5));
    Ok(())
}

/// What a pending callback takes, inside the object and elsewhere.
pub fn memory(domain: &Domain) {
    let mut objects = Objects::new(CALLS as usize);
    let reader = domain.read();
    let before = sys::allocated();
    objects.call_all(domain);
    let elsewhere = sys::allocated().saturating_sub(before) as f64 / f64::from(CALLS);
    drop(reader);
    domain.barrier();
    let inside = size_of::<notifier::srcu::Head>() as f64;
    absolute("memory per pending callback", "bytes", inside + elsewhere, Goal::AtMost(16.0));
    remark(&format!("  {inside:.0} inside the object, {elsewhere:.2} elsewhere"));
}
