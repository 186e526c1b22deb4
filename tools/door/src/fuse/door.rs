//! What the door threads share, and the steps that several kinds of request take.

use super::channel::Channel;
use super::driver::{ClientMemory, Driver, Host};
use super::files::Files;
use super::former::Former;
use super::inflight::InFlights;
use super::names::Names;
use super::node::{Nodes, Tree};
use super::probes::Probes;
use super::readings::Readings;
use super::wire::Reply;
use crate::identity::{IdentityError, Resolver};
use kfd_core::call::Errno;
use kfd_core::death::Cause;
use kfd_core::ids::ProcessId;
use kfd_core::sync::{Mutex, MutexGuard};
use std::sync::Arc;

/// What the door holds at a moment, for leak reports and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Census {
    /// Device nodes the kernel knows.
    pub nodes: usize,
    pub files: usize,
    /// Calls that are not answered.
    pub calls: usize,
}

/// Everything the door threads share.
pub(super) struct Door {
    pub(super) driver: Arc<dyn Driver>,
    pub(super) memory: Arc<dyn ClientMemory>,
    pub(super) host: Arc<dyn Host>,
    pub(super) channels: Arc<[Arc<Channel>]>,
    pub(super) names: Names,
    pub(super) resolver: Resolver,
    pub(super) former: Former,
    pub(super) probes: Probes,
    pub(super) files: Files,
    pub(super) readings: Readings,
    pub(super) calls: InFlights,
    /// Opens happen one at a time, so that a process is made and its memory attached before its next file exists.
    /// Outermost of the door's locks.
    pub(super) opening: Mutex<()>,
    pub(super) tree: Tree,
    nodes: Mutex<Nodes>,
}

impl Door {
    pub(super) fn new(
        driver: Arc<dyn Driver>,
        memory: Arc<dyn ClientMemory>,
        host: Arc<dyn Host>,
        tree: Tree,
        channels: Arc<[Arc<Channel>]>,
        names: Names,
    ) -> Self {
        Self {
            driver,
            memory,
            host,
            channels,
            names,
            resolver: Resolver::new(),
            former: Former::default(),
            probes: Probes::default(),
            files: Files::default(),
            readings: Readings::default(),
            calls: InFlights::default(),
            opening: Mutex::new(()),
            tree,
            nodes: Mutex::default(),
        }
    }

    pub(super) fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock()
    }

    /// Ends a request that could not be served.
    pub(super) fn give_up(&self, channel: &Channel, unique: u64) {
        self.calls.remove(unique);
        channel.reply(unique, &Reply::Error(Errno(libc::EIO)));
    }

    /// Tells of a sure sign of death.
    pub(super) fn doom(&self, process: ProcessId, cause: Cause) {
        if let Some(doom) = self.driver.doom(process, cause) {
            self.host.doomed(doom);
        }
    }

    pub(super) fn census(&self) -> Census {
        let files = self.files.len() + self.readings.len();
        Census { nodes: self.nodes().len(), files, calls: self.calls.len() }
    }

    /// Lets go of all calls, files and nodes: the connection is gone.
    pub(super) fn clear(&self) {
        self.calls.clear();
        for file in self.files.clear() {
            self.driver.release(file);
        }
        *self.nodes() = Nodes::default();
    }
}

/// What a caller who cannot be identified is told.
pub(super) fn refusal(error: &IdentityError) -> Errno {
    match error {
        IdentityError::Gone(_) => Errno(libc::ESRCH),
        IdentityError::Invisible => Errno(libc::EACCES),
        IdentityError::System { reason, .. } => {
            tracing::warn!(%error, "a client cannot be identified");
            Errno(reason.raw_os_error().unwrap_or(libc::EIO))
        }
    }
}
