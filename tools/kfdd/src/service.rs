//! What the daemon tells a service manager, in the datagrams of sd_notify(3): that it serves, that it drains, and the
//! watchdog's pings.
//!
//! The program tells the first two and may wait for a busy manager. The event loop pings and waits for nobody: a ping
//! that finds no room is left out, and the next comes in time. Nothing but the event loop pings, so that a loop that
//! hangs falls silent; and without a watchdog there is no timer.
//!
//! Not for: a daemon inside `kfdctl run`, whose service, if it is one, is another.

use nix::sys::socket::{MsgFlags, send};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The manager's socket: a path, or `@` and an abstract name.
const SOCKET: &str = "NOTIFY_SOCKET";
/// How long the manager waits for a ping, in microseconds.
const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
/// Whose pings it waits for, if not everybody's.
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// How long the manager may be too busy to hear that the daemon serves or drains.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a manager that the environment names cannot be told anything.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ServiceError {
    #[error("the service manager's socket {socket:?} (of {SOCKET}) cannot be reached")]
    Socket {
        /// As the environment has it.
        socket: OsString,
        source: io::Error,
    },
    #[error("{WATCHDOG_USEC}={0:?} is not a number of microseconds above 1")]
    Watchdog(OsString),
}

/// The service manager that started this process.
#[derive(Debug)]
pub struct Service {
    socket: UnixDatagram,
    ping_every: Option<Duration>,
}

impl Service {
    /// The manager that the environment names; `None` without one.
    ///
    /// # Errors
    /// What the environment says is no socket that can be reached, or no time.
    pub fn of_environment() -> Result<Option<Self>, ServiceError> {
        let Some(name) = std::env::var_os(SOCKET).filter(|name| !name.is_empty()) else { return Ok(None) };
        let limit = watchdog(
            std::env::var_os(WATCHDOG_USEC).as_deref(),
            std::env::var_os(WATCHDOG_PID).as_deref(),
            std::process::id(),
        )?;
        let socket =
            connect(&name).map_err(|source| ServiceError::Socket { socket: name.clone(), source })?;
        Ok(Some(Self { socket, ping_every: limit.map(|limit| limit / 2) }))
    }

    /// How often the event loop is to [`ping`](Self::ping): at half of what the manager waits, as sd_watchdog_enabled(3)
    /// asks for. `None` without a watchdog.
    #[must_use]
    pub fn ping_every(&self) -> Option<Duration> {
        self.ping_every
    }

    /// A client may attach from now on; `status` is a line for a person.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The daemon takes back what clients hold, and ends.
    pub fn stopping(&self, status: &str) {
        self.tell(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// The caller's loop goes round. Never waits.
    pub fn ping(&self) {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        if let Err(error) = send(self.socket.as_raw_fd(), b"WATCHDOG=1", flags) {
            tracing::warn!(%error, "the service manager's watchdog was not pinged");
        }
    }

    fn tell(&self, lines: &str) {
        if let Err(error) = self.socket.send(lines.as_bytes()) {
            tracing::warn!(%error, lines, "the service manager was not told");
        }
    }
}

fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match name.as_bytes() {
        [b'@', name @ ..] => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        _ => socket.connect(name)?,
    }
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// How long the manager waits for a ping of process `pid`, if it does.
fn watchdog(
    micros: Option<&OsStr>,
    whose: Option<&OsStr>,
    pid: u32,
) -> Result<Option<Duration>, ServiceError> {
    let Some(micros) = micros.filter(|micros| !micros.is_empty()) else { return Ok(None) };
    if whose.is_some_and(|whose| whose != OsStr::new(&pid.to_string())) {
        return Ok(None);
    }
    match micros.to_str().and_then(|micros| micros.parse().ok()) {
        Some(0) => Ok(None),
        // Half of a microsecond would be a loop that does nothing else.
        None | Some(1) => Err(ServiceError::Watchdog(micros.to_owned())),
        Some(micros) => Ok(Some(Duration::from_micros(micros))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(micros: &str, whose: Option<&str>) -> Result<Option<Duration>, ServiceError> {
        watchdog(Some(OsStr::new(micros)), whose.map(OsStr::new), 42)
    }

    // Keeps: watchdog-absent
    #[test]
    fn a_watchdog_of_nobody_or_of_another_process_is_not_ours_to_ping() {
        assert!(matches!(watchdog(None, None, 42), Ok(None)));
        assert!(matches!(limit("0", None), Ok(None)));
        assert!(matches!(limit("1000000", Some("41")), Ok(None)));
        for whose in [None, Some("42")] {
            assert_eq!(limit("1000000", whose).expect("a time"), Some(Duration::from_secs(1)));
        }
    }

    #[test]
    fn a_time_that_is_none_is_refused_by_name() {
        for micros in ["1", "-5", "soon"] {
            let error = limit(micros, None).expect_err("no time").to_string();
            assert!(error.contains("WATCHDOG_USEC") && error.contains(micros), "{error}");
        }
    }

    // Keeps: service-ready, watchdog
    #[test]
    fn an_abstract_socket_is_reached_too_and_a_full_one_delays_no_ping() {
        let name = format!("kfdd-service-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let manager = UnixDatagram::bind_addr(&address).expect("a fresh name");
        let socket = connect(OsStr::new(&format!("@{name}"))).expect("it is bound");
        let service = Service { socket, ping_every: None };
        service.ready("serving");
        let mut line = [0; 64];
        let len = manager.recv(&mut line).expect("a datagram");
        assert_eq!(&line[..len], b"READY=1\nSTATUS=serving");
        let started = std::time::Instant::now();
        // More than any queue of datagrams holds (net.unix.max_dgram_qlen).
        (0..10_000).for_each(|_| service.ping());
        assert!(started.elapsed() < PATIENCE);
    }
}
