//! Waking the loop from other threads.
//!
//! An eventfd that is written and never read. The ring polls it in multishot mode, which reports each
//! write of an eventfd once, whatever its count, so the loop neither reads nor re-arms it. The flag `rung`
//! keeps further writers from the system call until the loop has taken the wake-up.
//!
//! ```text
//!   quiet ── wake: set, write ──► rung ── taken by the loop, before it looks for work ──► quiet
//! ```
//!
//! Lock order: none. Not for carrying data: put the message where the loop will look, then wake.
#![allow(clippy::disallowed_types, reason = "the lint sees through the re-exports of crate::sync")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::sync::{AtomicUsize, Ordering};

const QUIET: usize = 0;
const RUNG: usize = 1;

#[derive(Debug)]
struct Bell {
    eventfd: EventFd,
    /// [`QUIET`] or [`RUNG`].
    rung: AtomicUsize,
}

/// Wakes a [`super::Watcher`] from any thread. Clones wake the same watcher.
#[derive(Debug, Clone)]
pub struct WatchHandle(Arc<Bell>);

impl WatchHandle {
    /// A handle for a watcher that is yet to be made, by [`super::Watcher::with_handle`], on its own thread.
    ///
    /// # Errors
    /// The eventfd cannot be made (out of descriptors).
    pub fn new() -> io::Result<Self> {
        let eventfd = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self(Arc::new(Bell { eventfd, rung: AtomicUsize::new(QUIET) })))
    }

    /// Makes the watcher report [`super::Event::Woken`]. Wake-ups between two such events are one.
    ///
    /// What the caller wrote before is visible to the loop when it handles the event. Never blocks; costs
    /// one atomic operation when a wake-up is already under way, else one system call.
    pub fn wake(&self) {
        // Release: the work written before is seen by whoever takes the flag (`take`), also when this
        // thread finds it set and leaves the write to the thread that set it.
        if self.0.rung.swap(RUNG, Ordering::AcqRel) == QUIET {
            // The count is bounded by the number of wake-ups taken, so it never reaches the value at which
            // a write is refused; there is no other error for a descriptor that we own.
            let written = self.0.eventfd.write(1);
            debug_assert!(written.is_ok(), "an eventfd that is owned takes a write: {written:?}");
        }
    }

    /// Takes the wake-up; the loop looks for work only after this. False if there was none.
    pub(super) fn take(&self) -> bool {
        // Acquire: pairs with the release in `wake`. A wake-up that comes after this writes again.
        self.0.rung.swap(QUIET, Ordering::AcqRel) == RUNG
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.eventfd.as_fd()
    }
}
