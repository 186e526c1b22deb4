//! `kfdd`: serves a real `/dev/kfd` to unmodified HSA runtimes on a machine without a GPU.

use anyhow::Context;
use clap::Parser;
use kfdd::service::Service;
use kfdd::{Config, Daemon, EXIT_LEAK, Options};
use nix::sys::signal::{SigSet, Signal};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    door::workers::enter_if_asked();
    door::wave_workers::enter_if_asked();
    door::scheduling::be_prompt();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("KFDD_LOG").unwrap_or_else(|_| "info".into()),
        )
        // A journal is no terminal.
        .with_ansi(std::io::stderr().is_terminal())
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
    // A daemon that cannot have them serves fewer clients.
    if let Err(error) = door::descriptors::take_all() {
        tracing::warn!(%error, "the limit on descriptors could not be raised");
    }
    // Blocked before the first thread is made, so that every thread inherits it and only the wait below sees them.
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.add(Signal::SIGINT);
    // A terminal that goes: nothing is read anew.
    ends.add(Signal::SIGHUP);
    ends.thread_block().context("cannot block signals")?;

    // A manager that cannot be told is its own trouble: clients are served all the same.
    let service = Service::of_environment().unwrap_or_else(|error| {
        tracing::warn!("{:#}", anyhow::Error::from(error));
        None
    });
    let service = service.map(Arc::new);
    let config = Config {
        run_dir: options.run_dir.clone(),
        profile: options.profile.clone(),
        gpus: options.gpus,
        interface: options.interface,
        waves: options.waves,
        wave_threads: options.wave_threads,
        service: service.clone(),
        ..Config::default()
    };
    let daemon = Daemon::start(&config)?;
    let serving = format!("serving {} at {}", options.profile, options.run_dir.join("dev/kfd").display());
    eprintln!("kfdd: {serving}");
    service.iter().for_each(|service| service.ready(&serving));
    let signal = ends.wait().context("cannot wait for signals")?;
    tracing::info!(%signal, "draining");
    service.iter().for_each(|service| service.stopping("taking back what clients hold"));
    let report = daemon.shutdown();
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_LEAK) })
}
