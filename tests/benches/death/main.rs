//! How soon a death is noticed and undone, and what it costs, beside the same death without a daemon.
//!
//! Floors die in turns with the clients they are compared to, and use no device: a client's own waitpid also waits for the
//! daemon's answers to its FLUSH and RELEASE, so it would grow with what is measured.

#[path = "../stage/mod.rs"]
mod stage;

mod crowd;
mod single;

use kfd_tests::measure::cpus::{Cpus, Place};
use stage::client;
use stage::kfdd::Kfdd;

fn main() -> anyhow::Result<()> {
    stage::actor::enter_if_asked(&[client::ROLE, client::BARE_ROLE]);
    let cpus = Cpus::find()?;
    let daemon = Kfdd::start()?;
    // On two CPUs a floor's waiting thread is woken beside its child or not, as the scheduler likes: 150 us or 1350.
    daemon.keep(&cpus, Place::First)?;
    cpus.at(Place::First, || {
        single::noticed(&daemon)?;
        single::freed(&daemon)?;
        crowd::cpu(&daemon)
    })?;
    daemon.keep(&cpus, Place::Anywhere)?;
    single::large(&daemon)?;
    crowd::at_once(&daemon)?;
    daemon.stop()
}
