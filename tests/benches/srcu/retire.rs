//! Callbacks with an allocation and a free each, as a user of the safe face pays them.
//!
//! Each side is a process of its own (this program, with another argument): a heap keeps what the side before has left in
//! it, and all sides would be measured on the others' heaps.

use crate::ROUNDS;
use crate::asked::Asked;
use crate::callbacks::{FLOOD, PER_PIN, crossbeam_settle, last, nanos_since, rate};
use crate::liburcu::Liburcu;
use crate::measure::{Goal, Samples, interleaved, ratio, remark};
use crate::sync::{AtomicU64, Ordering};
use crate::sys::{self, Payload};
use notifier::srcu::{Domain, Retirable};
use std::process::Command;
use std::time::Instant;

/// The argument before a side's name.
pub const ARGUMENT: &str = "--retire";

/// Whose heap.
const OWN: &str = "own";
const CROSSBEAM: &str = "crossbeam";
const SEIZE: &str = "seize";

/// A side's process: a line in, nanoseconds for each object out. What is asked for does not matter.
pub fn side(name: &str) -> anyhow::Result<()> {
    let domain = Domain::new("bench");
    let turn = || match name {
        CROSSBEAM => crossbeam(),
        SEIZE => seize(),
        _ => own(&domain),
    };
    for line in std::io::stdin().lines() {
        line?;
        println!("{}", last(|| Ok(timed(turn)))?);
    }
    Ok(())
}

fn timed(turn: impl Fn()) -> f64 {
    let started = Instant::now();
    turn();
    nanos_since(started, FLOOD)
}

fn own(domain: &Domain) {
    for number in 0..u64::from(FLOOD) {
        Retirable::new([number; 4]).retire(domain);
    }
    domain.barrier();
}

fn crossbeam() {
    static FREED: AtomicU64 = AtomicU64::new(0);
    let target = FREED.load(Ordering::Acquire) + 1;
    let mut left = FLOOD;
    while left > 0 {
        let guard = crossbeam_epoch::pin();
        for _ in 0..left.min(PER_PIN) {
            sys::crossbeam_retire(&guard, [u64::from(left); 4]);
        }
        left -= left.min(PER_PIN);
    }
    // Bags are reclaimed oldest first: when this has run, all before it have.
    crossbeam_epoch::pin().defer(|| FREED.fetch_add(1, Ordering::Release));
    crossbeam_settle(&FREED, target);
}

/// What is in a batch that is not full is freed when the collector goes.
fn seize() {
    let collector = seize::Collector::new();
    let mut left = FLOOD;
    while left > 0 {
        let guard = collector.enter();
        for _ in 0..left.min(PER_PIN) {
            sys::seize_retire(&guard, Box::<Payload>::new([u64::from(left); 4]));
        }
        left -= left.min(PER_PIN);
    }
    drop(collector);
}

/// Every side's rate.
pub fn rates(liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let start = |side: &str| Asked::start(Command::new(std::env::current_exe()?).args([ARGUMENT, side]));
    let (mut own, mut crossbeam, mut seize) = (start(OWN)?, start(CROSSBEAM)?, start(SEIZE)?);
    let mut own = || own.ask("").map(rate);
    let mut crossbeam = || crossbeam.ask("").map(rate);
    let mut seize = || seize.ask("").map(rate);
    let [own, crossbeam, seize] = interleaved(ROUNDS, [&mut own, &mut crossbeam, &mut seize])?;
    let (peer, best) = if crossbeam.median() > seize.median() {
        ("crossbeam-epoch (the best of it and seize)", crossbeam.median())
    } else {
        ("seize (the best of it and crossbeam-epoch)", seize.median())
    };
    ratio("SRCU callbacks with malloc and free", "M/s", own.median(), peer, best, Goal::AtLeast(1.0));
    remark(&format!("  crossbeam-epoch {:.2} M/s, seize {:.2} M/s", crossbeam.median(), seize.median()));
    if let Some(liburcu) = liburcu {
        let urcu = (0..3).map(|_| liburcu.measure("flood-malloc", FLOOD).map(rate));
        let urcu = urcu.collect::<anyhow::Result<Samples>>()?;
        remark(&format!("  liburcu {:.2} M/s", urcu.median()));
    }
    Ok(())
}
