//! Asking a daemon over its control socket; blocks for at most [`PATIENCE`], from the connection to the answer's end,
//! whatever signals come.

use super::advice::Advice;
use super::protocol::{Reply, Request};
use crate::rundir;
use door::seccomp::handover;
use nix::errno::Errno;
use nix::sys::socket::sockopt;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, setsockopt, socket};
use nix::sys::time::TimeVal;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes that are read at once: a listing of ten thousand processes has five million.
const PART: usize = 64 << 10;

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ControlError {
    #[error("no kfdd answers at {path}: start one with `kfdd`, or name its --run-dir")]
    Absent { path: PathBuf, source: io::Error },
    /// Somebody listens and does not answer.
    #[error("the daemon at {path} has not answered for {} s: {advice}", PATIENCE.as_secs())]
    Silent {
        path: PathBuf,
        /// What to do.
        advice: Advice,
    },
    /// The conversation broke.
    #[error("the daemon at {path} did not answer as expected")]
    Broken { path: PathBuf, source: io::Error },
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
        let until = Instant::now() + PATIENCE;
        let path = || self.path.clone();
        let mut stream = match connect(&self.path, until) {
            Ok(stream) => stream,
            // More wait to be taken than a socket lets wait.
            Err(source) if is_late(&source) => {
                return Err(ControlError::Silent { path: path(), advice: Advice::of(None) });
            }
            Err(source) => return Err(ControlError::Absent { path: path(), source }),
        };
        match converse(&mut stream, request, listener, until) {
            Ok(Reply::Error { error }) => Err(ControlError::Refused(error)),
            Ok(reply) => Ok(reply),
            Err(source) if is_late(&source) => {
                Err(ControlError::Silent { path: path(), advice: Advice::of(Some(&stream)) })
            }
            Err(source) => Err(ControlError::Broken { path: path(), source }),
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// What is left until then.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Connects, which waits while more want to be taken than the socket lets wait.
fn connect(path: &Path, until: Instant) -> io::Result<UnixStream> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let address = UnixAddr::new(path)?;
    loop {
        // A time of none would be no time-out.
        let left = left(until)?.max(Duration::from_micros(1));
        let time = TimeVal::new(left.as_secs().cast_signed(), left.subsec_micros().into());
        setsockopt(&socket, sockopt::SendTimeout, &time)?;
        match nix::sys::socket::connect(socket.as_raw_fd(), &address) {
            Err(Errno::EINTR) => {}
            result => return result.map(|()| socket.into()).map_err(Into::into),
        }
    }
}

fn converse(
    stream: &mut UnixStream,
    request: &Request,
    listener: Option<&OwnedFd>,
    until: Instant,
) -> io::Result<Reply> {
    stream.set_write_timeout(Some(left(until)?))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    match listener {
        None => stream.write_all(&line)?,
        Some(listener) => handover::send(stream, &line, listener)?,
    }
    stream.shutdown(Shutdown::Write)?;
    let mut text = Vec::new();
    let mut part = vec![0; PART];
    loop {
        stream.set_read_timeout(Some(left(until)?))?;
        match stream.read(&mut part) {
            Ok(0) => return Ok(Reply::of_text(&text)?),
            Ok(count) => text.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{Backlog, bind, listen};

    /// Listens at the place of a run directory's control socket and takes nobody.
    fn deaf(run: &Path, backlog: i32) -> OwnedFd {
        let path = rundir::control(run);
        let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(socket.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        listen(&socket, Backlog::new(backlog).unwrap()).unwrap();
        socket
    }

    // Keeps: silent-daemon
    #[test]
    fn a_daemon_that_takes_nobody_is_silent_and_named_by_its_process() {
        let run = tempfile::tempdir().unwrap();
        let _deaf = deaf(run.path(), 8);
        let asked = Control::of(run.path()).ask(&Request::Version).unwrap_err();
        let ControlError::Silent { advice, .. } = &asked else { panic!("{asked}") };
        assert_eq!(advice.pid, i32::try_from(std::process::id()).ok());
        assert!(!advice.stopped && asked.to_string().contains("has not answered for 10 s"), "{asked}");
    }

    // Keeps: silent-daemon
    #[test]
    fn a_socket_where_too_many_wait_already_is_silent_too() {
        let run = tempfile::tempdir().unwrap();
        let _deaf = deaf(run.path(), 0);
        let _waits = UnixStream::connect(rundir::control(run.path())).unwrap();
        let asked = Control::of(run.path()).ask(&Request::Version).unwrap_err();
        assert!(matches!(asked, ControlError::Silent { .. }), "{asked}");
    }

    #[test]
    fn nobody_at_all_is_told_at_once() {
        let run = tempfile::tempdir().unwrap();
        let asked = Control::of(run.path()).ask(&Request::Version).unwrap_err();
        assert!(matches!(asked, ControlError::Absent { .. }), "{asked}");
    }
}
