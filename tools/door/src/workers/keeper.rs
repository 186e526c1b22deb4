//! The keeper: one more worker process, which holds every mem fd and is never given a job, so it never sleeps on a page.
//!
//! When a worker is given up its successor needs the mem fds of the clients it served, and the core keeps none (one
//! descriptor per client is its budget). It gets them from here, one by one, for those clients that have something to
//! do. A fetch is one message to a process that never touches client memory, bounded by a socket timeout all the same.
//!
//! Limits: a keeper that dies (it has no reason to; the OOM killer or an administrator) is replaced by an empty one.
//! Clients whose worker is still there go on; those whose worker is given up later are reported lost.
//!
//! Lock order: after no lock; the keeper's lock is held across its one round trip and nothing is called under it.

use super::spawn::{Body, Peer, Program};
use super::sys;
use super::wire::{self, Header, Kind};
use kfd_core::ids::ProcessId;
use kfd_core::sync::{Mutex, MutexGuard};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

/// How long one message to the keeper may take. It answers in microseconds; this bounds a stopped one.
const PATIENCE_MS: i64 = 1000;

/// In messages that are about no client.
const NOBODY: ProcessId = ProcessId { slot: 0, generation: 0 };

/// The pool's keeper.
#[derive(Default)]
pub(super) struct Keeper {
    peer: Mutex<Option<(Peer, Body)>>,
    /// What aborts the daemon's connection: every fresh keeper is told (`guard`).
    abort: OnceLock<OwnedFd>,
}

impl Keeper {
    /// Starts the process if there is none. Called by a warden only (see `spawn`).
    pub(super) fn ensure(&self, program: &Program) -> io::Result<()> {
        let mut peer = self.locked();
        if peer.is_none() {
            let fresh = program.start(0)?;
            let patience = TimeVal::milliseconds(PATIENCE_MS);
            setsockopt(&fresh.0.socket, sockopt::ReceiveTimeout, &patience)?;
            setsockopt(&fresh.0.socket, sockopt::SendTimeout, &patience)?;
            *peer = Some(fresh);
            if let Some(abort) = self.abort.get() {
                send(&mut peer, Kind::Guard, NOBODY, Some(abort.as_fd()));
            }
        }
        Ok(())
    }

    /// Whether `ensure` would start one.
    pub(super) fn is_missing(&self) -> bool {
        self.locked().is_none()
    }

    /// Its process id.
    pub(super) fn pid(&self) -> Option<u32> {
        self.locked().as_ref().map(|(peer, _)| peer.pid)
    }

    /// Has the keeper, and each one after it, write to `abort` when this process dies. The first call counts.
    pub(super) fn guard(&self, abort: OwnedFd) {
        if self.abort.set(abort).is_ok() {
            self.tell(Kind::Guard, NOBODY, self.abort.get().map(AsFd::as_fd));
        }
    }

    /// Keeps a client's mem fd.
    pub(super) fn attach(&self, process: ProcessId, memory: BorrowedFd<'_>) {
        self.tell(Kind::Attach, process, Some(memory));
    }

    pub(super) fn detach(&self, process: ProcessId) {
        self.tell(Kind::Detach, process, None);
    }

    /// Answers a duplicate of it; `None` when it is not there or the keeper had to be given up.
    pub(super) fn fetch(&self, process: ProcessId) -> Option<OwnedFd> {
        let mut peer = self.locked();
        let answer = ask(&peer.as_ref()?.0, process);
        if let Err(error) = &answer {
            give_up(&mut peer, error);
        }
        answer.ok().flatten()
    }

    /// Ends it and answers what is left, to be reaped.
    pub(super) fn stop(&self) -> Option<Body> {
        let (_, mut body) = self.locked().take()?;
        body.kill();
        Some(body)
    }

    fn tell(&self, kind: Kind, process: ProcessId, descriptor: Option<BorrowedFd<'_>>) {
        send(&mut self.locked(), kind, process, descriptor);
    }

    fn locked(&self) -> MutexGuard<'_, Option<(Peer, Body)>> {
        self.peer.lock()
    }
}

fn send(peer: &mut Option<(Peer, Body)>, kind: Kind, process: ProcessId, descriptor: Option<BorrowedFd<'_>>) {
    let Some((there, _)) = peer.as_ref() else { return };
    let mut message = Vec::new();
    wire::begin(&mut message, Header { kind, count: 0, id: 0, process });
    if let Err(error) = sys::send_message(there.socket.as_fd(), &message, descriptor.as_slice(), true) {
        give_up(peer, &error);
    }
}

fn ask(peer: &Peer, process: ProcessId) -> io::Result<Option<OwnedFd>> {
    let mut message = Vec::new();
    wire::begin(&mut message, Header { kind: Kind::Fetch, count: 0, id: 0, process });
    sys::send_message(peer.socket.as_fd(), &message, &[], true)?;
    let mut buffer = [0; 64];
    let (len, mut descriptors) =
        sys::receive_descriptors(peer.socket.as_fd(), &mut buffer, &mut crate::sys::control_buffer())?;
    let (header, _) = wire::header(&buffer[..len]).map_err(io::Error::other)?;
    if header.kind != Kind::Fetched || header.process != process {
        return Err(io::Error::other("the keeper answered something else"));
    }
    Ok(descriptors.pop())
}

fn give_up(peer: &mut Option<(Peer, Body)>, error: &io::Error) {
    tracing::warn!(%error, "the keeper of mem fds is gone; clients of a worker that hangs from now on are lost");
    if let Some((_, mut body)) = peer.take() {
        body.kill();
        body.reap();
    }
}
