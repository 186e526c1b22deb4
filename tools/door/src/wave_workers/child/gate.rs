//! A gate before which threads gather: they go in together, or home.

use kfd_core::sync::{Condvar, Mutex};
use std::io;
use std::sync::PoisonError;

#[derive(Default)]
struct State {
    waiting: usize,
    /// Whether they may go in, once it is known.
    open: Option<bool>,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    bell: Condvar,
}

impl Gate {
    /// Waits before the gate; whether it was opened.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.state.lock();
        state.waiting += 1;
        self.bell.notify_all();
        loop {
            if let Some(open) = state.open {
                return open;
            }
            state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// When so many wait, does what is to be done before, and opens the gate if that succeeds.
    pub(super) fn open(&self, count: usize, before: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state.lock();
        while state.waiting < count {
            state = self.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        let done = before();
        self.decide(done.is_ok());
        done
    }

    /// Sends everybody home who waits or will.
    pub(super) fn close(&self) {
        self.decide(false);
    }

    fn decide(&self, open: bool) {
        self.state.lock().open = Some(open);
        self.bell.notify_all();
    }
}
