//! The link thread of one worker: reads its answers and runs continuations, until the socket ends.
//!
//! It does nothing else, so that between an answer and its continuation lies one system call. Time, replacement and
//! everything that may take long is the warden's (`warden`), which ends a link by shutting its socket down.
//!
//! Lock order: takes the lane's lock; continuations run with no lock held.

use super::job::{Answered, MmState, Part};
use super::lane::Lane;
use super::spawn::Peer;
use super::sys;
use super::wire::{self, Kind, MESSAGE_MAX, Malformed};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// Takes a worker's answers until it hangs up, and runs what waits for each.
pub(super) fn serve(lane: &Lane, peer: &Arc<Peer>) {
    let mut buffer = vec![0; MESSAGE_MAX + 1];
    while let Ok(len @ 1..) = sys::receive(peer.socket.as_fd(), &mut buffer) {
        let Ok((id, answered)) = parse(&buffer[..len]) else { break };
        let mut state = lane.locked();
        let part = if state.is_current(peer) {
            state.queue.answered(id, Instant::now())
        } else {
            // With its last answer a retired worker is over, and the warden ends it.
            lane.kick();
            state.answered_late(peer, id)
        };
        lane.push(&mut state);
        drop(state);
        let Some(part) = part else { break };
        run(part, answered);
    }
    end(lane, peer);
}

/// The worker is gone or speaks nonsense: what it had begun fails, the rest is for its successor.
fn end(lane: &Lane, peer: &Arc<Peer>) {
    let mut state = lane.locked();
    let mut failed = Vec::new();
    if state.is_current(peer) && !state.closing {
        tracing::warn!(worker = peer.pid, "a memory worker ended; a fresh one takes over");
        failed = state.retire();
    }
    failed.extend(state.end_retired(peer));
    lane.push(&mut state);
    drop(state);
    lane.kick();
    failed.into_iter().for_each(|part| run(part, Answered::Failed));
}

/// Runs one continuation. A panic in it is its owner's, not the pool's.
pub(super) fn run(part: Part, answered: Answered) {
    let process = part.process;
    if catch_unwind(AssertUnwindSafe(|| part.finish(answered))).is_err() {
        tracing::error!(%process, "a continuation of a memory job panicked");
    }
}

fn parse(message: &[u8]) -> Result<(u64, Answered), Malformed> {
    let (header, rest) = wire::header(message)?;
    let answered = match (header.kind, header.count) {
        (Kind::Answer, count) => Answered::Accesses(wire::answers(count, rest)?),
        (Kind::Probed, 0) => Answered::Probed(MmState::Gone),
        (Kind::Probed, 1) => Answered::Probed(MmState::Alive),
        (Kind::Probed, _) => Answered::Probed(MmState::Unknown),
        _ => return Err(Malformed),
    };
    Ok((header.id, answered))
}
