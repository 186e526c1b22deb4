//! A program on a terminal: what its screen shows in the end, not the stream of changes that draws it.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const ROWS: NonZero<u16> = NonZero::new(40).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(160).unwrap();

/// Shell words that run `program` on a terminal of its own, for the `script` of util-linux.
pub fn on_a_terminal(program: &str) -> [String; 6] {
    let sized = format!("stty cols {COLUMNS} rows {ROWS}; TERM=xterm exec {program}");
    // The end of a terminal reaches a program also where this process is one that ignores it (nohup).
    let heeds = ["env", "--default-signal=HUP"].map(str::to_owned);
    let [env, signal] = heeds;
    [env, signal, "script".into(), "-qc".into(), sized, "/dev/null".into()]
}

/// A running program, its keyboard and its screen.
pub struct Terminal {
    program: Child,
    drawn: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl Terminal {
    /// Starts a command made of [`on_a_terminal`].
    pub fn start(mut command: Command) -> Self {
        let mut program = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut stream = program.stdout.take().expect("it is piped");
        let (send, drawn) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut buffer) {
                if send.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { program, drawn, screen: vt100::Parser::new(ROWS, COLUMNS, 0) }
    }

    /// Draws until the screen has all the texts.
    ///
    /// # Panics
    /// With the screen, if the program ends before or `within` goes by.
    pub fn shows(&mut self, texts: &[&str], within: Duration) {
        let end = Instant::now() + within;
        loop {
            let screen = self.screen.screen().contents();
            let Some(missing) = texts.iter().find(|text| !screen.contains(*text)) else { return };
            let left = end.saturating_duration_since(Instant::now());
            match self.drawn.recv_timeout(left) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("no `{missing}` in {within:?} on\n{screen}"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without `{missing}` on\n{screen}"),
            }
        }
    }

    /// Presses keys and waits for the program's end.
    pub fn end_with(mut self, keys: &str) -> ExitStatus {
        let mut keyboard = self.program.stdin.take().expect("it is piped");
        keyboard.write_all(keys.as_bytes()).expect("it reads its terminal");
        let ended = self.program.wait().expect("a child of ours");
        drop(keyboard);
        ended
    }
}

impl Drop for Terminal {
    /// A failed test leaves no program behind.
    fn drop(&mut self) {
        if matches!(self.program.try_wait(), Ok(None)) {
            // With whatever runs it: the end of `script` hangs the terminal up.
            let group = Pid::from_raw(self.program.id().cast_signed());
            let _ = killpg(group, Signal::SIGKILL);
            let _ = self.program.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Terminal, on_a_terminal};
    use crate::{able, eventually};
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn a_terminal_that_is_dropped_leaves_no_program_behind() {
        if !able::has("script") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("pid");
        let words =
            on_a_terminal(&format!("sh -c 'echo $$ > {}; echo there; exec sleep 1000'", told.display()));
        // Below another program, as kfdctl is.
        let mut command = Command::new("sh");
        command.args(["-c", "\"$@\"; exit", "sh"]).args(words);
        let mut terminal = Terminal::start(command);
        terminal.shows(&["there"], Duration::from_secs(60));
        let pid = std::fs::read_to_string(&told).unwrap();
        let proc = std::path::PathBuf::from(format!("/proc/{}", pid.trim()));
        assert!(proc.exists());
        drop(terminal);
        let gone = eventually(Duration::from_secs(60), || (!proc.exists()).then_some(()));
        assert!(gone.is_some(), "{} still runs", proc.display());
    }
}
