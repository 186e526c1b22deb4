//! How each check went: a line as soon as it is known, and the sum at the end.

use serde::Serialize;
use std::io::{self, Write};
use std::process::ExitCode;

/// How a check went.
#[derive(Debug)]
pub enum Outcome {
    /// As it should; what was seen.
    Passed(String),
    /// Not so; what was seen.
    Failed(String),
    /// It was not made; why.
    Skipped(String),
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    release: &'a str,
    profile: &'a str,
    check: &'a str,
    outcome: &'a str,
    note: &'a str,
}

/// All of them so far.
#[derive(Debug)]
pub struct Report {
    json: bool,
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Report {
    /// A report without rows.
    pub fn new(json: bool) -> Self {
        if !json {
            println!("{:<13} {:<8} {:<42} {:<7} note", "release", "profile", "check", "outcome");
        }
        Self { json, passed: 0, failed: 0, skipped: 0 }
    }

    /// One more.
    ///
    /// # Errors
    /// Standard output's.
    pub fn add(&mut self, release: &str, profile: &str, check: &str, outcome: &Outcome) -> io::Result<()> {
        let (count, said, note) = match outcome {
            Outcome::Passed(note) => (&mut self.passed, "pass", note),
            Outcome::Failed(note) => (&mut self.failed, "FAIL", note),
            Outcome::Skipped(note) => (&mut self.skipped, "skip", note),
        };
        *count += 1;
        let mut out = io::stdout().lock();
        if self.json {
            let line = Line { release, profile, check, outcome: &said.to_lowercase(), note };
            serde_json::to_writer(&mut out, &line)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{release:<13} {profile:<8} {check:<42} {said:<7} {note}")?;
        }
        out.flush()
    }

    /// The sum, and the exit code: a failure when any check has failed or none has passed.
    ///
    /// # Errors
    /// Standard output's.
    pub fn end(&self) -> anyhow::Result<ExitCode> {
        if !self.json {
            println!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
        }
        Ok(if self.failed == 0 && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
