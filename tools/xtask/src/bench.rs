//! `cargo xtask bench [NAME] [--json]`: the speed table of the goals.
//!
//! Each bench is a program of the `kfd-tests` package that prints one JSON object a line: the figure, the floor or
//! peer measured beside it in the same run, the ratio, the goal, and whether it is met (both null where nothing is
//! demanded). A goal that is not met is printed as not met; the exit code is 0 all the same, since a figure is not a test.

use crate::cargo::cargo;
use crate::packages;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

/// The benches, in the order of the table.
const BENCHES: &[&str] = &["srcu", "ioctl", "death", "packets", "daemon"];

#[derive(Debug, clap::Args)]
pub struct Options {
    /// One of: srcu, ioctl, death, packets, daemon; all when left out
    name: Option<String>,
    /// One JSON object a line instead of the table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    name: String,
    value: f64,
    unit: String,
    peer: String,
    peer_value: f64,
    ratio: f64,
    goal: Option<String>,
    met: Option<bool>,
}

pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let chosen: Vec<&str> = match options.name.as_deref() {
        None => BENCHES.to_vec(),
        Some(name) if BENCHES.contains(&name) => vec![name],
        Some(name) => bail!("no bench is called {name}; there are: {}", BENCHES.join(", ")),
    };
    packages::set_up(packages::PEERS)?;
    crate::cargo::build_release()?;
    if !options.json {
        println!(
            "{:<46} {:>12} {:<8} {:<34} {:>12} {:>8}  {:<14} met",
            "measure", "figure", "", "floor or peer", "", "ratio", "goal"
        );
    }
    for name in chosen {
        one(name, options.json)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn one(name: &str, json: bool) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["bench", "--quiet", "--package", "kfd-tests", "--bench", name]);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {command:?}"))?;
    let stdout = child.stdout.take().context("the bench's output was piped")?;
    for text in BufReader::new(stdout).lines() {
        let text = text?;
        match serde_json::from_str::<Line>(&text) {
            Ok(_) if json => println!("{text}"),
            Ok(line) => println!(
                "{:<46} {:>12.3} {:<8} {:<34} {:>12.3} {:>8.3}  {:<14} {}",
                line.name,
                line.value,
                line.unit,
                line.peer,
                line.peer_value,
                line.ratio,
                line.goal.as_deref().unwrap_or("-"),
                match line.met {
                    Some(true) => "met",
                    Some(false) => "NOT MET",
                    None => "-",
                }
            ),
            // What a bench says besides: a comparison that was left out, and why.
            Err(_) => eprintln!("{text}"),
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("the bench {name} failed: {status}");
    }
    Ok(())
}
