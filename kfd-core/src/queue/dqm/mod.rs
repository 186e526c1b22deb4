//! The queues of one device (amdkfd's device queue manager): which runs next, which is polled, which waits for what.
//!
//! | module | idea |
//! |---|---|
//! | `run` | the states of a queue, what each has, and what each event makes of it |
//! | `turns` | which queue is next, and what follows from the end of its turn |
//! | `doorbells` | pages that are traps, and pages whose queues are polled |
//! | `slices`, `runlist` | compute queues on HQD slots |
//! | `parked`, `back_off` | queues with unmet dependencies |
//! | `hold` | evictions and debuggers |
//! | `queues` | queues come, change and go |
//! | `scheduler` | all of it under one lock, and the lists that a queue is on by its state |
//! | `entry`, `qpd`, `standing` | a queue, a process, and what of a queue is shown |
//!
//! A parked queue costs nothing until an event of its process is set, the engine completes something for its process, or
//! its user's back-off (at most a few queues each millisecond, however many are parked) comes round. An idle one costs
//! nothing until its doorbell rings.
//!
//! Lock order: the dqm's lock is inside the process mutex and a queue's MQD, outside the event table.
//! Not for: running packets, which `core::engine` does.

mod back_off;
mod doorbells;
mod entry;
mod hold;
mod parked;
mod qpd;
mod queues;
mod run;
mod runlist;
mod scheduler;
mod slices;
mod standing;
#[cfg(test)]
mod tests;
mod turns;

pub(crate) use qpd::PAGE;
pub(crate) use run::Ended;
pub use standing::QueueState;
pub(crate) use turns::{After, Next, Turn};

use crate::event::deadline::{Deadlines, Due};
use crate::ids::{Nanos, ProcessId, QueueKey, Uid};
use crate::notice::Post;
use crate::queue::Queue;
use crate::sync::{Arc, AtomicU64, Mutex, Ordering};
use runlist::RunList;
use scheduler::Scheduler;
use standing::Standing;
use std::collections::HashMap;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Dqm {
    /// The device's index, by which deadlines name it.
    device: usize,
    /// How long a ring that ran dry is polled.
    poll_window: Nanos,
    scheduler: Mutex<Scheduler>,
    /// The scheduler's, for an engine that polls a ring: it looks at them without the lock.
    stirs: Arc<AtomicU64>,
}

impl Dqm {
    /// A device without queues. A ring that ran dry is polled for `poll_window`; busy compute queues share `slots`, each
    /// for a `quantum`.
    pub(crate) fn new(device: usize, poll_window: Nanos, slots: usize, quantum: Nanos) -> Self {
        let scheduler = Scheduler::new(RunList::new(slots, quantum));
        let stirs = Arc::clone(&scheduler.stirs);
        Self { device, poll_window, scheduler: Mutex::new(scheduler), stirs }
    }

    /// How often a queue of this device became ready.
    #[inline]
    pub(crate) fn stirs(&self) -> u64 {
        // Relaxed: a hint that ends polling; the look that follows takes the lock.
        self.stirs.load(Ordering::Relaxed)
    }

    /// Until when a queue is polled that has retired packets, or whose doorbell rang, at `now`.
    pub(crate) fn hot_until(&self, now: Nanos) -> Nanos {
        now.after(self.poll_window.0)
    }
}

/// Queues come, change and go.
impl Dqm {
    /// A queue of `uid` comes. Whether it is ready at once, because its doorbell page is hot.
    pub(crate) fn add(&self, queue: &Arc<Queue>, uid: Uid, priority: u32, active: bool, now: Nanos) -> bool {
        self.scheduler.lock().add(queue, uid, priority, active, self.hot_until(now))
    }

    /// UPDATE_QUEUE: priority and whether the queue runs. Whether it became ready.
    pub(crate) fn update(&self, key: QueueKey, priority: u32, active: bool) -> bool {
        self.scheduler.lock().update(key, priority, active)
    }

    /// A queue goes. Its doorbell page, if that is quiet by that and to be re-armed. An engine may still be in the queue's
    /// last step.
    pub(crate) fn remove(&self, key: QueueKey) -> Option<usize> {
        self.scheduler.lock().remove(key)
    }

    /// All queues of a process go.
    pub(crate) fn remove_process(&self, process: ProcessId) {
        self.scheduler.lock().remove_process(process);
    }

    /// All queues of a process stop for good, and stay until they are destroyed. An engine may still be in their last turn.
    /// The caller holds the process mutex.
    pub(crate) fn stop_all(&self, process: ProcessId) -> Vec<Arc<Queue>> {
        self.scheduler.lock().stop_all(process)
    }

    /// Takes the queues of a process off the run list, also those that come; those that were not held before. An engine
    /// may still be in their last turn ([`Queue::quiesce`]). The caller holds the process mutex and knows that the
    /// process is not revoked.
    pub(crate) fn evict(&self, process: ProcessId, uid: Uid) -> Vec<Arc<Queue>> {
        self.scheduler.lock().evict(process, uid)
    }

    /// Takes one eviction back. Whether a queue became ready.
    pub(crate) fn restore(&self, process: ProcessId) -> bool {
        self.scheduler.lock().restore(process)
    }

    /// Takes one queue off the run list for a debugger; false when there is no such queue. As for [`Dqm::evict`], an
    /// engine may still be in its last turn.
    pub(crate) fn suspend(&self, key: QueueKey) -> bool {
        self.scheduler.lock().suspend(key)
    }

    /// Takes a debugger's hold back. Whether the queue became ready.
    pub(crate) fn resume(&self, key: QueueKey) -> bool {
        self.scheduler.lock().resume(key)
    }
}

/// What makes queues ready.
impl Dqm {
    /// A store hit a doorbell page, with or without a queue behind it. Whether a queue became ready. The caller holds
    /// the process mutex and knows that the process is not revoked.
    pub(crate) fn trap(&self, process: ProcessId, uid: Uid, page: usize, now: Nanos) -> bool {
        self.scheduler.lock().trap(process, uid, page, self.hot_until(now))
    }

    /// A doorbell page was dropped: its queues get their last look. Whether a queue became ready.
    pub(crate) fn rearmed(&self, process: ProcessId, page: usize) -> bool {
        self.scheduler.lock().rearmed(process, page)
    }

    /// The answer that a queue waits for has come. Whether it became ready.
    pub(crate) fn answered(&self, key: QueueKey) -> bool {
        self.scheduler.lock().tell(key, run::Run::answered)
    }

    /// The dispatch that a queue waits for is over. Whether it became ready.
    pub(crate) fn dispatch_over(&self, key: QueueKey) -> bool {
        self.scheduler.lock().tell(key, run::Run::dispatch_over)
    }

    /// Signals of a process may have changed. Whether a parked queue became ready.
    pub(crate) fn wake_parked(&self, process: ProcessId) -> bool {
        self.scheduler.lock().wake_parked(process, None)
    }

    /// The back-off of parked queues may have come round for some users. Whether a queue became ready.
    pub(crate) fn look_at_parked(&self, now: Nanos, deadlines: &Deadlines, post: &mut Post) -> bool {
        let next = |at| deadlines.add(at, Due::Parked(self.device), post);
        self.scheduler.lock().look_at_parked(now, next)
    }
}

/// Turns.
impl Dqm {
    /// The next queue to run. It is running until [`Dqm::done`]. Where there is none, and slices are to end nevertheless, an
    /// engine is to come then.
    pub(crate) fn next(&self, now: Nanos) -> Next {
        let mut scheduler = self.scheduler.lock();
        let turn = scheduler.next(now);
        let look_at = if turn.is_none() { scheduler.slice_due(now) } else { None };
        Next { turn, look_at, paused: std::mem::take(&mut scheduler.paused) }
    }

    /// The next queue of this process to run, out of turn: for the first look after its doorbell.
    pub(crate) fn next_of(&self, process: ProcessId, now: Nanos) -> Option<Turn> {
        self.scheduler.lock().next_of(process, now)
    }

    /// A turn ended, having retired `packets`.
    pub(crate) fn done(
        &self,
        turn: &Turn,
        ended: Ended,
        packets: u32,
        now: Nanos,
        deadlines: &Deadlines,
        post: &mut Post,
    ) -> After {
        let mut scheduler = self.scheduler.lock();
        let after = scheduler.done(turn, ended, packets, now, self.hot_until(now));
        if let Some(at) = after.look_at {
            deadlines.add(at, Due::Parked(self.device), post);
        }
        after
    }
}

/// What listings and reports show.
impl Dqm {
    /// The state and slot of a queue; `None` of one that is gone.
    pub(crate) fn standing(&self, key: QueueKey) -> Option<Standing> {
        self.scheduler.lock().entries.get(&key).map(entry::Entry::standing)
    }

    /// The queues that wait for a slot, each with its position among them, from 0.
    pub(crate) fn waiting(&self) -> HashMap<QueueKey, u32> {
        self.scheduler.lock().waiting().into_iter().zip(0..).collect()
    }

    /// Whether an engine is in one of its queues, or one has something to do.
    pub(crate) fn is_running(&self) -> bool {
        self.scheduler.lock().is_running()
    }

    /// Whether a queue is ready, and not merely to be polled.
    pub(crate) fn is_due(&self) -> bool {
        self.scheduler.lock().fresh > 0
    }

    /// How many queues there are, for the leak report.
    pub(crate) fn len(&self) -> usize {
        self.scheduler.lock().entries.len()
    }
}
