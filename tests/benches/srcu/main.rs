//! SRCU and callbacks beside crossbeam-epoch, seize, kovan, sdd, haphazard, arc-swap, a reader-writer lock and liburcu.
//!
//! liburcu is measured by a program of its own (`liburcu.c`), built when its headers are there; without them its lines
//! are left out and a remark says so. Both sides of a line take turns round by round. Whoever reads, or waits for a grace
//! period, stays on the first CPU; who queues callbacks runs anywhere, as it does in a program.

#[allow(dead_code, reason = "another bench uses the rest")]
#[path = "../stage/asked.rs"]
mod asked;
mod beside;
mod callbacks;
mod grace;
mod liburcu;
mod peers;
mod read;
mod retire;
mod storm;
mod sync;
mod sys;

use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::measure::remark;
use liburcu::{Flavour, Liburcu};
use notifier::srcu::Domain;

/// Rounds of most comparisons.
const ROUNDS: usize = 15;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != retire::ARGUMENT);
    if let Some(side) = arguments.nth(1) {
        return retire::side(&side);
    }
    let mut liburcu = match Liburcu::start(Flavour::Memb) {
        Ok(started) => Some(started),
        Err(why) => {
            remark(&format!("  the comparison with liburcu was left out: {why}"));
            None
        }
    };
    let domain = Domain::new("bench");
    let cpus = Cpus::find()?;
    let stay = |place: Place, liburcu: Option<&mut Liburcu>| -> anyhow::Result<()> {
        if let Some(liburcu) = liburcu {
            liburcu.stay(place)?;
        }
        cpus.stay(place)
    };
    stay(Place::First, liburcu.as_mut())?;
    read::enter_and_exit(&domain, liburcu.as_mut())?;
    read::two_threads(&domain, &cpus, liburcu.as_mut())?;
    peers::readers(&domain)?;
    storm::reader(&domain, &cpus)?;
    storm::updater(&domain, &cpus, liburcu.as_mut())?;
    stay(Place::Anywhere, liburcu.as_mut())?;
    callbacks::call(&domain, liburcu.as_mut())?;
    callbacks::rate_preallocated(&domain, liburcu.as_mut())?;
    retire::rates(liburcu.as_mut())?;
    callbacks::memory(&domain);
    stay(Place::First, liburcu.as_mut())?;
    grace::active_reader(&domain, &cpus, liburcu.as_mut())?;
    grace::barrier(&domain, liburcu.as_mut())?;
    grace::idle_threads(&domain, liburcu.as_mut())?;
    domain.barrier();
    Ok(())
}
