//! `kfdctl`: runs commands against a kfdd and lists what it holds.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`run`] | `run`: a daemon, a private view, a command |
//! | [`enter`] | the process that becomes the command: enters the view, then execs |
//! | [`listing`] | `ps`, `queues`, `kernels` and `shares` |
//! | [`eviction`] | `evict` and `restore` |
//! | [`top`] | `top`: both listings again and again, with rates |
//! | [`topology`] | `topology`: what clients see of the machine |
//! | [`manual`] | `completions` and `man` |
//! | [`cdi`] | `cdi`: what a container is given |
//! | [`doctor`] | `doctor`: what this machine lacks |
//! | [`output`] | standard output that may be a closed pipe |

mod cdi;
mod cli;
mod doctor;
mod enter;
mod eviction;
mod fidelity;
mod listing;
mod manual;
mod output;
mod run;
mod top;
mod topology;

use clap::Parser;
use cli::{Cli, Verb};
use std::io::IsTerminal;
use std::process::ExitCode;

/// The command was not started: the view, the daemon or kfdctl itself failed (as `env` and `timeout` use it).
const EXIT_NOT_STARTED: u8 = 125;

fn main() -> ExitCode {
    door::workers::enter_if_asked();
    door::wave_workers::enter_if_asked();
    let verb = Cli::parse().verb;
    let launching = matches!(verb, Verb::Run(_) | Verb::Enter(_));
    log_to_stderr();
    let outcome = match verb {
        Verb::Run(asked) => run::run(&asked),
        Verb::Enter(asked) => enter::enter(&asked),
        Verb::Ps(asked) => listing::processes(&asked),
        Verb::Queues(asked) => listing::queues(&asked),
        Verb::Kernels(asked) => listing::kernels(&asked),
        Verb::Shares(asked) => listing::shares(&asked),
        Verb::Top(asked) => top::top(&asked),
        Verb::Topology(asked) => topology::topology(&asked),
        Verb::Evict(asked) => eviction::evict(&asked),
        Verb::Restore(asked) => eviction::restore(&asked),
        Verb::Cdi(asked) => cdi::cdi(&asked),
        Verb::CdiLink(asked) => cdi::link::link(&asked),
        Verb::Doctor(asked) => doctor::doctor(&asked),
        Verb::Completions(asked) => manual::completions(&asked),
        Verb::Man(asked) => manual::man(&asked),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("kfdctl: {error:#}");
        ExitCode::from(if launching { EXIT_NOT_STARTED } else { 1 })
    })
}

/// Warnings of an embedded daemon, unless `KFDD_LOG` asks for more.
fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("KFDD_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let colour = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(std::io::stderr).init();
}
