//! `kfd-stress`: real client processes that attach, submit packets and are killed at random moments; then what their
//! deaths took and left.
//!
//! | module | what it holds |
//! |---|---|
//! | [`storm`] | spawning, killing and replacing clients |
//! | [`voices`] | what clients say when they end by themselves |
//! | [`victim`] | what a client does until it is killed |
//! | [`target`] | the daemon: a running one, or an embedded one |
//! | [`report`] | what is told at the end |

mod report;
mod storm;
mod target;
mod victim;
mod voices;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Spawns KFD clients, kills them at random moments and reports what their deaths took and left.
///
/// Exit code 0 when nothing was left, 70 when something was, 1 when the run itself failed: the daemon went, for one.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "EXAMPLES:\n  kfd-stress --clients 200 --seconds 10\n  kfd-stress --clients 50 --kills 500 --json\n  kfd-stress --run-dir /run/kfdd --kills 1000"
)]
pub struct Options {
    /// Clients alive at a time
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// Stop after this many seconds
    #[arg(long, conflicts_with = "kills")]
    seconds: Option<u64>,
    /// Stop after this many kills
    #[arg(long)]
    kills: Option<u64>,
    /// The longest life of a client before it is killed, in milliseconds
    #[arg(long, default_value_t = 200)]
    life: u64,
    /// Clients also run kernels that never end, and are killed in the middle of them; the daemon has to execute kernels
    #[arg(long)]
    kernels: bool,
    /// Use the daemon that serves this run directory instead of an embedded one
    #[arg(long, env = kfdd::rundir::ENV)]
    run_dir: Option<PathBuf>,
    /// Repeats a run's choices
    #[arg(long)]
    seed: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Options {
    fn bound(&self) -> storm::Bound {
        match (self.kills, self.seconds) {
            (Some(kills), _) => storm::Bound::Kills(kills),
            (None, seconds) => storm::Bound::Time(Duration::from_secs(seconds.unwrap_or(10))),
        }
    }
}

fn main() -> ExitCode {
    door::workers::enter_if_asked();
    door::wave_workers::enter_if_asked();
    if let Some(code) = victim::enter_if_asked() {
        return code;
    }
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("KFDD_LOG").unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let options = Options::parse();
    match run(&options) {
        Ok(report) => {
            report.print(options.json);
            if report.clean() { ExitCode::SUCCESS } else { ExitCode::from(kfdd::EXIT_LEAK) }
        }
        Err(error) => {
            eprintln!("kfd-stress: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<report::Report> {
    let seed = options.seed.unwrap_or_else(|| u64::from(std::process::id()) ^ storm::now().0);
    eprintln!("kfd-stress: {} clients, seed {seed}", options.clients);
    let target = target::Target::reach(options.run_dir.as_deref())?;
    let before = target.totals()?;
    let plan = storm::Plan {
        clients: options.clients,
        bound: options.bound(),
        longest_life: Duration::from_millis(options.life.max(1)),
        kernels: options.kernels,
        seed,
    };
    let storm = storm::run(&plan, target.run_dir(), &|| target.answers())?;
    let deaths = target.settled_deaths(&before)?;
    let after = target.totals()?;
    let left = target.finish()?;
    Ok(report::Report::new(&plan, &storm, &deaths, &before, &after, left))
}
