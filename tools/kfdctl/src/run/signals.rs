//! Signals of `kfdctl run`: held by the parent and passed on to the command.
//!
//! A signal that the terminal made (Ctrl-C, Ctrl-\, hang-up) reaches the whole foreground group, the command included;
//! sending it on would deliver it twice. The kernel marks those, and only what another process sent is forwarded.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;

const FORWARDED: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// `si_code` of a signal that the kernel sent (sigaction(2)).
const SI_KERNEL: i32 = 0x80;

/// The held signals of this process.
#[derive(Debug)]
pub struct Signals(SignalFd);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// A child changed its state.
    Child,
    /// Send this to the command.
    Forward(Signal),
}

fn forwarded() -> SigSet {
    FORWARDED.into_iter().collect()
}

impl Signals {
    /// Blocks them for the calling thread and all that it starts.
    pub fn hold() -> io::Result<Self> {
        let mut set = forwarded();
        set.add(Signal::SIGCHLD);
        set.thread_block()?;
        Ok(Self(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?))
    }

    /// Blocks until there is something to do.
    pub fn wait(&self) -> io::Result<Wake> {
        loop {
            let Some(got) = self.0.read_signal()? else { continue };
            let signal = i32::try_from(got.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok());
            match signal {
                Some(Signal::SIGCHLD) => return Ok(Wake::Child),
                Some(signal) if got.ssi_code != SI_KERNEL => return Ok(Wake::Forward(signal)),
                _ => {}
            }
        }
    }
}

/// Unblocks what [`Signals::hold`] of the parent blocked, for the process that becomes the command.
pub fn release() -> io::Result<()> {
    let mut set = forwarded();
    set.add(Signal::SIGCHLD);
    Ok(set.thread_unblock()?)
}
