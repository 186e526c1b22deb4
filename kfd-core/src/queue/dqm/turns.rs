//! Turns: which queue is next, and what follows from how its turn ended.
//!
//! Processes take turns, whatever the number of their queues, and the queues of a process among themselves; a turn is as
//! long as the queue's priority says.

use super::entry::Entry;
use super::qpd::page_of;
use super::run::{Ended, Run};
use super::scheduler::Scheduler;
use crate::ids::{Nanos, ProcessId};
use crate::queue::Queue;
use crate::sync::{Arc, Ordering};

/// AQL packets in one turn of a queue with priority 0, two microseconds' worth of the cheapest; each step of priority adds as many (KFD priorities are 0 to 15, 7 is normal).
const PACKETS: u32 = 64;

/// A queue's right to run once, which ends with `Dqm::done`.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) queue: Arc<Queue>,
    /// How many AQL packets it may run, or as much of others as takes that long.
    pub(crate) budget: u32,
    /// No other queue of the device was ready or waited for a slot, and none of its process was parked: the engine may
    /// poll a ring that runs dry.
    pub(crate) alone: bool,
    /// `Dqm::stirs` at its beginning.
    pub(crate) stirs: u64,
    /// Until when a ring that runs dry is polled; 0 for a last look.
    pub(crate) hot_until: Nanos,
    serial: u64,
}

/// What an engine finds that wants a turn.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) turn: Option<Turn>,
    /// An engine is to look again then.
    pub(crate) look_at: Option<Nanos>,
    /// These have lost their slots: their dispatches are to stand still.
    pub(crate) paused: Vec<Arc<Queue>>,
}

/// What follows from the end of a turn.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct After {
    /// This doorbell page of the process went quiet and is to be dropped.
    pub(crate) rearm: Option<usize>,
    /// The queue is polled until then and nothing else is ready.
    pub(crate) poll_until: Option<Nanos>,
    /// Other queues became ready.
    pub(crate) woke: bool,
    /// Parked queues get a look then, sooner than was known.
    pub(super) look_at: Option<Nanos>,
}

impl Scheduler {
    /// The next queue to run, of the next process.
    pub(super) fn next(&mut self, now: Nanos) -> Option<Turn> {
        self.rotate(now);
        while let Some(process) = self.round.pop_front() {
            let found = self.next_of(process, now);
            let Some(qpd) = self.qpds.get_mut(&process) else { continue };
            if qpd.ready.is_empty() {
                qpd.in_round = false;
            } else {
                self.round.push_back(process);
            }
            if let Some(mut turn) = found {
                turn.alone = self.round.is_empty() && qpd.parked.is_empty() && !self.list.is_wanted();
                return Some(turn);
            }
        }
        None
    }

    /// The next queue of this process to run. The process stays where it is in the round, which passes over it when
    /// nothing of it is ready.
    pub(super) fn next_of(&mut self, process: ProcessId, now: Nanos) -> Option<Turn> {
        let qpd = self.qpds.get_mut(&process)?;
        while let Some(key) = qpd.ready.pop_front() {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let was_fresh = entry.run.is_fresh();
            if let Some(hot_until) = entry.run.begin() {
                self.fresh -= usize::from(was_fresh);
                entry.hqd.turn_begins(now);
                entry.turns += 1;
                return Some(Turn {
                    queue: Arc::clone(&entry.queue),
                    budget: PACKETS * (1 + entry.priority),
                    alone: false,
                    stirs: self.stirs.load(Ordering::Relaxed),
                    hot_until,
                    serial: entry.turns,
                });
            }
        }
        None
    }

    /// A turn ended, having retired `packets`; a queue that retires some is polled until `hot_until`.
    pub(super) fn done(
        &mut self,
        turn: &Turn,
        ended: Ended,
        packets: u32,
        now: Nanos,
        hot_until: Nanos,
    ) -> After {
        let (key, worked) = (turn.queue.key, packets > 0);
        let mut after = After::default();
        if worked {
            after.woke = self.wake_parked(key.process, Some(key));
        }
        // A queue that is made when another is gone can have its id.
        let is_its =
            |entry: &&mut Entry| entry.turns == turn.serial && Arc::ptr_eq(&entry.queue, &turn.queue);
        let Some(entry) = self.entries.get_mut(&key).filter(is_its) else { return after };
        if !entry.run.ended(ended, worked, now, hot_until) {
            return after;
        }
        if worked {
            entry.back_off.moved();
        }
        let page = page_of(&turn.queue);
        match entry.run {
            Run::Ready { polled: false, .. } => self.enter(key),
            Run::Ready { polled: true, heat } => {
                self.enter(key);
                self.yield_slot(key);
                after.poll_until = (self.fresh == 0).then_some(heat.until);
            }
            Run::Waiting { .. } => self.yield_slot(key),
            Run::Dispatched { .. } => after.rearm = self.cool(key.process, page),
            Run::Idle => {
                self.yield_slot(key);
                after.rearm = self.cool(key.process, page);
            }
            Run::Parked { .. } => {
                after.look_at = self.park(key, now);
                self.yield_slot(key);
                after.rearm = self.cool(key.process, page);
            }
            Run::Stopped => {
                self.leave(key);
                self.serve();
                after.rearm = self.cool(key.process, page);
            }
            // No turn ends in these.
            Run::Running { .. } | Run::Disabled | Run::Held => {}
        }
        after
    }
}
