//! `cargo xtask soak [NAME] --minutes N`: the long modes, which no default run has the time for.

use crate::cargo::{build_release, cargo};
use anyhow::bail;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// The long modes and what each does.
const SOAKS: &[(&str, &str)] = &[
    ("srcu", "readers, updaters, callback floods and barriers against one domain, counting violations"),
    ("kills", "clients killed at random moments, until the time is up; the residue must be zero"),
];

#[derive(Debug, clap::Args)]
pub struct Options {
    /// srcu or kills; both, half the time each, when left out
    name: Option<String>,
    /// How long, in minutes
    #[arg(long, default_value_t = 10)]
    minutes: u64,
}

pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let total = Duration::from_secs(options.minutes * 60);
    match options.name.as_deref() {
        None => {
            for (name, _) in SOAKS {
                one(name, total / 2)?;
            }
        }
        Some(name) if SOAKS.iter().any(|(known, _)| *known == name) => one(name, total)?,
        Some(name) => {
            let known: Vec<String> = SOAKS.iter().map(|(name, what)| format!("  {name:<8} {what}")).collect();
            bail!("no soak is called {name}; there are:\n{}", known.join("\n"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn one(name: &str, time: Duration) -> anyhow::Result<()> {
    let started = Instant::now();
    println!("== soak {name}: {} s", time.as_secs());
    match name {
        "srcu" => crate::cargo::must(
            cargo()
                .args([
                    "test",
                    "--release",
                    "--package",
                    "notifier",
                    "--test",
                    "torture",
                    "--",
                    "--nocapture",
                ])
                .env("NOTIFIER_TORTURE_SECONDS", time.as_secs().to_string()),
        )?,
        _ => {
            let programs = build_release()?;
            crate::cargo::must(
                Command::new(programs.join("kfd-stress"))
                    .args(["--clients", "200", "--seconds"])
                    .arg(time.as_secs().to_string()),
            )?;
        }
    }
    println!("== soak {name}: done after {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
