//! A reader while an updater runs one grace period after the other, and how long the slow ones of those take.

use crate::ROUNDS;
use crate::beside::beside;
use crate::liburcu::Liburcu;
use crate::read::{READS, ours};
use kfd_tests::measure::cpus::Cpus;
use kfd_tests::measure::samples::nanos_per_call;
use kfd_tests::measure::{Goal, Samples, Turns, alternate, information, progress, ratio, remark};
use notifier::srcu::Domain;
use std::hint::black_box;
use std::time::Instant;

/// Grace periods whose spread is taken.
const PERIODS: u32 = 2_000;
/// Grace periods during a round of reading, at least.
const STORM: u64 = 20;

/// The read side under a storm of grace periods, beside the same without, and beside crossbeam-epoch under as many pins
/// that flush. Each of our periods interrupts the reader by a membarrier; a fenced domain's do not.
pub fn reader(domain: &Domain, cpus: &Cpus) -> anyhow::Result<()> {
    let name = "SRCU reader under an updater storm";
    if !cpus.are_two() {
        remark(&format!("  {name}: left out, it needs two CPUs"));
        return Ok(());
    }
    let mut calm = || Ok(ours(domain));
    let mut storm = || Ok(beside(cpus, STORM, || domain.synchronize(), || Ok(ours(domain)))?.result);
    let fenced = Domain::with_reader("bench-fenced", notifier::srcu::ReaderKind::Fenced)?;
    let mut locked = || Ok(beside(cpus, STORM, || fenced.synchronize(), || Ok(ours(&fenced)))?.result);
    let mut pins = || {
        let flood = || {
            let guard = crossbeam_epoch::pin();
            guard.defer(|| ());
            guard.flush();
        };
        Ok(beside(cpus, STORM, flood, || Ok(nanos_per_call(READS, || drop(crossbeam_epoch::pin()))))?.result)
    };
    progress("readers under a storm of grace periods");
    let Turns { own: [storm], floors: [calm, locked, pins] } =
        alternate(ROUNDS, [&mut storm], [&mut calm, &mut locked, &mut pins])?;
    ratio(name, "ns", storm.median(), "the same without", &calm, Goal::AtMost(1.5));
    information(name, "ns", storm.median(), "a fenced domain under one", &locked);
    information(name, "ns", storm.median(), "crossbeam-epoch under one", &pins);
    Ok(())
}

/// The 99th of 100 grace periods beside a reader, and with none.
pub fn updater(domain: &Domain, cpus: &Cpus, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let spread = || {
        let timed = (0..PERIODS).map(|_| {
            let started = Instant::now();
            domain.synchronize();
            started.elapsed().as_secs_f64() * 1e6
        });
        timed.collect::<Samples>()
    };
    let mut alone = || Ok(spread().at(0.99));
    let mut reading = || {
        let reader = || drop(black_box(domain.read()));
        Ok(beside(cpus, u64::from(PERIODS), reader, || Ok(spread()))?.result.at(0.99))
    };
    let name = "synchronize p99";
    let Some(liburcu) = liburcu.filter(|_| cpus.are_two()) else {
        let Turns { own: [alone], floors: [] } = alternate(ROUNDS, [&mut alone], [])?;
        remark(&format!(
            "  {name}: {:.2} us alone; its lines are left out, they need liburcu and two CPUs",
            alone.median()
        ));
        return Ok(());
    };
    let liburcu = std::cell::RefCell::new(liburcu);
    let mut urcu_alone = || Ok(liburcu.borrow_mut().measure("synchronize-p99", PERIODS)? / 1000.0);
    let mut urcu_reading = || {
        let (nanos, _) = liburcu.borrow_mut().beside_reader("synchronize-p99", PERIODS)?;
        Ok(nanos / 1000.0)
    };
    progress("slow grace periods");
    let Turns { own: [alone, reading], floors: [urcu_alone, urcu_reading] } =
        alternate(ROUNDS, [&mut alone, &mut reading], [&mut urcu_alone, &mut urcu_reading])?;
    information(&format!("{name}, alone"), "us", alone.median(), "liburcu-memb", &urcu_alone);
    information(&format!("{name}, one active reader"), "us", reading.median(), "liburcu-memb", &urcu_reading);
    Ok(())
}
