//! What a dqm keeps under its lock: queues, the share of each process, the parked queues of each user.

use super::runlist::RunList;
use super::{BACK_OFF_FIRST, PAGE, PAGES, Run};
use crate::ids::{Nanos, ProcessId, QueueKey, Uid};
use crate::queue::Queue;
use crate::sync::{Arc, AtomicU64, Ordering};
use hsa_queue::doorbell::DOORBELL_BYTES;
use std::collections::{HashMap, HashSet, VecDeque};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) queue: Arc<Queue>,
    pub(super) run: Run,
    pub(super) priority: u32,
    /// Something happened while it could not be made ready: look again before it rests.
    pub(super) again: bool,
    /// It retired packets since it was last parked.
    pub(super) moved: bool,
    /// The answer it asked for came before its turn had ended.
    pub(super) answered: bool,
    /// It is looked at once, after a re-arm: an empty ring makes it idle at once.
    pub(super) last_look: bool,
    /// While it is ready: it ran dry, and this is one more look.
    pub(super) polled: bool,
    pub(super) hot_until: Nanos,
    /// Counts its turns: the end of an earlier turn changes nothing.
    pub(super) turn: u64,
    /// It is on its user's ring of parked queues.
    pub(super) ringed: bool,
    /// It runs on a hardware slot only: a compute queue. An SDMA queue has its place for life.
    pub(super) takes_slot: bool,
    /// The slot it is on.
    pub(super) slot: Option<usize>,
    /// When its slice there began: with its first turn on it.
    pub(super) began: Option<Nanos>,
    /// A debugger holds it, whatever its process's evictions.
    pub(super) suspended: bool,
}

#[derive(Debug)]
pub(super) struct Share {
    pub(super) uid: Uid,
    pub(super) queues: Vec<QueueKey>,
    pub(super) ready: VecDeque<QueueKey>,
    pub(super) listed: bool,
    pub(super) parked: HashSet<QueueKey>,
    pub(super) hot: [bool; PAGES],
    /// Ready queues that wait for a slot, first come first.
    pub(super) claims: VecDeque<QueueKey>,
    /// It is among the claimants of the run list.
    pub(super) claiming: bool,
    /// Slots that its queues are on.
    pub(super) seated: usize,
    /// Evictions that have not been restored.
    pub(super) evicted: u32,
}

impl Entry {
    /// A queue that has not run, in this state.
    pub(super) fn new(queue: &Arc<Queue>, run: Run, priority: u32) -> Self {
        Self {
            queue: Arc::clone(queue),
            run,
            priority,
            again: false,
            moved: false,
            answered: false,
            last_look: false,
            polled: false,
            hot_until: Nanos(0),
            turn: 0,
            ringed: false,
            takes_slot: queue.is_compute(),
            slot: None,
            began: None,
            suspended: false,
        }
    }

    /// 1 when it counts among the fresh.
    pub(super) fn is_fresh(&self) -> usize {
        usize::from(self.run == Run::Ready && !self.polled)
    }
}

impl Share {
    pub(super) fn new(uid: Uid) -> Self {
        Self {
            uid,
            queues: Vec::new(),
            ready: VecDeque::new(),
            listed: false,
            parked: HashSet::new(),
            hot: [false; PAGES],
            claims: VecDeque::new(),
            claiming: false,
            seated: 0,
            evicted: 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct Ring {
    pub(super) queues: VecDeque<QueueKey>,
    pub(super) back_off: u64,
    pub(super) next: Option<Nanos>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) entries: HashMap<QueueKey, Entry>,
    pub(super) shares: HashMap<ProcessId, Share>,
    pub(super) turns: VecDeque<ProcessId>,
    pub(super) rings: HashMap<Uid, Ring>,
    /// Queues that are ready and not merely polled.
    pub(super) fresh: usize,
    /// Who is on the hardware, and who waits for it.
    pub(super) list: RunList,
    /// Counts queues that become ready.
    pub(super) stirs: Arc<AtomicU64>,
}

pub(super) fn page_of(queue: &Queue) -> usize {
    (u64::from(queue.doorbell) * DOORBELL_BYTES / PAGE) as usize
}

pub(super) fn later(now: Nanos, span: u64) -> Nanos {
    Nanos(now.0.saturating_add(span))
}

impl State {
    pub(super) fn new(list: RunList) -> Self {
        let (entries, shares, turns, rings, stirs) = Default::default();
        Self { entries, shares, turns, rings, fresh: 0, list, stirs }
    }

    /// Makes a queue ready, on a slot or waiting for one. It must not be ready.
    pub(super) fn ready(&mut self, key: QueueKey, polled: bool) {
        let (Some(entry), Some(share)) = (self.entries.get_mut(&key), self.shares.get_mut(&key.process))
        else {
            return;
        };
        (entry.run, entry.polled) = (Run::Ready, polled);
        self.fresh += usize::from(!polled);
        self.stirs.fetch_add(1, Ordering::Relaxed);
        share.parked.remove(&key);
        if entry.slot.is_some() || !entry.takes_slot || self.seat(key) {
            self.enlist(key);
        } else {
            self.claim(key);
        }
    }

    /// A ready queue that may run gets its turn among those of its process.
    pub(super) fn enlist(&mut self, key: QueueKey) {
        let Some(share) = self.shares.get_mut(&key.process) else { return };
        share.ready.push_back(key);
        if !share.listed {
            share.listed = true;
            self.turns.push_back(key.process);
        }
    }

    /// Takes a queue off the run list, into a state in which it does not run.
    pub(super) fn withdraw(&mut self, key: QueueKey, run: Run) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        self.fresh -= entry.is_fresh();
        entry.run = run;
        if let Some(share) = self.shares.get_mut(&key.process) {
            share.parked.remove(&key);
            share.ready.retain(|ready| *ready != key);
            share.claims.retain(|waiting| *waiting != key);
        }
        self.unseat(key);
    }

    /// A queue is to be looked at; whether it became ready by that.
    pub(super) fn wake(&mut self, key: QueueKey, hot_until: Nanos, last_look: bool) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        match entry.run {
            Run::Idle => {
                (entry.hot_until, entry.last_look) = (hot_until, last_look);
                self.ready(key, false);
                true
            }
            Run::Ready if !last_look => {
                (entry.hot_until, entry.last_look) = (hot_until, false);
                if std::mem::take(&mut entry.polled) {
                    self.fresh += 1;
                    self.claim_anew(key);
                }
                false
            }
            Run::Ready | Run::Running | Run::Waiting | Run::Parked => {
                entry.again = true;
                false
            }
            Run::Disabled | Run::Held | Run::Stopped => false,
        }
    }

    pub(super) fn wake_parked(&mut self, process: ProcessId, but: Option<QueueKey>) -> bool {
        let Some(share) = self.shares.get_mut(&process) else { return false };
        let parked: Vec<_> = share.parked.drain().collect();
        let mut woke = false;
        for key in parked {
            if self.entries.get(&key).is_some_and(|entry| entry.run == Run::Parked) {
                self.ready(key, false);
                woke = true;
            }
        }
        // One that runs now may have looked before the change and park after it.
        let Some(share) = self.shares.get(&process) else { return woke };
        for key in share.queues.iter().filter(|key| Some(**key) != but) {
            if let Some(entry) = self.entries.get_mut(key)
                && matches!(entry.run, Run::Running | Run::Waiting)
            {
                entry.again = true;
            }
        }
        woke
    }

    /// Makes a hot page cold when none of its queues is busy and one is idle: it is to be re-armed.
    pub(super) fn cool(&mut self, process: ProcessId, page: usize) -> Option<usize> {
        let share = self.shares.get_mut(&process)?;
        if !share.hot[page] {
            return None;
        }
        let runs =
            |key: &QueueKey| self.entries.get(key).filter(|e| page_of(&e.queue) == page).map(|e| e.run);
        let mut runs = share.queues.iter().filter_map(runs).peekable();
        let mut idle = false;
        for run in &mut runs {
            if run.is_busy() {
                return None;
            }
            idle |= run == Run::Idle;
        }
        if idle {
            share.hot[page] = false;
        }
        idle.then_some(page)
    }

    pub(super) fn park(&mut self, key: QueueKey, now: Nanos) -> Option<Nanos> {
        let share = self.shares.get_mut(&key.process)?;
        let entry = self.entries.get_mut(&key)?;
        entry.run = Run::Parked;
        share.parked.insert(key);
        let ring = self.rings.entry(share.uid).or_insert_with(|| Ring {
            queues: VecDeque::new(),
            back_off: BACK_OFF_FIRST,
            next: None,
        });
        if !std::mem::replace(&mut entry.ringed, true) {
            ring.queues.push_back(key);
        }
        if std::mem::take(&mut entry.moved) {
            ring.back_off = BACK_OFF_FIRST;
        }
        let at = later(now, ring.back_off);
        if ring.next.is_none_or(|next| at < next) {
            ring.next = Some(at);
            return ring.next;
        }
        None
    }
}
