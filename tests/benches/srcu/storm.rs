//! A reader while an updater runs one grace period after the other, and how long the slow ones of those take.

use crate::ROUNDS;
use crate::liburcu::Liburcu;
use crate::measure::{Goal, Samples, interleaved, ratio, remark};
use crate::read::ours;
use crate::sync::{AtomicBool, Ordering};
use notifier::srcu::Domain;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Instant;

/// Grace periods whose spread is taken.
const PERIODS: u32 = 2_000;

/// Runs `measured` while another thread repeats `storm`.
fn beside<R>(mut storm: impl FnMut() + Send, measured: impl FnOnce() -> R) -> R {
    let stop = AtomicBool::new(false);
    let ready = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            storm();
            ready.wait();
            while !stop.load(Ordering::Relaxed) {
                storm();
            }
        });
        ready.wait();
        let result = measured();
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// The read side under a storm of grace periods, beside the same without, and beside crossbeam-epoch under as many pins
/// that flush. Each of our periods interrupts the reader by a membarrier; a fenced domain's do not.
pub fn reader(domain: &Domain) -> anyhow::Result<()> {
    let mut calm = || Ok(ours(domain));
    let mut storm = || Ok(beside(|| domain.synchronize(), || ours(domain)));
    let fenced = Domain::with_reader("bench-fenced", notifier::srcu::ReaderKind::Fenced)?;
    let mut locked = || Ok(beside(|| fenced.synchronize(), || ours(&fenced)));
    let mut pins = || {
        let flood = || {
            let guard = crossbeam_epoch::pin();
            guard.defer(|| ());
            guard.flush();
        };
        Ok(beside(flood, || {
            crate::measure::samples::nanos_per_call(crate::read::READS, || drop(crossbeam_epoch::pin()))
        }))
    };
    let [calm, storm, locked, pins] = interleaved(ROUNDS, [&mut calm, &mut storm, &mut locked, &mut pins])?;
    let name = "SRCU reader under an updater storm";
    ratio(name, "ns", storm.median(), "crossbeam-epoch under one", pins.median(), Goal::AtMost(1.0));
    remark(&format!(
        "  the same without a storm {:.2} ns; a fenced domain under one {:.2} ns",
        calm.median(),
        locked.median()
    ));
    Ok(())
}

/// The 99th of 100 grace periods beside a reader, and with none.
pub fn updater(domain: &Arc<Domain>, liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let spread = || {
        let timed = (0..PERIODS).map(|_| {
            let started = Instant::now();
            domain.synchronize();
            started.elapsed().as_secs_f64() * 1e6
        });
        timed.collect::<Samples>()
    };
    let mut alone = || Ok(spread().at(0.99));
    let mut reading = || Ok(beside(|| drop(black_box(domain.read())), spread).at(0.99));
    let name = "synchronize p99";
    let Some(liburcu) = liburcu else {
        let [alone, reading] = interleaved(ROUNDS, [&mut alone, &mut reading])?;
        remark(&format!(
            "  {name}: {:.2} us alone, {:.2} us beside a reader",
            alone.median(),
            reading.median()
        ));
        return Ok(());
    };
    let liburcu = std::cell::RefCell::new(liburcu);
    let mut urcu_alone = || Ok(liburcu.borrow_mut().measure("synchronize-p99", PERIODS)? / 1000.0);
    let mut urcu_reading = || {
        let mut liburcu = liburcu.borrow_mut();
        liburcu.measure("active", 1)?;
        let nanos = liburcu.measure("synchronize-p99", PERIODS)?;
        liburcu.measure("active", 0)?;
        Ok(nanos / 1000.0)
    };
    let sides: [crate::measure::samples::Side<'_>; 4] =
        [&mut alone, &mut urcu_alone, &mut reading, &mut urcu_reading];
    let [alone, urcu_alone, reading, urcu_reading] = interleaved(ROUNDS, sides)?;
    ratio(
        &format!("{name}, alone"),
        "us",
        alone.median(),
        "liburcu-memb",
        urcu_alone.median(),
        Goal::AtMost(1.0),
    );
    ratio(
        &format!("{name}, one active reader"),
        "us",
        reading.median(),
        "liburcu-memb",
        urcu_reading.median(),
        Goal::AtMost(1.0),
    );
    Ok(())
}
