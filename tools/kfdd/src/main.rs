//! `kfdd`: serves a real `/dev/kfd` to unmodified HSA runtimes on a machine without a GPU.

use anyhow::Context;
use clap::Parser;
use kfdd::config::WavesOption;
use kfdd::{Config, Daemon, EXIT_LEAK};
use nix::sys::signal::{SigSet, Signal};
use std::path::PathBuf;
use std::process::ExitCode;

/// Serves /dev/kfd to unmodified HSA runtimes on a machine without a GPU.
///
/// SIGTERM or SIGINT drains: every client's state is taken back, then the leak report is printed. Exit code 0 when
/// nothing was left, 70 when something was, 1 when the daemon could not start.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "EXAMPLES:\n  kfdd\n  kfdd --run-dir /tmp/kfd --profile gfx942 --gpus 8\n  kfdctl run -- rocminfo"
)]
struct Options {
    /// Where to serve: the FUSE mount, the topology and the control socket
    #[arg(long, env = kfdd::rundir::ENV, default_value = kfdd::rundir::DEFAULT)]
    run_dir: PathBuf,
    /// The device profile to show: gfx900, gfx942, gfx1100, or the path of a TOML file with one
    #[arg(long, default_value = "gfx900", value_name = "NAME|FILE")]
    profile: String,
    /// How many devices to show, 1 to 8 [default: as many as the profile has]
    #[arg(long, value_name = "N")]
    gpus: Option<u32>,
    /// What becomes of a dispatch
    #[arg(long, value_enum, default_value_t)]
    waves: WavesOption,
    /// Print the leak report as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    door::workers::enter_if_asked();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("KFDD_LOG").unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    match serve(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kfdd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options) -> anyhow::Result<ExitCode> {
    // Blocked before the first thread is made, so that every thread inherits it and only the wait below sees them.
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.add(Signal::SIGINT);
    ends.thread_block().context("cannot block signals")?;

    let config = Config {
        run_dir: options.run_dir.clone(),
        profile: options.profile.clone(),
        gpus: options.gpus,
        waves: options.waves,
        ..Config::default()
    };
    let daemon = Daemon::start(&config)?;
    eprintln!("kfdd: serving {} at {}", options.profile, options.run_dir.join("dev/kfd").display());
    let signal = ends.wait().context("cannot wait for signals")?;
    tracing::info!(%signal, "draining");
    let report = daemon.shutdown();
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_LEAK) })
}
