//! Callbacks with an allocation and a free each, as a user of the safe face pays them.
//!
//! Each side is a process of its own (this program, with another argument): a heap keeps what the side before has left in
//! it, and all sides would be measured on the others' heaps.

use crate::ROUNDS;
use crate::asked::Asked;
use crate::callbacks::{FLOOD, PER_PIN, crossbeam_settle, last, nanos_since, rate};
use crate::liburcu::Liburcu;
use crate::sync::{AtomicU64, Ordering};
use crate::sys::{self, Payload};
use kfd_tests::measure::{Goal, Samples, Turns, alternate, information, progress, ratio, remark};
use notifier::srcu::{Domain, Retirable};
use std::process::Command;
use std::time::Instant;

/// The argument before a side's name.
pub const ARGUMENT: &str = "--retire";

const OWN: &str = "own";
const CROSSBEAM: &str = "crossbeam";
const SEIZE: &str = "seize";
const KOVAN: &str = "kovan";
const SDD: &str = "sdd";

/// A side's process: a line in, nanoseconds for each object out. What is asked for does not matter.
pub fn side(name: &str) -> anyhow::Result<()> {
    let domain = Domain::new("bench");
    let turn = || match name {
        CROSSBEAM => crossbeam(),
        SEIZE => seize(),
        KOVAN => kovan(),
        SDD => sdd(),
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

fn kovan() {
    let target = sys::last_freed() + 1;
    let mut left = FLOOD;
    while left > 0 {
        let guard = kovan::pin();
        for _ in 0..left.min(PER_PIN) {
            sys::kovan_retire([u64::from(left); 4]);
        }
        drop(guard);
        left -= left.min(PER_PIN);
    }
    sys::kovan_retire_last();
    while sys::last_freed() < target {
        kovan::flush();
    }
}

/// Owned values are handed to the collector when they are dropped; what is retired last is freed last.
fn sdd() {
    let target = sys::last_freed() + 1;
    let mut left = FLOOD;
    while left > 0 {
        let guard = sdd::Guard::new();
        for _ in 0..left.min(PER_PIN) {
            drop(sdd::Owned::<Payload>::new([u64::from(left); 4]));
        }
        drop(guard);
        left -= left.min(PER_PIN);
    }
    drop(sdd::Owned::new(sys::Last));
    while sys::last_freed() < target {
        sdd::Guard::new().accelerate();
    }
}

/// Every side's rate.
pub fn rates(liburcu: Option<&mut Liburcu>) -> anyhow::Result<()> {
    let start = |side: &str| Asked::start(Command::new(std::env::current_exe()?).args([ARGUMENT, side]));
    let (mut own, mut crossbeam, mut seize) = (start(OWN)?, start(CROSSBEAM)?, start(SEIZE)?);
    let (mut kovan, mut sdd) = (start(KOVAN)?, start(SDD)?);
    let mut own = || own.ask("").map(rate);
    let mut crossbeam = || crossbeam.ask("").map(rate);
    let mut seize = || seize.ask("").map(rate);
    let mut kovan = || kovan.ask("").map(rate);
    let mut sdd = || sdd.ask("").map(rate);
    progress("callbacks with malloc and free");
    let Turns { own: [own], floors: [crossbeam, seize, kovan, sdd] } =
        alternate(ROUNDS, [&mut own], [&mut crossbeam, &mut seize, &mut kovan, &mut sdd])?;
    let (peer, best) = if crossbeam.median() > seize.median() {
        ("crossbeam-epoch (the best of it and seize)", &crossbeam)
    } else {
        ("seize (the best of it and crossbeam-epoch)", &seize)
    };
    let (name, unit) = ("SRCU callbacks with malloc and free", "M/s");
    ratio(name, unit, own.median(), peer, best, Goal::AtLeast(1.0));
    information(name, unit, own.median(), "kovan", &kovan);
    information(name, unit, own.median(), "sdd", &sdd);
    remark(&format!("  crossbeam-epoch {:.2} M/s, seize {:.2} M/s", crossbeam.median(), seize.median()));
    if let Some(liburcu) = liburcu {
        let urcu = (0..3).map(|_| liburcu.measure("flood-malloc", FLOOD).map(rate));
        let urcu = urcu.collect::<anyhow::Result<Samples>>()?;
        remark(&format!("  liburcu {:.2} M/s", urcu.median()));
    }
    Ok(())
}
