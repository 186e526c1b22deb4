//! One message's worth of work and who waits for it.

use super::wire::{OPS_MAX, PAYLOAD_MAX};
use kfd_core::ids::ProcessId;
use kfd_core::notice::{LACKS_MAX, Lack, UserAccess, UserAnswer, UserSlots};
use kfd_core::sync::Mutex;
use std::sync::Arc;

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MmState {
    /// The address space is there (though perhaps only for a `CLONE_VM` sharer).
    Alive,
    /// It is gone: the process died or executed another program.
    Gone,
    /// That could not be found out: no such client, or its worker hung.
    Unknown,
}

/// The most bytes of an answer to a survey.
const SURVEY_BYTES: usize = LACKS_MAX * Lack::BYTES;

/// Runs when a job is done: once, with one answer per access.
pub(super) type Done = Box<dyn FnOnce(Vec<UserAnswer>) + Send>;
/// Runs when a probe is done.
pub(super) type Probed = Box<dyn FnOnce(MmState) + Send>;

/// What fits into one message and is done by one worker.
pub(super) struct Part {
    pub process: ProcessId,
    /// The number under which it was sent; 0 before that.
    pub id: u64,
    pub work: Work,
}

/// What is to be done, and for whom.
pub(super) enum Work {
    Accesses(Vec<UserAccess>, Sink),
    Probe(Probed),
}

/// Where a part's answers go.
pub(super) enum Sink {
    /// The part is the whole job.
    Whole(Done),
    /// It is one of several.
    Piece(Arc<Mutex<Collecting>>),
}

/// A job of several parts. They are sent and answered in order, so the answers come in order.
pub(super) struct Collecting {
    answers: Vec<UserAnswer>,
    parts_left: usize,
    done: Option<Done>,
}

/// What a worker said about a part.
pub(super) enum Answered {
    Accesses(Vec<UserAnswer>),
    Probed(MmState),
    /// Nothing, and it never will.
    Failed,
}

impl Part {
    pub(super) fn probe(process: ProcessId, done: Probed) -> Self {
        Self { process, id: 0, work: Work::Probe(done) }
    }

    /// What it counts against its client's share of memory in the daemon, bytes.
    pub(super) fn charge(&self) -> usize {
        match &self.work {
            Work::Accesses(accesses, _) => accesses.iter().map(charge).sum(),
            Work::Probe(_) => 64,
        }
    }

    /// Hands the answers to who waits. Runs foreign code: no lock may be held.
    pub(super) fn finish(self, answered: Answered) {
        match (self.work, answered) {
            (Work::Probe(done), Answered::Probed(state)) => done(state),
            (Work::Probe(done), _) => done(MmState::Unknown),
            (Work::Accesses(_, sink), Answered::Accesses(answers)) => sink.take(answers),
            (Work::Accesses(accesses, sink), _) => sink.take(vec![UserAnswer::Failed; accesses.len()]),
        }
    }
}

/// What one access counts: its bytes, whichever way, and its entry.
pub(super) fn charge(access: &UserAccess) -> usize {
    64 + match access {
        UserAccess::Read { len, .. } => *len as usize,
        UserAccess::Write { bytes, .. } => bytes.len(),
        UserAccess::FetchSub { .. } => 8,
        UserAccess::Packets { wanted, .. } => wanted.count as usize * UserSlots::BYTES,
        UserAccess::Survey { .. } => SURVEY_BYTES,
    }
}

/// Cuts a job into parts. An access longer than a message is a bug of the caller and fails as a part of its own.
pub(super) fn split(process: ProcessId, accesses: Vec<UserAccess>, done: Done) -> Vec<Part> {
    let mut groups: Vec<Vec<UserAccess>> = Vec::new();
    let (mut read, mut written) = (0, 0);
    for access in accesses {
        let (reads, writes) = match &access {
            UserAccess::Read { len, .. } => (*len as usize, 0),
            UserAccess::Write { bytes, .. } => (0, bytes.len()),
            UserAccess::FetchSub { .. } => (8, 0),
            // What is retired is written, though it does not come along.
            UserAccess::Packets { retired, wanted } => {
                (wanted.count as usize * UserSlots::BYTES, retired.count as usize * UserSlots::BYTES)
            }
            UserAccess::Survey { .. } => (SURVEY_BYTES, 0),
        };
        let full = groups.last().is_none_or(|group| group.len() == OPS_MAX);
        if full || read + reads > PAYLOAD_MAX || written + writes > PAYLOAD_MAX {
            groups.push(Vec::new());
            (read, written) = (0, 0);
        }
        (read, written) = (read + reads, written + writes);
        if let Some(group) = groups.last_mut() {
            group.push(access);
        }
    }
    let part = |accesses, sink| Part { process, id: 0, work: Work::Accesses(accesses, sink) };
    if groups.len() <= 1 {
        return vec![part(groups.pop().unwrap_or_default(), Sink::Whole(done))];
    }
    let collecting = Collecting { answers: Vec::new(), parts_left: groups.len(), done: Some(done) };
    let shared = Arc::new(Mutex::new(collecting));
    groups.into_iter().map(|group| part(group, Sink::Piece(Arc::clone(&shared)))).collect()
}

/// Whether a part can be sent at all.
pub(super) fn fits(part: &Part) -> bool {
    let Work::Accesses(accesses, _) = &part.work else { return true };
    accesses.iter().all(|access| {
        let retired = if let UserAccess::Packets { retired, .. } = access { retired.count } else { 0 };
        charge(access) <= 64 + PAYLOAD_MAX && retired <= UserSlots::MAX
    })
}

impl Sink {
    fn take(self, answers: Vec<UserAnswer>) {
        match self {
            Self::Whole(done) => done(answers),
            Self::Piece(shared) => {
                let mut collecting = shared.lock();
                collecting.answers.extend(answers);
                collecting.parts_left -= 1;
                if collecting.parts_left > 0 {
                    return;
                }
                let answers = std::mem::take(&mut collecting.answers);
                let done = collecting.done.take();
                drop(collecting);
                if let Some(done) = done {
                    done(answers);
                }
            }
        }
    }
}
