//! liburcu's side: a C program, one for each flavour, built when the headers are there, that measures on demand.

use crate::asked::Asked;
use crate::beside::TRIES;
use anyhow::{Context, ensure};
use kfd_tests::measure::cpus::Place;
use std::process::Command;

const SOURCE: &str = include_str!("liburcu.c");

/// Which of liburcu's kinds of RCU.
#[derive(Debug, Clone, Copy)]
pub enum Flavour {
    /// Readers without fences, grace periods by membarrier: the nearest relative.
    Memb,
    /// Readers announce quiescence instead of sections.
    Qsbr,
    /// Readers need no registration.
    Bp,
}

impl Flavour {
    /// What the compiler is given: a definition for `liburcu.c`, and the library.
    fn arguments(self) -> [&'static str; 2] {
        match self {
            Self::Memb => ["-DMEMB", "-lurcu-memb"],
            Self::Qsbr => ["-DQSBR", "-lurcu-qsbr"],
            Self::Bp => ["-DBP", "-lurcu-bp"],
        }
    }
}

/// The running program.
pub struct Liburcu {
    asked: Asked,
    _dir: tempfile::TempDir,
}

impl Liburcu {
    /// Builds and starts it; why not, in words, when that is not possible here.
    pub fn start(flavour: Flavour) -> Result<Self, String> {
        Self::build(flavour).map_err(|error| {
            let error = format!("{error:#}");
            if error.contains("urcu.h") {
                "liburcu's headers are not installed (Debian: liburcu-dev)".to_owned()
            } else {
                format!("liburcu's program could not be built: {error}")
            }
        })
    }

    fn build(flavour: Flavour) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let (source, program) = (dir.path().join("liburcu.c"), dir.path().join("liburcu"));
        std::fs::write(&source, SOURCE)?;
        let output = Command::new("cc")
            .args(["-O2", "-pthread", "-o"])
            .args([&program, &source])
            .args(flavour.arguments())
            .arg("-lurcu-common")
            .output()
            .context("cannot run cc")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(Self { asked: Asked::start(&mut Command::new(&program))?, _dir: dir })
    }

    /// Its first thread stays there, and what that starts; its callbacks' thread is free.
    pub fn stay(&mut self, place: Place) -> anyhow::Result<()> {
        let which = match place {
            Place::First => 0,
            Place::Second => 1,
            Place::Anywhere => 2,
        };
        self.measure("stay", which).map(drop)
    }

    /// One measurement: nanoseconds per operation.
    pub fn measure(&mut self, what: &str, number: u32) -> anyhow::Result<f64> {
        self.asked.ask(&format!("{what} {number}"))
    }
}

impl Liburcu {
    /// A measurement of so many grace periods beside a reader on another CPU: its figure, and the sections that the reader
    /// has had meanwhile, which are as many at least.
    pub fn beside_reader(&mut self, what: &str, periods: u32) -> anyhow::Result<(f64, f64)> {
        for _ in 0..TRIES {
            self.measure("active", 1)?;
            let figure = self.measure(what, periods)?;
            let meanwhile = self.measure("active", 0)?;
            if meanwhile >= f64::from(periods) {
                return Ok((figure, meanwhile));
            }
        }
        anyhow::bail!("in {TRIES} rounds liburcu's reader was not running")
    }
}
