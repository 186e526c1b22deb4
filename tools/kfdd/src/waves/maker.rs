//! How wave workers are made: threads of this process, for debugging.

use door::wave_workers::{Limits, Link, child};
use kfd_core::ids::ProcessId;
use notifier::watch::Pidfd;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Makes workers.
pub struct Maker {
    limits: Limits,
}

/// A worker that was made, or is being made.
pub(super) struct Made {
    pub link: Link,
    /// It is a process of its own, whose birth is told.
    pub is_process: bool,
}

impl Maker {
    /// Workers are threads of this process.
    #[must_use]
    pub fn in_process(limits: Limits) -> Self {
        Self { limits }
    }

    /// Makes a worker with an arena and a page of epochs. Waits for nothing.
    pub(super) fn make(&self, process: ProcessId, arena: OwnedFd, epochs: OwnedFd) -> io::Result<Made> {
        let (link, socket) = Link::pair()?;
        let limits = self.limits.clone();
        std::thread::Builder::new().name("kfdd-waves".to_owned()).spawn(move || {
            if let Err(error) = child::serve(socket, arena, epochs, limits, || Ok(())) {
                tracing::warn!(%process, %error, "a wave worker could not begin");
            }
        })?;
        Ok(Made { link, is_process: false })
    }

    pub(super) fn births(&self) -> Vec<(ProcessId, Pidfd)> {
        Vec::new()
    }

    pub(super) fn births_descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
