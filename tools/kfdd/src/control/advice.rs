//! What to do about a daemon that listens and does not answer.

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use std::fmt;
use std::os::unix::net::UnixStream;

/// What to do about a daemon that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// The daemon's process, as this one's pid namespace numbers it, where the kernel tells.
    pub pid: Option<i32>,
    /// Whether it is stopped, by a signal or a tracer.
    pub stopped: bool,
}

impl Advice {
    /// Looks at the process that listens at the other end.
    pub(super) fn of(stream: Option<&UnixStream>) -> Self {
        let peer = stream.and_then(|stream| getsockopt(stream, PeerCredentials).ok());
        let pid = peer.map(|peer| peer.pid()).filter(|pid| *pid > 0);
        let stopped = pid.is_some_and(|pid| matches!(state(pid), Some('T' | 't')));
        Self { pid, stopped }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, self.stopped) {
            (Some(pid), true) => {
                write!(f, "its process {pid} is stopped, and `kill -CONT {pid}` lets it go on")
            }
            (Some(pid), false) => write!(
                f,
                "its log says what its process {pid} is at; `kill {pid}` ends it and gives its clients an errno"
            ),
            (None, _) => f.write_str("its log says what it is at"),
        }
    }
}

/// The letter of a process's state (proc_pid_stat(5)); the name before it may hold anything.
fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[cfg(test)]
mod tests {
    use super::{Advice, state};

    // Keeps: silent-daemon
    #[test]
    fn a_process_is_named_and_let_go_on_where_it_is_stopped() {
        let pid = i32::try_from(std::process::id()).expect("a process id fits");
        assert!(state(pid).is_some_and(|state| !matches!(state, 'T' | 't')));
        for (advice, words) in [
            (Advice { pid: Some(7), stopped: true }, "`kill -CONT 7`"),
            (Advice { pid: Some(7), stopped: false }, "`kill 7`"),
            (Advice { pid: None, stopped: false }, "its log"),
        ] {
            assert!(advice.to_string().contains(words), "{advice}");
        }
    }
}
