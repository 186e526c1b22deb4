//! A queue on a device: its state, and what it has in every state.

use super::back_off::Member;
use super::run::Run;
use super::runlist::Hqd;
use super::standing::{QueueState, Standing};
use crate::queue::Queue;
use crate::sync::Arc;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) queue: Arc<Queue>,
    pub(super) run: Run,
    /// 0 to 15, as KFD has it.
    pub(super) priority: u32,
    /// A debugger holds it, whatever its process's evictions, and also while it is disabled.
    pub(super) suspended: bool,
    /// How many turns it has begun: the end of a turn that is not the last of them changes nothing.
    pub(super) turns: u64,
    pub(super) hqd: Hqd,
    pub(super) back_off: Member,
}

impl Entry {
    /// A queue that has not run, in this state.
    pub(super) fn new(queue: &Arc<Queue>, run: Run, priority: u32) -> Self {
        queue.set_off(run.is_off());
        Self {
            queue: Arc::clone(queue),
            run,
            priority,
            suspended: false,
            turns: 0,
            hqd: if queue.is_compute() { Hqd::Unmapped } else { Hqd::Sdma },
            back_off: Member::default(),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        let state = match self.run {
            Run::Disabled => QueueState::Disabled,
            Run::Held if self.suspended => QueueState::Suspended,
            Run::Held => QueueState::Evicted,
            Run::Stopped => QueueState::Stopped,
            Run::Idle => QueueState::Idle,
            Run::Ready { .. } | Run::Running { .. } => QueueState::Active,
            Run::Waiting { .. } => QueueState::Waiting,
            Run::Dispatched { .. } => QueueState::Dispatched,
            Run::Parked { .. } => QueueState::Parked,
        };
        Standing { state, slot: self.hqd.slot() }
    }
}
