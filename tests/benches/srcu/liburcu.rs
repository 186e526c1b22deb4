//! liburcu's side: a C program, built when the headers are there, that measures on demand.

use anyhow::{Context, ensure};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SOURCE: &str = include_str!("liburcu.c");

/// The running program.
pub struct Liburcu {
    child: Child,
    ask: ChildStdin,
    answer: BufReader<ChildStdout>,
    _dir: tempfile::TempDir,
}

impl Liburcu {
    /// Builds and starts it; why not, in words, when that is not possible here.
    pub fn start() -> Result<Self, String> {
        Self::build().map_err(|error| {
            let error = format!("{error:#}");
            if error.contains("urcu.h") {
                "liburcu's headers are not installed (Debian: liburcu-dev)".to_owned()
            } else {
                format!("liburcu's program could not be built: {error}")
            }
        })
    }

    fn build() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let (source, program) = (dir.path().join("liburcu.c"), dir.path().join("liburcu"));
        std::fs::write(&source, SOURCE)?;
        let output = Command::new("cc")
            .args(["-O2", "-pthread", "-o"])
            .args([&program, &source])
            .args(["-lurcu-memb", "-lurcu-common"])
            .output()
            .context("cannot run cc")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        let mut child = Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ask = child.stdin.take().context("its input was piped")?;
        let answer = BufReader::new(child.stdout.take().context("its output was piped")?);
        Ok(Self { child, ask, answer, _dir: dir })
    }

    /// One measurement: nanoseconds per operation.
    pub fn measure(&mut self, what: &str, number: u32) -> anyhow::Result<f64> {
        writeln!(self.ask, "{what} {number}")?;
        self.ask.flush()?;
        let mut line = String::new();
        self.answer.read_line(&mut line)?;
        line.trim().parse().with_context(|| format!("liburcu's program said {line:?} to {what}"))
    }
}

impl Drop for Liburcu {
    fn drop(&mut self) {
        // It has no state to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
