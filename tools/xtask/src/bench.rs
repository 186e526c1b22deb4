//! `cargo xtask bench [NAME [PART]] [--json]`: the speed table of the goals.
//!
//! Each bench is a program of the `kfd-tests` package that prints one JSON object a line: the figure, the floor or
//! peer measured beside it in the same run, the ratio, the goal, and whether it is met (both null where nothing is
//! demanded). A goal that is not met is printed as not met, and one whose floor was off from its own lone run as unsound,
//! which counts as not met. The last line says how many are met; the exit code is 0 all the same, since a figure is not a test.

use crate::cargo::cargo;
use crate::packages;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

/// The benches, in the order of the table.
const BENCHES: &[&str] = &["srcu", "ioctl", "death", "packets", "daemon", "waves"];
/// Those whose parts can be measured one without the others; each knows its own.
const PARTED: &[&str] = &["daemon", "waves"];

#[derive(Debug, clap::Args)]
pub struct Options {
    /// One of: srcu, ioctl, death, packets, daemon, waves; all when left out
    name: Option<String>,
    /// One part alone, of daemon (start, idle, lives, growth) or waves (beside, speed, latency, endless, lives, size)
    part: Option<String>,
    /// One JSON object a line instead of the table
    #[arg(long)]
    json: bool,
}

/// What the table reads of a line; `--json` passes the whole on as it came.
#[derive(Debug, Deserialize)]
struct Line {
    name: String,
    value: f64,
    unit: String,
    peer: String,
    peer_value: f64,
    ratio: f64,
    goal: Option<String>,
    met: Option<bool>,
    unsound: bool,
}

impl Line {
    fn verdict(&self) -> &'static str {
        match self.met {
            _ if self.unsound => "unsound",
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "-",
        }
    }

    fn row(&self) -> String {
        format!(
            "{:<52} {:>12.3} {:<8} {:<42} {:>12.3} {:>8.3}  {:<14} {}",
            self.name,
            self.value,
            self.unit,
            self.peer,
            self.peer_value,
            self.ratio,
            self.goal.as_deref().unwrap_or("-"),
            self.verdict()
        )
    }
}

/// What the run came to: lines with a goal are counted, those without are information.
#[derive(Debug, Default, Serialize)]
struct Summary {
    met: usize,
    of: usize,
    not_met: Vec<String>,
    /// With or without a goal.
    unsound: Vec<String>,
}

impl Summary {
    fn count(&mut self, line: &Line) {
        let what = || format!("{} / {}", line.name, line.peer);
        if line.unsound {
            self.unsound.push(what());
        }
        let Some(met) = line.met else { return };
        self.of += 1;
        if met && !line.unsound {
            self.met += 1;
        } else if !line.unsound {
            self.not_met.push(what());
        }
    }

    fn text(&self) -> String {
        let unsound = match self.unsound.len() {
            0 => String::new(),
            count => format!(", {count} unsound"),
        };
        format!("{} of {} met{unsound}", self.met, self.of)
    }

    /// `{"summary":{…}}`: told from a line by its one key.
    fn json(&self) -> String {
        serde_json::json!({ "summary": self }).to_string()
    }
}

pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let chosen: Vec<&str> = match options.name.as_deref() {
        None => BENCHES.to_vec(),
        Some(name) if BENCHES.contains(&name) => vec![name],
        Some(name) => bail!("no bench is called {name}; there are: {}", BENCHES.join(", ")),
    };
    if let (Some(name), Some(_)) = (&options.name, &options.part)
        && !PARTED.contains(&name.as_str())
    {
        bail!("{name} is measured as a whole; parts have: {}", PARTED.join(", "));
    }
    packages::set_up(&[packages::PEERS, packages::KERNELS].concat())?;
    crate::cargo::build_release()?;
    if !options.json {
        println!(
            "{:<52} {:>12} {:<8} {:<42} {:>12} {:>8}  {:<14} met",
            "measure", "figure", "", "floor or peer", "", "ratio", "goal"
        );
    }
    let mut summary = Summary::default();
    for (index, name) in chosen.iter().enumerate() {
        eprintln!("bench {name} ({} of {})", index + 1, chosen.len());
        one(name, options.part.as_deref(), options.json, &mut summary)?;
    }
    println!("{}", if options.json { summary.json() } else { summary.text() });
    Ok(ExitCode::SUCCESS)
}

fn one(name: &str, part: Option<&str>, json: bool, summary: &mut Summary) -> anyhow::Result<()> {
    let mut command = cargo();
    command.args(["bench", "--quiet", "--package", "kfd-tests", "--bench", name]);
    command.args(part.iter().flat_map(|part| ["--", part]));
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {command:?}"))?;
    let stdout = child.stdout.take().context("the bench's output was piped")?;
    for text in BufReader::new(stdout).lines() {
        let text = text?;
        if !text.starts_with('{') {
            // What a bench says besides: a comparison that was left out, and why.
            eprintln!("{text}");
            continue;
        }
        let line: Line = serde_json::from_str(&text).with_context(|| format!("{name} printed {text}"))?;
        summary.count(&line);
        println!("{}", if json { text } else { line.row() });
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("the bench {name} failed: {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Line, Summary};

    fn line(name: &str, met: Option<bool>, unsound: bool) -> Line {
        let goal = met.map(|_| "<= 1.1 x");
        serde_json::from_value(serde_json::json!({
            "name": name, "value": 8.0, "unit": "us", "peer": "floor", "peer_value": 6.0, "alone": 6.1,
            "ratio": 1.33, "goal": goal, "met": met, "unsound": unsound,
        }))
        .expect("a line as a bench prints it")
    }

    fn summary(lines: &[Line]) -> Summary {
        let mut summary = Summary::default();
        for line in lines {
            summary.count(line);
        }
        summary
    }

    // Keeps: bench-summary
    #[test]
    fn the_summary_counts_lines_with_a_goal_and_an_unsound_one_as_not_met() {
        let lines = [
            line("a", Some(true), false),
            line("b", Some(false), false),
            line("c", None, false),
            line("d", Some(false), true),
            line("e", None, true),
            // No bench prints such a line; it would not be believed.
            line("f", Some(true), true),
        ];
        let summary = summary(&lines);
        assert_eq!(summary.text(), "1 of 4 met, 3 unsound");
        assert_eq!(summary.not_met, ["b / floor"]);
        assert_eq!(summary.unsound, ["d / floor", "e / floor", "f / floor"]);
        let json: serde_json::Value = serde_json::from_str(&summary.json()).expect("one object");
        assert_eq!((json["summary"]["met"].as_u64(), json["summary"]["of"].as_u64()), (Some(1), Some(4)));
    }

    #[test]
    fn a_table_without_unsound_lines_says_only_how_many_are_met() {
        assert_eq!(summary(&[line("a", Some(true), false)]).text(), "1 of 1 met");
    }

    #[test]
    fn a_row_over_an_unsound_floor_says_so_instead_of_met() {
        assert!(line("a", Some(false), true).row().ends_with("unsound"));
        assert!(line("a", Some(true), false).row().ends_with(" met"));
        assert!(line("a", Some(false), false).row().ends_with("NOT MET"));
        assert!(line("a", None, false).row().ends_with('-'));
    }
}
