//! A command that is waited for: until it ends, until its time is over, or until a signal says to stop.
//!
//! Signals are held, so that a command's own end comes first: `kfdctl run` drains its daemon.

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use std::cell::Cell;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// `si_code` of a signal that the terminal made, which the command has had too (sigaction(2)).
const SI_KERNEL: i32 = 0x80;

/// How often a command is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long a command may take to end once it is told to.
const GRACE: Duration = Duration::from_secs(20);

/// How a command ended.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Ended {
    By(ExitStatus),
    /// It was told to, when its time was over.
    Late,
    /// By the signal that stops everything.
    Interrupted,
}

/// The signals that stop everything, held.
#[derive(Debug)]
pub struct Interrupts {
    signals: SignalFd,
    came: Cell<bool>,
}

impl Interrupts {
    /// Holds them for the calling thread.
    pub fn hold() -> io::Result<Self> {
        let set: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { signals, came: Cell::new(false) })
    }

    /// Whether one has come.
    pub fn came(&self) -> bool {
        self.came.get()
    }

    /// Runs a command to its end, which comes within `time` and a little.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn attend(&self, command: &mut Command, time: Duration) -> io::Result<Ended> {
        let mut child = command.spawn()?;
        let until = Instant::now() + time;
        loop {
            if let Some(status) = child.try_wait()? {
                self.look(None);
                return Ok(if self.came() { Ended::Interrupted } else { Ended::By(status) });
            }
            if self.look(Some(&child)) {
                end(&mut child)?;
                return Ok(Ended::Interrupted);
            }
            if Instant::now() > until {
                tell(&child, Signal::SIGTERM);
                end(&mut child)?;
                return Ok(Ended::Late);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whether a signal has come; one that only this program had is passed on.
    fn look(&self, child: Option<&Child>) -> bool {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            self.came.set(true);
            if let Some(child) = child.filter(|_| signal.ssi_code != SI_KERNEL) {
                tell(child, Signal::SIGTERM);
            }
        }
        self.came()
    }
}

fn tell(child: &Child, signal: Signal) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // It may have ended in between.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Waits for the end of one that was told to; by force when it takes too long.
fn end(child: &mut Child) -> io::Result<()> {
    let until = Instant::now() + GRACE;
    while child.try_wait()?.is_none() {
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
