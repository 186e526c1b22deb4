//! How wave workers are made: as processes, by their zygote, or for debugging as threads of this process.

use door::wave_workers::{Limits, Link, Told, WaveWorkers, WaveWorkersConfig, child};
use kfd_core::ids::ProcessId;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Makes workers.
#[derive(Debug)]
pub enum Maker {
    /// Processes of their own.
    Processes(Box<WaveWorkers>),
    /// Threads of this process, with these limits.
    Threads(Limits),
}

/// A worker that was made, or is being made.
pub(super) struct Made {
    pub link: Link,
    /// It is a process of its own, whose birth is told.
    pub is_process: bool,
}

impl Maker {
    /// Workers are processes with at most `data` bytes of their own.
    ///
    /// # Errors
    /// The zygote could not be started.
    pub fn processes(limits: Limits, data: u64) -> io::Result<Self> {
        let config = WaveWorkersConfig { data, ..WaveWorkersConfig::new(limits) };
        Ok(Self::Processes(Box::new(WaveWorkers::start(config)?)))
    }

    /// Makes a worker with an arena and a page of epochs. Waits for nothing.
    pub(super) fn make(&self, process: ProcessId, arena: OwnedFd, epochs: OwnedFd) -> io::Result<Made> {
        match self {
            Self::Processes(workers) => {
                let link = workers.make(process, arena, epochs)?;
                Ok(Made { link, is_process: true })
            }
            Self::Threads(limits) => {
                let (link, socket) = Link::pair()?;
                let limits = limits.clone();
                std::thread::Builder::new().name("kfdd-waves".to_owned()).spawn(move || {
                    if let Err(error) = child::serve(socket, arena, epochs, limits, || Ok(())) {
                        tracing::warn!(%process, %error, "a wave worker could not go on");
                    }
                })?;
                Ok(Made { link, is_process: false })
            }
        }
    }

    /// What is told of births since the last call.
    pub(super) fn told(&self) -> Option<Told> {
        match self {
            Self::Processes(workers) => workers.told(),
            Self::Threads(_) => None,
        }
    }

    /// The zygote has died: another one.
    pub(super) fn restart(&self) -> io::Result<()> {
        match self {
            Self::Processes(workers) => workers.restart(),
            Self::Threads(_) => Ok(()),
        }
    }

    /// Lends the descriptor on which births are told, while there is one.
    pub(super) fn with_descriptor<T>(&self, f: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        match self {
            Self::Processes(workers) => workers.with_descriptor(f),
            Self::Threads(_) => None,
        }
    }
}
