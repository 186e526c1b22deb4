//! How fast packets run, beside threads and servers that do the same without a queue.
//!
//! The submitting client is this program (and, for many processes, children of it); the daemon is another process.

#[path = "../stage/mod.rs"]
mod stage;

mod copy;
mod flood;
mod latency;
mod parked;
mod rate;
mod ring;

use client::Device;
use kfd_tests::measure::cpus::{Cpus, Place};
use stage::bare::{self, BareFuse};
use stage::kfdd::Kfdd;

fn main() -> anyhow::Result<()> {
    stage::actor::enter_if_asked(&[bare::ROLES[0], bare::ROLES[1], flood::ROLE, parked::ROLE]);
    let daemon = Kfdd::start()?;
    let floor = BareFuse::start()?;
    {
        let device = Device::open(daemon.dev())?;
        let cpus = Cpus::find()?;
        // A trap is answered beside its client, as the bare server answers.
        cpus.stay(Place::First)?;
        daemon.keep(&cpus, Place::First)?;
        floor.keep(&cpus, Place::First)?;
        latency::idle(&device, &floor)?;
        // Clients and peers' first threads on one CPU, engines and peers' second threads on the other.
        daemon.keep(&cpus, Place::Second)?;
        latency::active(&device, &cpus)?;
        let mut rates = rate::Rates::new(&device)?;
        rates.shared(&cpus)?;
        rates.userptr(&cpus)?;
        copy::linear(&device)?;
        flood::many(&daemon, &mut rates)?;
        cpus.stay(Place::Anywhere)?;
        daemon.keep(&cpus, Place::Anywhere)?;
    }
    parked::parked(&daemon)?;
    drop(floor);
    daemon.stop()
}
