//! Asking a daemon over its control socket; blocks for at most [`PATIENCE`].

use super::protocol::{Reply, Request};
use crate::rundir;
use door::seccomp::handover;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens.
    #[error("no kfdd answers at {path}: start one with `kfdd`, or name its --run-dir")]
    Absent {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The conversation broke.
    #[error("the daemon at {path} did not answer as expected")]
    Broken {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The daemon refused.
    #[error("the daemon refused: {0}")]
    Refused(String),
}

/// The control socket of one daemon.
#[derive(Debug, Clone)]
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// The daemon that serves the run directory `run`; nothing is connected yet.
    #[must_use]
    pub fn of(run: &Path) -> Self {
        Self { path: rundir::control(run) }
    }

    /// One request, one reply. A [`Reply::Error`] comes back as [`ControlError::Refused`].
    ///
    /// # Errors
    /// Nobody listens, the conversation broke, or the daemon refused.
    pub fn ask(&self, request: &Request) -> Result<Reply, ControlError> {
        self.say(request, None)
    }

    /// Hands a seccomp listener over, which the daemon serves from then on.
    ///
    /// # Errors
    /// As [`Control::ask`].
    pub fn hand_over(&self, listener: &OwnedFd) -> Result<(), ControlError> {
        self.say(&Request::Listener, Some(listener)).map(drop)
    }

    fn say(&self, request: &Request, listener: Option<&OwnedFd>) -> Result<Reply, ControlError> {
        let mut stream = UnixStream::connect(&self.path)
            .map_err(|source| ControlError::Absent { path: self.path.clone(), source })?;
        match converse(&mut stream, request, listener) {
            Ok(Reply::Error { error }) => Err(ControlError::Refused(error)),
            Ok(reply) => Ok(reply),
            Err(source) => Err(ControlError::Broken { path: self.path.clone(), source }),
        }
    }
}

fn converse(stream: &mut UnixStream, request: &Request, listener: Option<&OwnedFd>) -> io::Result<Reply> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    match listener {
        None => stream.write_all(&line)?,
        Some(listener) => handover::send(stream, &line, listener)?,
    }
    stream.shutdown(Shutdown::Write)?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}
