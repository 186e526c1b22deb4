//! `cargo xtask soak srcu`: torture and litmus on the hardware, shuttle's schedules, and a storm of deaths.
//!
//! Each part is a test of the notifier that takes its length from the environment and prints lines
//! `counts PART NAME=VALUE …`. They are shown as they come and added up at the end. A violation fails the test, and with it
//! the soak.

use crate::cargo::cargo;
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What of the time is whose, in percent; the rest is for building.
const TORTURE: u32 = 40;
const LITMUS: u32 = 40;
const SHUTTLE: u32 = 12;

/// A soak of so many minutes is a long one: its litmus goes on until it has made [`LONG_ROUNDS`], however slow the machine.
const LONG: Duration = Duration::from_secs(600);
const LONG_ROUNDS: u64 = 100_000_000;

/// Processes that are alive at once and killed at once: more than the descriptors of a usual limit.
const PROCESSES: u32 = 21_000;

pub fn run(time: Duration) -> anyhow::Result<()> {
    let mut sums = Sums::default();
    let share = |percent| (time * percent / 100).as_secs().max(1).to_string();
    let rounds = if time >= LONG { LONG_ROUNDS } else { 0 };

    let mut torture = test("torture");
    part(torture.env("NOTIFIER_TORTURE_SECONDS", share(TORTURE)), &mut sums)?;
    let mut litmus = test("litmus");
    litmus.env("NOTIFIER_LITMUS_SECONDS", share(LITMUS)).env("NOTIFIER_LITMUS_ROUNDS", rounds.to_string());
    part(&mut litmus, &mut sums)?;

    let mut shuttle = cargo();
    shuttle.args([
        "test",
        "--release",
        "--package",
        "notifier",
        "--test",
        "shuttle",
        "--target-dir",
        "target-shuttle",
    ]);
    shuttle.args(["--", "--nocapture", "--test-threads=2", "--skip", "mutants::"]);
    shuttle.env("RUSTFLAGS", "--cfg loom --cfg shuttle").env("NOTIFIER_SHUTTLE_SECONDS", share(SHUTTLE));
    part(&mut shuttle, &mut sums)?;

    let mut deaths = cargo();
    deaths.args([
        "test",
        "--release",
        "--package",
        "notifier",
        "--lib",
        "--",
        "--nocapture",
        "storm_of_deaths",
    ]);
    part(deaths.env("NOTIFIER_WATCH_PROCESSES", PROCESSES.to_string()), &mut sums)?;

    sums.print();
    let rounds_done = sums.of("litmus", "rounds");
    if rounds_done < rounds {
        bail!("only {rounds_done} litmus rounds");
    }
    Ok(())
}

fn test(name: &str) -> Command {
    let mut command = cargo();
    command.args(["test", "--release", "--package", "notifier", "--test", name, "--", "--nocapture"]);
    command
}

/// Runs one part, shows what it says and adds its counts.
fn part(command: &mut Command, sums: &mut Sums) -> anyhow::Result<()> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {command:?}"))?;
    let stdout = child.stdout.take().context("the part's output was piped")?;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        if !line.is_empty() && !line.starts_with("running ") {
            println!("{line}");
        }
        sums.note(&line);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// The counts of each part, by name.
#[derive(Debug, Default)]
struct Sums(BTreeMap<(String, String), u64>);

impl Sums {
    /// Adds a line `counts PART NAME=VALUE …`; libtest may have begun the line with a test's name.
    fn note(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("counts ") else { return };
        let mut words = counts.split_whitespace();
        let Some(part) = words.next() else { return };
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            if let Ok(value) = value.parse::<u64>() {
                *self.0.entry((part.to_owned(), name.to_owned())).or_default() += value;
            }
        }
    }

    fn of(&self, part: &str, name: &str) -> u64 {
        self.0.get(&(part.to_owned(), name.to_owned())).copied().unwrap_or_default()
    }

    fn print(&self) {
        println!("-- in all");
        for ((part, name), value) in &self.0 {
            println!("{part:<8} {name:<16} {value:>16}");
        }
        let violations: u64 =
            self.0.iter().filter(|((_, name), _)| name == "violations").map(|(_, value)| value).sum();
        println!("{:<8} {:<16} {violations:>16}", "all", "violations");
    }
}

#[cfg(test)]
mod tests {
    use super::Sums;

    #[test]
    fn the_counts_of_a_soak_are_added_up_by_part_and_name() {
        let mut sums = Sums::default();
        sums.note("test no_reader ... counts torture kind=Mixed reads=3 violations=0");
        sums.note("counts torture kind=Fenced reads=4 violations=0");
        sums.note("counts litmus rounds=5");
        sums.note("the rest is talk reads=9");
        assert_eq!((sums.of("torture", "reads"), sums.of("litmus", "rounds")), (7, 5));
        assert_eq!((sums.of("torture", "violations"), sums.of("litmus", "reads")), (0, 0));
    }
}
