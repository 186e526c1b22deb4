//! Answering control connections.
//!
//! The event loop accepts and hands each connection to a short-lived thread here, so a slow reader of a long listing
//! delays nobody; at most [`AT_ONCE`] are answered at a time and the next one is told to come again.

use super::protocol::{REQUEST_MAX, Reply, Request};
use crate::served::Served;
use kfd_core::eviction::Reason;
use kfd_core::ids::{ProcessId, Tgid, Uid};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How many connections are answered at a time.
pub const AT_ONCE: usize = 16;

/// How long a peer may take to say its line or to read its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Binds the control socket; a file that a crash left there is replaced (the run directory's lock is held).
///
/// # Errors
/// The bind's.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    drop(std::fs::remove_file(path));
    let listener = UnixListener::bind(path)?;
    // Everybody may ask; what each sees depends on its uid.
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Takes every waiting connection of `listener` and answers each on a thread of its own.
pub fn accept_all(listener: &UnixListener, served: &Arc<Served>) {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                tracing::warn!(%error, "control connection lost");
                return;
            }
        };
        // The strong count beyond the owners' is the number of conversations under way.
        let conversation = Arc::clone(&served.conversations);
        if Arc::strong_count(&conversation) > AT_ONCE + 1 {
            drop(reply(
                &stream,
                &Reply::Error { error: "too many control connections; try again".to_owned() },
            ));
            continue;
        }
        let served = Arc::clone(served);
        let spawned = std::thread::Builder::new().name("kfdd-control".to_owned()).spawn(move || {
            if let Err(error) = converse(&stream, &served) {
                tracing::debug!(%error, "control conversation ended early");
            }
            drop(conversation);
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread for a control connection");
        }
    }
}

fn converse(stream: &UnixStream, served: &Served) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let uid = Uid(getsockopt(stream, PeerCredentials)?.uid());
    let trusted = uid == Uid(0) || uid == Uid(nix::unistd::geteuid().as_raw());
    let (line, listener) = door::seccomp::handover::receive(stream, REQUEST_MAX, trusted)?;
    let answer = match serde_json::from_slice(&line) {
        Ok(Request::Listener) => listen(listener, trusted, uid, served),
        Ok(request) => answer(&request, uid, served),
        Err(error) => Reply::Error { error: format!("not a request this daemon knows: {error}") },
    };
    reply(stream, &answer)
}

fn reply(mut stream: &UnixStream, answer: &Reply) -> io::Result<()> {
    stream.write_all(&serde_json::to_vec(answer)?)
}

/// A command of this user has stopped calls for us to answer; without a listener, whether we would.
fn listen(listener: Option<OwnedFd>, trusted: bool, uid: Uid, served: &Served) -> Reply {
    let Some(listener) = listener else { return Reply::Listening { listening: trusted } };
    match served.descriptors.add(listener, uid) {
        Ok(()) => Reply::Listening { listening: true },
        Err(error) => Reply::Error { error: error.to_string() },
    }
}

fn answer(request: &Request, uid: Uid, served: &Served) -> Reply {
    let root = uid == Uid(0);
    match request {
        Request::Processes => {
            served.core.reclaim_all();
            let mut processes = served.core.processes();
            processes.retain(|row| root || row.uid == uid);
            if let Some(waves) = &served.waves {
                waves.tell_processes(&mut processes);
            }
            Reply::Processes { processes }
        }
        Request::Queues => {
            let mut queues = served.core.queues();
            queues.retain(|row| root || row.uid == uid);
            if let Some(waves) = &served.waves {
                waves.tell_queues(&mut queues);
            }
            Reply::Queues { queues }
        }
        Request::Kernels => {
            let mut kernels = served.waves.as_ref().map_or_else(Vec::new, |waves| waves.kernels());
            kernels.retain(|row| root || row.uid == uid);
            Reply::Kernels { kernels }
        }
        Request::Listener => Reply::Listening { listening: false },
        Request::Shares => {
            served.core.reclaim_all();
            let mut shares = served.core.shares();
            shares.retain(|row| root || row.uid == uid);
            Reply::Shares { shares }
        }
        Request::Deaths { since } => {
            let (mut deaths, next) = served.deaths.since(*since);
            deaths.retain(|row| root || row.uid == uid);
            Reply::Deaths { deaths, next }
        }
        Request::Evict { tgid } => match own(served, *tgid, uid) {
            Ok(mut evicted) => {
                evicted.retain(|process| served.core.evict(*process, Reason::Request));
                Reply::Evicted { evicted }
            }
            Err(error) => Reply::Error { error },
        },
        Request::Restore { tgid } => match own(served, *tgid, uid) {
            Ok(mut restored) => {
                restored.retain(|process| served.core.restore(*process, Reason::Request));
                Reply::Restored { restored }
            }
            Err(error) => Reply::Error { error },
        },
        Request::EvictOverdrawn { from } if root => {
            Reply::Evicted { evicted: served.core.evict_overdrawn(*from) }
        }
        Request::EvictOverdrawn { .. } => {
            Reply::Error { error: "who holds more than it was charged for is root's to judge".to_owned() }
        }
        Request::Totals if root => {
            served.core.reclaim_all();
            Reply::Totals { totals: served.core.totals(), fds: open_descriptors() }
        }
        Request::Totals => Reply::Error { error: "the totals of all users are for root".to_owned() },
        Request::Version => Reply::Version {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tgid: std::process::id(),
            profile: served.profile.clone(),
            gpus: served.gpus,
            interface: served.core.profile().interface_minor,
            waves: served.dispatches,
        },
    }
}

/// The live process objects of a thread group, if they are the asking user's to stop.
fn own(served: &Served, tgid: Tgid, uid: Uid) -> Result<Vec<ProcessId>, String> {
    let mut rows = served.core.processes();
    rows.retain(|row| row.tgid == tgid && (uid == Uid(0) || row.uid == uid));
    if rows.is_empty() {
        return Err(format!("no process {tgid} has a GPU here, or it is another user's"));
    }
    Ok(rows.into_iter().map(|row| row.process).collect())
}

/// Open descriptors of this process; the one that reads the directory is not counted.
#[must_use]
pub fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count().saturating_sub(1) as u64)
}
