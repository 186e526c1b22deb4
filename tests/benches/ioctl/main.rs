//! What a call costs through the doors, beside servers that do nothing.
//!
//! The caller is this program; the daemon and the bare servers are processes of their own. All of them stay on one CPU: on
//! two, the scheduler's choice where to wake whom is ten times what is measured.

#[path = "../stage/mod.rs"]
mod stage;

mod launcher;
mod notify;
mod round_trip;

use client::Device;
use kfd_tests::measure::cpus::{Cpus, Place};
use stage::bare::{self, BareFuse};
use stage::kfdd::Kfdd;

/// Rounds of a comparison, and calls of a round.
const ROUNDS: usize = 25;
const CALLS: u32 = 2000;

fn main() -> anyhow::Result<()> {
    stage::actor::enter_if_asked(&[bare::ROLES[0], bare::ROLES[1], launcher::ROLE, notify::ROLE]);
    let cpus = Cpus::find()?;
    let daemon = Kfdd::start()?;
    let floor = BareFuse::start()?;
    let device = Device::open(daemon.dev())?;
    let file = floor.open()?;
    daemon.keep(&cpus, Place::First)?;
    floor.keep(&cpus, Place::First)?;
    cpus.stay(Place::First)?;
    round_trip::plain(&device, &file)?;
    round_trip::with_pointer(&device, &file)?;
    drop((device, file, floor));
    daemon.stop()?;
    cpus.stay(Place::Anywhere)?;
    launcher::round_trip(&cpus)
}
