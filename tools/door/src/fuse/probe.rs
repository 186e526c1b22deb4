//! Whether the address space of a client is gone, which dooms its process: asked of whoever can reach its memory.
//!
//! The end of a client brings several signs that it may be (a FLUSH and a RELEASE of each file), and each question wakes
//! two others. So there is one at a time for a process and none for a doomed one. A sign that comes while one is under way
//! asks once more when that is answered, unless the answer settles it: the answer may be older than the sign.
//!
//! Nor is it asked when SIGKILL shows that the answer will be yes.

use super::door::Door;
use crate::workers::MmState;
use kfd_core::death::Cause;
use kfd_core::ids::{ProcessId, Tgid, Tid};
use notifier::watch::{self, KillSign, kill_sign};
use std::sync::Arc;

/// A question under way. Dropped, it is over, so that one that is never answered does not keep the next from being asked.
struct UnderWay {
    door: Arc<Door>,
    process: ProcessId,
    over: bool,
}

impl UnderWay {
    /// Whether a sign came meanwhile.
    fn end(mut self) -> bool {
        self.over = true;
        self.door.probes.end(self.process)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.over {
            self.door.probes.end(self.process);
        }
    }
}

/// Whether SIGKILL is pending for a process, or for that thread of it. What cannot be read counts as no: the pidfd comes
/// later and is sure.
pub(super) fn is_killed(tgid: Tgid, tid: Option<Tid>) -> bool {
    let tid = tid.map(|tid| watch::Tid(tid.0));
    matches!(kill_sign(watch::Tgid(tgid.0), tid), Ok(KillSign::Pending))
}

impl Door {
    /// A process closes a file, which may be its end.
    pub(super) fn closing(self: &Arc<Self>, process: ProcessId, tgid: Tgid) {
        // The process's own status: its threads' would have to be made in /proc first, which takes longer than the rest.
        if self.driver.is_live(process) && is_killed(tgid, None) {
            return self.doom(process, Cause::Killed);
        }
        self.probe(process);
    }

    /// A sign that a process's address space may be gone.
    pub(super) fn probe(self: &Arc<Self>, process: ProcessId) {
        if !self.driver.is_live(process) || !self.probes.begin(process) {
            return;
        }
        let under_way = UnderWay { door: Arc::clone(self), process, over: false };
        let answered = move |mm| {
            let door = Arc::clone(&under_way.door);
            let again = under_way.end();
            if mm == MmState::Gone {
                door.gone(process);
            } else if again {
                door.probe(process);
            }
        };
        self.memory.probe(process, Box::new(answered));
    }

    fn gone(&self, process: ProcessId) {
        let known = self.nodes().member(process).map(|member| (member.tgid, member.mm));
        if let Some((tgid, mm)) = known {
            self.former.add(&self.resolver, tgid, mm);
        }
        self.doom(process, Cause::MmGone);
    }
}
