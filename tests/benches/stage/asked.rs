//! A program of its own that is asked for one measurement after the other: a line in, a figure in nanoseconds out.

use anyhow::{Context, ensure};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// It runs as long as this lives.
pub struct Asked {
    child: Child,
    /// `None` once it is to end.
    ask: Option<ChildStdin>,
    answer: BufReader<ChildStdout>,
}

impl Asked {
    /// Starts a program that answers questions by line.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let ask = child.stdin.take().context("its input was piped")?;
        let answer = BufReader::new(child.stdout.take().context("its output was piped")?);
        Ok(Self { child, ask: Some(ask), answer })
    }

    /// Asks for one measurement and reads its figure.
    pub fn ask(&mut self, what: &str) -> anyhow::Result<f64> {
        let ask = self.ask.as_mut().context("it is not asked after its end")?;
        writeln!(ask, "{what}")?;
        ask.flush()?;
        let mut line = String::new();
        self.answer.read_line(&mut line)?;
        line.trim().parse().with_context(|| format!("the program said {line:?} to {what}"))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it end by itself: nobody asks any more.
    pub fn end(mut self) -> anyhow::Result<()> {
        drop(self.ask.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "the program ended with {status}");
        Ok(())
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // It has no state to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
