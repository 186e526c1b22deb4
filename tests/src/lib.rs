//! The harness of the live tests: a real daemon, and real client processes that act by line.
//!
//! A test reads as a script: start a [`Kfdd`], start [`Actor`]s on it, tell them what to do, look at what the daemon
//! lists, and [`finish`](Kfdd::finish), which asserts that nothing at all was left.
//!
//! | module | what it holds |
//! |---|---|
//! | [`able`] | whether a live test can run here; a skip is said by name |
//! | [`program`] | where the built programs are |
//! | [`daemon`] | a daemon under test |
//! | [`actor`] | a client under test |
//! | [`task`] | what /proc says of a process |
//! | [`terminal`] | a program on a terminal, and its screen |
//! | [`python`] | the Python environment with tinygrad |
//! | [`hung`] | a file whose pages never arrive |
//! | [`tracer`] | a tracer that stalls a death |
//! | [`container`] | a container, by an OCI runtime or without one |
//! | [`compile`] | the C programs of `tests/clients` |
//! | [`hip`] | the HIP programs of `tests/clients/hip` |
//! | [`fuzz`] | a fuzzer for the parsers of client bytes |
//! | [`measure`] | the benches' figures: turns, floors, lines |
//!
//! Longer runs: `KFD_TEST_CYCLES` (queues made and destroyed, 2000), `KFD_TEST_CLIENTS` (held at once, 300),
//! `KFD_TEST_KILLS` (of the storm, 300).
//!
//! Not for: unit tests, which sit beside the code they are about.

pub mod able;
pub mod actor;
pub mod compile;
pub mod container;
pub mod daemon;
mod eventually;
pub mod fuzz;
pub mod hip;
pub mod hung;
pub mod measure;
pub mod program;
pub mod python;
mod sys;
pub mod task;
pub mod terminal;
pub mod tracer;

pub use actor::Actor;
pub use daemon::Kfdd;
pub use eventually::eventually;

/// `CLOCK_MONOTONIC` in nanoseconds, as the daemon's obituaries have it.
///
/// # Panics
/// There is no such clock.
#[must_use]
pub fn now() -> u64 {
    use kfd_core::clock::{Clock, Monotonic};
    Monotonic.now().0
}

/// The middle one of some measurements.
///
/// # Panics
/// There is none.
pub fn median<T: Copy + PartialOrd>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_by(|one, other| one.partial_cmp(other).expect("measurements can be ordered"));
    values[values.len() / 2]
}

/// A count of repetitions: `KFD_TEST_<NAME>` of the environment, or `otherwise`.
#[must_use]
pub fn times(name: &str, otherwise: u64) -> u64 {
    let asked = std::env::var(format!("KFD_TEST_{name}")).ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
