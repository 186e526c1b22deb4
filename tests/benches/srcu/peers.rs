//! Readers of other kinds. What they guard differs (one pointer, one value), so their lines say what a program would pay
//! for one protected look; nothing is demanded of the ratio.

use crate::liburcu::{Flavour, Liburcu};
use crate::read::{READS, ours};
use crate::{ROUNDS, sys};
use arc_swap::ArcSwap;
use kfd_tests::measure::samples::nanos_per_call;
use kfd_tests::measure::{Floor, Samples, Turns, alternate, information, progress, remark};
use notifier::srcu::Domain;
use std::hint::black_box;
use std::sync::{Arc, PoisonError, RwLock};

const NAME: &str = "SRCU reader enter+exit";

fn line(own: &Samples, peer: &str, of_peer: &Floor) {
    information(NAME, "ns", own.median(), peer, of_peer);
}

/// One protected look each, and liburcu's other flavours.
pub fn readers(domain: &Domain) -> anyhow::Result<()> {
    let swap = ArcSwap::new(Arc::new(1_u64));
    let lock = RwLock::new(1_u64);
    let hazard = sys::Hazard::new();
    let mut own = || Ok(ours(domain));
    let mut load = || {
        let swap = black_box(&swap);
        Ok(nanos_per_call(READS, || drop(swap.load())))
    };
    let mut read = || {
        let lock = black_box(&lock);
        Ok(nanos_per_call(READS, || drop(lock.read().unwrap_or_else(PoisonError::into_inner))))
    };
    let mut protect = || Ok(hazard.nanos(READS));
    progress("readers of other kinds");
    let Turns { own: [own], floors: [load, read, protect] } =
        alternate(ROUNDS, [&mut own], [&mut load, &mut read, &mut protect])?;
    line(&own, "haphazard load", &protect);
    line(&own, "arc-swap load", &load);
    line(&own, "RwLock read", &read);
    // A program that can tell its quiescent states pays nothing for a section; ours cannot ask that of its users.
    for flavour in [Flavour::Qsbr, Flavour::Bp] {
        other_flavour(domain, flavour)?;
    }
    Ok(())
}

fn other_flavour(domain: &Domain, flavour: Flavour) -> anyhow::Result<()> {
    let peer = match flavour {
        Flavour::Memb => "liburcu-memb",
        Flavour::Bp => "liburcu-bp",
        Flavour::Qsbr => "liburcu-qsbr",
    };
    let mut liburcu = match Liburcu::start(flavour) {
        Ok(started) => started,
        Err(why) => {
            remark(&format!("  {peer} was left out: {why}"));
            return Ok(());
        }
    };
    let mut own = || Ok(ours(domain));
    let mut urcu = || liburcu.measure("read", READS);
    let Turns { own: [own], floors: [urcu] } = alternate(ROUNDS, [&mut own], [&mut urcu])?;
    line(&own, peer, &urcu);
    Ok(())
}
