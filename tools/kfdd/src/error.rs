//! Why a daemon could not start.

use crate::rundir::RunDirError;
use door::fuse::DoorError;
use std::io;

/// Why a daemon could not start; each message says what to do.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the names say it")]
pub enum StartError {
    /// The run directory.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// The device profile.
    #[error("the device profile cannot be used")]
    Profile(#[from] kfd_core::profile::ProfileError),
    /// A file with a device profile.
    #[error("the device profile in {path} cannot be used")]
    ProfileFile {
        path: String,
        /// What is wrong with it.
        source: kfd_core::profile::ProfileError,
    },
    /// Waves are to run on a device that no engine of waves knows.
    #[error(
        "the waves of {device} cannot be executed here: `--waves refuse` refuses its dispatches, `--waves null` completes \
         them unexecuted"
    )]
    NoEngine { device: String },
    /// The core's configuration.
    #[error("the configuration cannot be used")]
    Core(#[from] kfd_core::ConfigError),
    /// The FUSE door.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The event loop.
    #[error(transparent)]
    EventLoop(#[from] notifier::watch::SetupError),
    /// A thread, a process, a socket or a file.
    #[error("cannot start {what}")]
    Part { what: &'static str, source: io::Error },
}

pub(crate) fn part(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::Part { what, source }
}
