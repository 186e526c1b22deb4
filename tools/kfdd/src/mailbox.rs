//! Where other threads leave work for the event loop.
//!
//! Lock order: the mailbox's mutex is innermost; nothing is called while it is held.

use kfd_core::death::{Doom, Doomed};
use kfd_core::ids::{ProcessId, Tgid};
use kfd_core::sync::Mutex;
use notifier::watch::{Pidfd, WatchHandle};
use std::io;
use std::sync::mpsc::Sender;

/// What another thread leaves for the loop.
pub(crate) enum Letter {
    Watch {
        process: ProcessId,
        tgid: Tgid,
        pidfd: Pidfd,
    },
    Doomed(Doom<Doomed>),
    Deadline,
    /// A client has a wave worker: listen to it.
    WaveWorker(ProcessId),
    DoomAll {
        done: Sender<()>,
    },
    Stop,
}

/// Where other threads leave work for the event loop.
pub struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    bell: WatchHandle,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailbox")
    }
}

impl Mailbox {
    /// An empty mailbox, before its loop.
    ///
    /// # Errors
    /// No descriptor for the bell.
    pub fn new() -> io::Result<Self> {
        Ok(Self { letters: Mutex::default(), bell: WatchHandle::new()? })
    }

    /// A client attached: watch its death. The pidfd is closed once the watch is armed.
    pub fn watch(&self, process: ProcessId, tgid: Tgid, pidfd: Pidfd) {
        self.put(Letter::Watch { process, tgid, pidfd });
    }

    /// Somebody won the doom of a process.
    pub fn doomed(&self, doom: Doom<Doomed>) {
        self.put(Letter::Doomed(doom));
    }

    /// `Core::next_due` has changed.
    pub fn deadline(&self) {
        self.put(Letter::Deadline);
    }

    /// A client has a wave worker.
    pub(crate) fn wave_worker(&self, process: ProcessId) {
        self.put(Letter::WaveWorker(process));
    }

    /// Leaves a letter and wakes the loop.
    pub(crate) fn put(&self, letter: Letter) {
        self.letters.lock().push(letter);
        self.bell.wake();
    }

    /// The letters in the order in which they came, but those that end everything last: what came after one of them is a
    /// death that it is to wait for.
    pub(crate) fn take(&self) -> Vec<Letter> {
        let mut letters = std::mem::take(&mut *self.letters.lock());
        letters.sort_by_key(|letter| matches!(letter, Letter::DoomAll { .. } | Letter::Stop));
        letters
    }

    /// What wakes the loop.
    pub(crate) fn bell(&self) -> WatchHandle {
        self.bell.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{Letter, Mailbox};
    use std::sync::mpsc::channel;

    // Keeps: drain
    #[test]
    fn what_comes_after_the_end_of_everybody_is_done_before_it() {
        let mailbox = Mailbox::new().expect("a descriptor");
        let (done, _) = channel();
        mailbox.put(Letter::DoomAll { done });
        mailbox.deadline();
        let letters = mailbox.take();
        assert!(matches!(letters[..], [Letter::Deadline, Letter::DoomAll { .. }]));
        assert!(mailbox.take().is_empty());
    }
}
