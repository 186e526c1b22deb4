//! The project's verbs: `cargo xtask demo | test | integration | bench | soak | check`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`packages`] | the Debian packages a verb uses: installed as root, otherwise named |
//! | [`contrib`], [`amdgpu_top`], [`python`] | nvtop from Debian's contrib, amdgpu_top from crates.io, tinygrad from PyPI |
//! | [`cargo`] | running cargo, and where it puts programs |
//! | [`clients`] | the C programs, compiled |
//! | [`demo`] | the main job, shown |
//! | [`mod@test`] | every test, with the skipped ones named |
//! | [`integration`] | clients of other releases |
//! | [`watchdog`] | what a program says, and an end to its silence |
//! | [`mod@bench`] | the speed table |
//! | [`soak`] | the long modes |
//! | [`check`] | format, lints, docs, licences |
//! | [`imports`] | which file names which: no circles |
//! | [`promises`] | the promises held against the tests that keep them |

mod amdgpu_top;
mod bench;
mod boundaries;
mod cargo;
mod check;
mod clients;
mod contrib;
mod demo;
mod imports;
mod integration;
mod packages;
mod promises;
mod python;
mod soak;
mod test;
mod watchdog;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The project's verbs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Set up what is needed and show the main job: daemon, rocminfo, packets, kernels, a kill storm, the empty leak report
    Demo(demo::Options),
    /// Set up what is needed and run all tests
    Test(test::Options),
    /// Run the clients of other Debian releases, each in a root of its release that is made once
    Integration(integration::Options),
    /// Measure and print the speed table
    Bench(bench::Options),
    /// Run a long mode
    Soak(soak::Options),
    /// Format, lints, documentation, dependencies and licences: what CI checks besides the tests
    Check,
}

fn main() -> ExitCode {
    let done = match Options::parse().verb {
        Verb::Demo(options) => demo::run(&options),
        Verb::Test(options) => test::run(&options),
        Verb::Integration(options) => integration::run(&options),
        Verb::Bench(options) => bench::run(&options),
        Verb::Soak(options) => soak::run(&options),
        Verb::Check => check::run(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
