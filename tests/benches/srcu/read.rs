//! The read side.

use crate::ROUNDS;
use crate::liburcu::Liburcu;
use crate::measure::samples::nanos_per_call;
use crate::measure::{Goal, interleaved, ratio, remark};
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
    let (name, unit) = ("SRCU reader enter+exit", "ns");
    if let Some(liburcu) = liburcu {
        let mut urcu = || liburcu.measure("read", READS);
        let [own, pin, enter, urcu] = interleaved(ROUNDS, [&mut own, &mut pin, &mut enter, &mut urcu])?;
        ratio(name, unit, own.median(), "liburcu-memb", urcu.median(), Goal::AtMost(0.75));
        ratio(name, unit, own.median(), "crossbeam-epoch pin", pin.median(), Goal::AtMost(0.2));
        remark(&format!("  seize enter+leave: {:.2} ns", enter.median()));
    } else {
        let [own, pin, enter] = interleaved(ROUNDS, [&mut own, &mut pin, &mut enter])?;
        ratio(name, unit, own.median(), "crossbeam-epoch pin", pin.median(), Goal::AtMost(0.2));
        remark(&format!("  seize enter+leave: {:.2} ns", enter.median()));
    }
    Ok(())
}

/// Two threads at once against one alone, a thread.
pub fn two_threads(domain: &Domain, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let mut one = || Ok(ours(domain));
    let mut two = || {
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            let reading = || {
                start.wait();
                ours(domain)
            };
            let other = scope.spawn(reading);
            let own = reading();
            let other = other.join().map_err(|_| anyhow::anyhow!("a reader panicked"))?;
            Ok(f64::midpoint(own, other))
        })
    };
    let [one, two] = interleaved(ROUNDS, [&mut one, &mut two])?;
    ratio(
        "SRCU reader, 2 threads, a thread",
        "ns",
        two.median(),
        "1 thread",
        one.median(),
        Goal::AtMost(1.05),
    );
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
