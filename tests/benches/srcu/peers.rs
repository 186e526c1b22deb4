//! Readers of other kinds: what they guard differs (one pointer, one value), so their lines say what a program would
//! pay for one protected look, and the goal is only not to be dearer.

use crate::liburcu::{Flavour, Liburcu};
use crate::measure::samples::nanos_per_call;
use crate::measure::{Goal, Samples, interleaved, ratio, remark};
use crate::read::{READS, ours};
use crate::{ROUNDS, sys};
use arc_swap::ArcSwap;
use notifier::srcu::Domain;
use std::hint::black_box;
use std::sync::{Arc, PoisonError, RwLock};

const NAME: &str = "SRCU reader enter+exit";

fn line(own: &Samples, peer: &str, of_peer: &Samples, most: f64) {
    ratio(NAME, "ns", own.median(), peer, of_peer.median(), Goal::AtMost(most));
}

/// One protected look each, and liburcu's other flavours.
pub fn readers(domain: &Domain) -> anyhow::Result<()> {
    let swap = ArcSwap::new(Arc::new(1_u64));
    let lock = RwLock::new(1_u64);
    let hazard = sys::Hazard::new();
    let mut own = || Ok(ours(domain));
    let mut load = || Ok(nanos_per_call(READS, || drop(black_box(black_box(&swap).load()))));
    let mut read = || {
        Ok(nanos_per_call(READS, || {
            drop(black_box(black_box(&lock).read().unwrap_or_else(PoisonError::into_inner)));
        }))
    };
    let mut protect = || Ok(hazard.nanos(READS));
    let [own, load, read, protect] = interleaved(ROUNDS, [&mut own, &mut load, &mut read, &mut protect])?;
    line(&own, "haphazard load", &protect, 1.0);
    line(&own, "arc-swap load", &load, 1.0);
    line(&own, "RwLock read", &read, 1.0);
    // A program that can tell its quiescent states pays nothing for a section; ours cannot ask that of its users.
    for flavour in [Flavour::Qsbr, Flavour::Bp] {
        other_flavour(domain, flavour)?;
    }
    Ok(())
}

fn other_flavour(domain: &Domain, flavour: Flavour) -> anyhow::Result<()> {
    let (peer, most) = match flavour {
        Flavour::Bp => ("liburcu-bp", 1.0),
        Flavour::Qsbr | Flavour::Memb => ("liburcu-qsbr", 5.0),
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
    let [own, urcu] = interleaved(ROUNDS, [&mut own, &mut urcu])?;
    line(&own, peer, &urcu, most);
    Ok(())
}
