//! A program that says nothing for too long is killed, with all that it started: a test that hangs is then a failure with
//! a name, and not a run without an end.
//!
//! What is killed is what the watched program started, not itself: cargo goes on with the next test program.

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// What a watched program did.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// It printed a line.
    Line(String),
    /// It printed nothing for too long; what it had started is killed.
    Hung,
}

/// Tells `each` what `child`, whose output is piped, does until its output ends.
///
/// # Errors
/// The output is not piped or not text.
pub fn watch(child: &mut Child, patience: Duration, mut each: impl FnMut(Seen)) -> anyhow::Result<()> {
    let stdout = child.stdout.take().context("the output of a watched program was piped")?;
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    loop {
        match lines.recv_timeout(patience) {
            Ok(line) => each(Seen::Line(line?)),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                // The tree is read before any of it dies: whoever loses its parent is found no more.
                for pid in descendants(child.id()) {
                    // One that has ended meanwhile is what was wanted.
                    _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
                }
                each(Seen::Hung);
            }
        }
    }
}

/// What a process started and what those did (`/proc/PID/task/TID/children`, proc(5)).
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for thread in threads {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            found.push(child);
            found.extend(descendants(child));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn what_a_silent_program_started_is_killed_and_the_program_goes_on() {
        let script = "echo before; sh -c 'sleep 1000; echo never'; echo after";
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut seen = Vec::new();
        watch(&mut child, Duration::from_secs(1), |what| seen.push(what)).unwrap();
        let line = |text: &str| Seen::Line(text.to_owned());
        assert_eq!(seen, [line("before"), Seen::Hung, line("after")]);
        assert!(child.wait().unwrap().success());
    }
}
