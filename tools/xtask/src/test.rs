//! `cargo xtask test`: set-up, then every test of the workspace, and the loom and shuttle models.
//!
//! A test that cannot run here prints `skipped: <test>: <why>`; those lines are gathered and shown at the end, so that
//! no skip is silent. A test program that says nothing for [`PATIENCE`] is killed, which fails the tests that it was in.
//! The last line is `N passed, N failed, N skipped`.
//!
//! Not cargo-nextest: to build it takes seven minutes of CPU and more in a set-up, and it gives each test a process of its
//! own, where tests that take turns by a lock of their process (`ONE_AT_A_TIME`) would run at once.

use crate::cargo::{cargo, must};
use crate::watchdog::{Seen, watch};
use crate::{amdgpu_top, contrib, packages, python};
use anyhow::Context;
use std::collections::BTreeSet;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The longest silence of a test program. The slowest single test takes about a minute on two cores.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Leave the loom and shuttle models out
    #[arg(long)]
    no_models: bool,
    /// Only tests whose name contains this
    filter: Option<String>,
}

#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    failures: Vec<String>,
    /// Tests that libtest has called slow and that have not ended.
    slow: BTreeSet<String>,
}

pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    packages::set_up(packages::CLIENTS)?;
    packages::set_up(&[packages::KERNELS, packages::TOOLS].concat())?;
    contrib::set_up();
    amdgpu_top::set_up()?;
    python::set_up()?;
    let started = Instant::now();
    let mut tally = Tally::default();

    // The live tests start the real programs, which `cargo test` alone would not build for another package.
    must(cargo().args(["build", "--workspace", "--bins"]))?;
    // And the library that one of them loads into others.
    must(cargo().args(["build", "--package", "kfdd-device-nodes"]))?;
    let filter = options.filter.as_deref();
    suite("workspace", cargo().args(["test", "--workspace", "--no-fail-fast"]), filter, &mut tally)?;
    if !options.no_models {
        for (checker, cfgs) in [("loom", "--cfg loom"), ("shuttle", "--cfg loom --cfg shuttle")] {
            // A target folder of its own: the cfg would rebuild everything at each change of verb.
            let target = format!("target-{checker}");
            let mut models = cargo();
            models.args([
                "test",
                "--package",
                "notifier",
                "--release",
                "--test",
                checker,
                "--target-dir",
                &target,
            ]);
            models.env("RUSTFLAGS", cfgs);
            suite(&format!("{checker} models"), &mut models, filter, &mut tally)?;
        }
    }

    println!();
    for line in &tally.skipped {
        println!("skipped: {line}");
    }
    for line in &tally.failures {
        println!("FAILED: {line}");
    }
    println!("took {:.0} s", started.elapsed().as_secs_f64());
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped.len());
    Ok(if tally.failed == 0 && tally.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn suite(name: &str, command: &mut Command, filter: Option<&str>, tally: &mut Tally) -> anyhow::Result<()> {
    println!("== {name}");
    // Compilers may be silent for as long as they like, so they are done before anybody listens.
    let program = command.get_program().to_owned();
    let mut build = Command::new(program);
    build.args(command.get_args()).arg("--no-run");
    build.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    build.current_dir(command.get_current_dir().context("cargo runs in the workspace")?);
    must(&mut build)?;
    command.args(["--", "--show-output"]).args(filter);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {command:?}"))?;
    let mut shown = Shown::default();
    watch(&mut child, PATIENCE, |seen| match seen {
        Seen::Line(line) => {
            tally.note(&line);
            shown.line(&line);
        }
        Seen::Hung => {
            let hung = tally.hung(name);
            println!("{hung} said nothing for {} s and was killed", PATIENCE.as_secs());
        }
    })?;
    let status = child.wait()?;
    if !status.success() && tally.failures.is_empty() {
        tally.failures.push(format!("{name}: {status}"));
    }
    Ok(())
}

impl Tally {
    /// Takes one line of libtest's output.
    fn note(&mut self, line: &str) {
        if let Some(skip) = line.strip_prefix("skipped: ") {
            self.skipped.push(skip.to_owned());
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            for part in counts.split(&['.', ';'][..]) {
                let mut words = part.split_whitespace();
                match (words.next().and_then(|count| count.parse::<u64>().ok()), words.next()) {
                    (Some(count), Some("passed")) => self.passed += count,
                    (Some(count), Some("failed")) => self.failed += count,
                    _ => {}
                }
            }
        } else if let Some(test) = line.strip_prefix("test ") {
            if let Some((slow, _)) = test.split_once(" has been running for over ") {
                self.slow.insert(slow.to_owned());
            } else if let Some((test, how)) = test.rsplit_once(" ... ") {
                self.slow.remove(test);
                if how == "FAILED" {
                    self.failures.push(test.to_owned());
                }
            }
        }
    }

    /// A program of this suite was killed: the tests that it was in have failed. Their names.
    fn hung(&mut self, suite: &str) -> String {
        let slow = std::mem::take(&mut self.slow);
        let names =
            if slow.is_empty() { vec![format!("a program of {suite}")] } else { slow.into_iter().collect() };
        self.failed += names.len() as u64;
        self.failures.extend(names.iter().map(|name| format!("{name} (hung)")));
        names.join(", ")
    }
}

/// What of libtest's output a person sees: results, whatever belongs to a failure, and what a passing test measured.
///
/// `--show-output` also brings the messages of panics that a passing test provoked and caught; those are left out.
#[derive(Debug, Default)]
struct Shown {
    part: Part,
    /// What the passing test at hand has printed so far.
    section: Vec<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Results,
    Successes,
    Failures,
}

impl Shown {
    fn line(&mut self, line: &str) {
        let ends = line == "failures:" || line.starts_with("test result: ");
        if self.part == Part::Successes && (ends || line == "successes:" || line.starts_with("---- ")) {
            self.flush();
        }
        self.part = match line {
            "successes:" => Part::Successes,
            "failures:" => Part::Failures,
            _ if line.starts_with("test result: ") => Part::Results,
            _ => self.part,
        };
        match self.part {
            Part::Successes => self.section.push(line.to_owned()),
            Part::Failures => println!("{line}"),
            Part::Results if line.is_empty() || line.starts_with("running ") => {}
            Part::Results => println!("{line}"),
        }
    }

    fn flush(&mut self) {
        let section = std::mem::take(&mut self.section);
        let provoked =
            section.iter().any(|line| line.contains("panicked at") || line.starts_with("proptest: "));
        if section.first().is_some_and(|head| head.starts_with("---- ")) && !provoked {
            for line in section.iter().filter(|line| !line.is_empty()) {
                println!("{line}");
            }
        }
    }
}
