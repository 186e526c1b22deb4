//! The read side.

use crate::ROUNDS;
use crate::liburcu::Liburcu;
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::measure::samples::nanos_per_call;
use kfd_tests::measure::{Goal, Turns, alternate, information, progress, ratio, remark};
use notifier::srcu::Domain;
use std::hint::black_box;
use std::sync::Barrier;

/// Sections of a round.
pub const READS: u32 = 2_000_000;

/// As C's readers are measured: the section's token and the domain's address may stay in registers. Nothing of it can
/// be optimised away, on any side: each enters and leaves by atomics or assembly.
pub fn ours(domain: &Domain) -> f64 {
    let domain = black_box(domain);
    nanos_per_call(READS, || drop(domain.read()))
}

/// One section, entered and left.
pub fn enter_and_exit(domain: &Domain, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let collector = seize::Collector::new();
    let mut own = || Ok(ours(domain));
    let mut pin = || Ok(nanos_per_call(READS, || drop(crossbeam_epoch::pin())));
    let mut enter = || {
        let collector = black_box(&collector);
        Ok(nanos_per_call(READS, || drop(collector.enter())))
    };
    let mut kovan = || Ok(nanos_per_call(READS, || drop(kovan::pin())));
    let mut sdd = || Ok(nanos_per_call(READS, || drop(sdd::Guard::new())));
    let (name, unit) = ("SRCU reader enter+exit", "ns");
    progress("readers");
    if let Some(liburcu) = liburcu {
        let mut urcu = || liburcu.measure("read", READS);
        let Turns { own: [own], floors: [urcu] } = alternate(ROUNDS, [&mut own], [&mut urcu])?;
        ratio(name, unit, own.median(), "liburcu-memb", &urcu, Goal::AtMost(0.75));
    }
    let Turns { own: [own], floors: [pin, enter, kovan, sdd] } =
        alternate(ROUNDS, [&mut own], [&mut pin, &mut enter, &mut kovan, &mut sdd])?;
    ratio(name, unit, own.median(), "crossbeam-epoch pin", &pin, Goal::AtMost(0.2));
    information(name, unit, own.median(), "seize enter+leave", &enter);
    information(name, unit, own.median(), "kovan pin", &kovan);
    information(name, unit, own.median(), "sdd guard", &sdd);
    Ok(())
}

/// Two threads at once against one alone, a thread.
pub fn two_threads(domain: &Domain, cpus: &Cpus, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let mut one = || Ok(ours(domain));
    let mut two = || {
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| -> anyhow::Result<f64> {
                let place = cpus.stay(Place::Second);
                start.wait();
                place.map(|()| ours(domain))
            });
            start.wait();
            let own = ours(domain);
            let other = other.join().map_err(|_| anyhow::anyhow!("a reader panicked"))??;
            Ok(f64::midpoint(own, other))
        })
    };
    let Turns { own: [two], floors: [one] } = alternate(ROUNDS, [&mut two], [&mut one])?;
    ratio("SRCU reader, 2 threads, a thread", "ns", two.median(), "1 thread", &one, Goal::AtMost(1.05));
    if let Some(liburcu) = liburcu {
        let mut single = 0.0;
        let mut double = 0.0;
        for _ in 0..3 {
            single += liburcu.measure("read", READS)?;
            double += liburcu.measure("read2", READS)?;
        }
        remark(&format!("  liburcu-memb, 2 threads against 1: {:.2} x", double / single));
    }
    Ok(())
}
