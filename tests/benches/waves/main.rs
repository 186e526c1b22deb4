//! Kernels: how fast they run beside the same ones compiled for this machine, what a dispatch costs, and what a kernel that
//! never ends costs others.
//!
//! | file | what |
//! |---|---|
//! | `program` | the HIP program and its OpenCL twin, built and asked for one measurement after the other |
//! | `beside` | HIP on one core beside PoCL on the same |
//! | `speed` | vector instructions a second, two cores beside one, a large product |
//! | `latency` | a kernel that ends at once, on active and idle queues |
//! | `endless` | deaths in the middle of a kernel that never ends, and its neighbour |
//! | `lives` | whole lives with one dispatch |
//! | `size` | the program that runs waves |
//!
//! Both programs are C: `program.c` with `hip.h` or `opencl.h`, and `kernels.inc`, which both compile.

#[path = "../stage/mod.rs"]
mod stage;

mod beside;
mod endless;
mod latency;
mod lives;
mod program;
mod size;
mod speed;

use kfd_tests::measure::cpus::{Cpus, Place};
use program::Programs;
use stage::kfdd::Kfdd;
use stage::{bare, parts};
use std::cell::OnceCell;

/// A daemon that executes dispatches.
fn daemon() -> anyhow::Result<Kfdd> {
    Kfdd::start_with(&["--waves", "run"])
}

/// The same, there from its start: its workers have a thread for each CPU that it finds.
fn daemon_at(cpus: &Cpus, place: Place) -> anyhow::Result<Kfdd> {
    cpus.at(place, daemon)
}

fn main() -> anyhow::Result<()> {
    stage::actor::enter_if_asked(&[
        bare::ROLES[0],
        bare::ROLES[1],
        endless::ENDLESS,
        endless::HOG,
        lives::ROLES[0],
        lives::ROLES[1],
        lives::ROLES[2],
    ]);
    let cpus = Cpus::find()?;
    let built = OnceCell::new();
    let programs = || match built.get() {
        Some(programs) => anyhow::Ok(programs),
        None => Programs::build().map(|programs| built.get_or_init(|| programs)),
    };
    parts::measure(&[
        ("beside", &|| beside::beside(programs()?, &cpus)),
        ("speed", &|| speed::speed(programs()?, &cpus)),
        ("latency", &|| latency::latency(&cpus)),
        ("endless", &endless::endless),
        ("lives", &lives::lives),
        ("size", &size::size),
    ])
}
