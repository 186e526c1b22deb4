//! The queues of one device: which runs next, which is polled, which waits for what.
//!
//! ```text
//!            trap, enable               next                  packets
//!   Idle ───────────────────► Ready ──────────► Running ───────────────► Ready
//!    ▲                          ▲                 │ empty, still hot ──► Ready (polled)
//!    │ empty for a while        │ answer          │ needs client memory ► Waiting
//!    ├──────────────────────────│─────────────────┤
//!    │                          │ event, completion, back-off
//!    │                          └──────────────── Parked ◄── unmet dependency
//!   Disabled (no ring, percentage 0)              Stopped ◄── error, fault, a wait that nothing can end
//!   Held (evicted, suspended)
//! ```
//! Processes take turns, whatever the number of their queues; a turn is as long as the queue's priority says. A parked
//! queue costs nothing until an event of its process is set, the engine completes something for its process, or its
//! user's back-off (at most a few queues each millisecond, however many are parked) comes round.
//!
//! **Doorbell pages.** A page is *hot* from the trap on: the client's next stores go unseen, so its queues are polled.
//! When none of them is ready, running or waiting, the page is re-armed: it is cold from then on, the embedder drops
//! it and says so, and every idle queue of it is looked at once more. A queue made or enabled on a hot page is polled at once.
//!
//! **Slots.** A compute queue runs on a hardware slot; with more busy queues than slots they take slices (`runlist`).
//! A queue at rest keeps its slot only until another wants it.
//!
//! Lock order: the dqm's lock is inside the process mutex and a queue's processor, outside the event table.
//! Not for: running packets, which `engine` does.

mod hold;
mod runlist;
mod state;

use crate::core::listing::QueueState;
use crate::event::deadline::{Deadlines, Due};
use crate::ids::{Nanos, ProcessId, QueueKey, Uid};
use crate::notice::Post;
use crate::queue::Queue;
use crate::sync::{Arc, AtomicU64, Mutex, Ordering};
use hsa_queue::doorbell::SLICE_BYTES;
use runlist::RunList;
use state::{Entry, Share, State, later, page_of};
use std::collections::HashMap;

/// Bytes of a doorbell page: what the client's store traps on, and what is dropped.
pub(crate) const PAGE: u64 = 4096;
const PAGES: usize = (SLICE_BYTES / PAGE) as usize;
/// AQL packets in one turn of a queue with priority 0, two microseconds' worth of the cheapest; each step of priority adds as many (KFD priorities are 0 to 15, 7 is normal).
const PACKETS: u32 = 64;
/// Parked queues of one user that one tick looks at.
const LOOKS: usize = 8;
const BACK_OFF_FIRST: u64 = 20_000;
const BACK_OFF_LAST: u64 = 1_000_000;

/// Where a queue stands. See the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Disabled,
    Idle,
    Ready,
    Running,
    Waiting,
    Parked,
    Held,
    Stopped,
}

impl Run {
    /// It will come to an end of its own; until then its page is not re-armed.
    const fn is_busy(self) -> bool {
        matches!(self, Self::Ready | Self::Running | Self::Waiting)
    }

    /// It is not on the run list: nothing that its client does makes it run.
    pub(crate) const fn is_off(self) -> bool {
        matches!(self, Self::Disabled | Self::Held | Self::Stopped)
    }
}

impl From<Run> for QueueState {
    fn from(run: Run) -> Self {
        match run {
            Run::Disabled => Self::Disabled,
            Run::Idle => Self::Idle,
            Run::Ready | Run::Running => Self::Active,
            Run::Waiting => Self::Waiting,
            Run::Parked => Self::Parked,
            Run::Held => Self::Evicted,
            Run::Stopped => Self::Stopped,
        }
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its share was used up, or an event was raised.
    Busy,
    /// Nothing to act on; `rests` when looking on is not worth it: its memory is the client's own, or it was looked at for
    /// its whole window.
    Empty {
        /// See above.
        rests: bool,
    },
    /// An unmet dependency.
    Parked,
    /// An access to client memory is under way.
    Waiting,
    /// For good.
    Stopped,
}

/// A queue's right to run once.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Which queue.
    pub(crate) queue: Arc<Queue>,
    /// How many packets at most.
    pub(crate) budget: u32,
    /// Nothing else was ready on the device or waited for a slot, and nothing of its process parked: the engine may linger
    /// at its ring.
    pub(crate) alone: bool,
    /// When it began, by [`Dqm::stirs`].
    pub(crate) stirs: u64,
    /// How long an empty ring is still worth a look; 0 for a last look.
    pub(crate) hot_until: Nanos,
    serial: u64,
}

/// What the engine has to know after a turn.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct After {
    /// This page of that process went quiet.
    pub(crate) rearm: Option<usize>,
    /// The queue is polled until then and nothing else is ready.
    pub(crate) poll_until: Option<Nanos>,
    /// Other queues became ready.
    pub(crate) woke: bool,
}

/// Where a queue stands, for a listing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// Its state.
    pub(crate) run: Run,
    /// The slot it is on.
    pub(crate) slot: Option<usize>,
    /// A debugger holds it.
    pub(crate) suspended: bool,
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Dqm {
    device: usize,
    window: Nanos,
    state: Mutex<State>,
    /// How often a queue became ready: what an engine that lingers looks at without the lock.
    stirs: Arc<AtomicU64>,
}

impl Dqm {
    /// No queues yet. A queue that ran dry is polled for `window`; busy ones share `slots`, each for a `quantum`.
    pub(crate) fn new(device: usize, window: Nanos, slots: usize, quantum: Nanos) -> Self {
        let state = State::new(RunList::new(slots, quantum));
        let stirs = Arc::clone(&state.stirs);
        Self { device, window, state: Mutex::new(state), stirs }
    }

    /// How often a queue of this device became ready.
    #[inline]
    pub(crate) fn stirs(&self) -> u64 {
        // Relaxed: a hint that ends lingering; the look that follows takes the lock.
        self.stirs.load(Ordering::Relaxed)
    }

    /// How long a queue that ran dry is polled.
    pub(crate) fn hot(&self, now: Nanos) -> Nanos {
        later(now, self.window.0)
    }

    /// A queue of `uid` comes. Whether it is ready at once, because its doorbell page is hot.
    pub(crate) fn add(&self, queue: &Arc<Queue>, uid: Uid, priority: u32, active: bool, now: Nanos) -> bool {
        let mut state = self.state.lock();
        let key = queue.key;
        let share = state.shares.entry(key.process).or_insert_with(|| Share::new(uid));
        share.queues.push(key);
        let hot = share.hot[page_of(queue)];
        let run = match (active, share.evicted) {
            (false, _) => Run::Disabled,
            (true, 0) => Run::Idle,
            (true, _) => Run::Held,
        };
        let entry = Entry::new(queue, run, priority);
        state.entries.insert(key, entry);
        hot && active && state.wake(key, self.hot(now), false)
    }

    /// A queue goes; its page may now be quiet. The engine may still be in its last step.
    pub(crate) fn remove(&self, key: QueueKey) -> Option<usize> {
        let mut state = self.state.lock();
        state.withdraw(key, Run::Stopped);
        state.serve();
        let entry = state.entries.remove(&key)?;
        let share = state.shares.get_mut(&key.process)?;
        share.queues.retain(|known| *known != key);
        state.cool(key.process, page_of(&entry.queue))
    }

    /// All queues of a process stop for good, and stay until they are destroyed. An engine may still be in their last turn.
    /// The caller holds the process mutex.
    pub(crate) fn stop_all(&self, process: ProcessId) -> Vec<Arc<Queue>> {
        let mut state = self.state.lock();
        let keys = state.shares.get(&process).map(|share| share.queues.clone()).unwrap_or_default();
        for key in &keys {
            state.withdraw(*key, Run::Stopped);
        }
        state.serve();
        keys.iter().filter_map(|key| Some(Arc::clone(&state.entries.get(key)?.queue))).collect()
    }

    /// All queues of a process go.
    pub(crate) fn remove_process(&self, process: ProcessId) {
        let mut state = self.state.lock();
        let Some(share) = state.shares.get(&process) else { return };
        let uid = share.uid;
        for key in share.queues.clone() {
            state.withdraw(key, Run::Stopped);
            state.entries.remove(&key);
        }
        state.shares.remove(&process);
        state.serve();
        let State { entries, rings, .. } = &mut *state;
        if let Some(ring) = rings.get_mut(&uid) {
            ring.queues.retain(|key| entries.contains_key(key));
            if ring.queues.is_empty() {
                rings.remove(&uid);
            }
        }
    }

    /// UPDATE_QUEUE: share and whether it runs. Whether it became ready.
    pub(crate) fn update(&self, key: QueueKey, priority: u32, active: bool) -> bool {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let held = state.is_held(key);
        let Some(entry) = state.entries.get_mut(&key) else { return false };
        entry.priority = priority;
        match (entry.run, active) {
            (Run::Stopped, _) => false,
            (_, false) => {
                state.withdraw(key, Run::Disabled);
                state.serve();
                false
            }
            (Run::Disabled, true) if held => {
                entry.run = Run::Held;
                false
            }
            (Run::Disabled, true) => {
                // Doorbells that rang while it was disabled led nowhere.
                entry.run = Run::Idle;
                state.wake(key, Nanos(0), true)
            }
            (_, true) => false,
        }
    }

    /// A store hit a doorbell page, with or without a queue behind it. Whether a queue became ready. The caller holds
    /// the process mutex and knows that the process is not revoked.
    pub(crate) fn trap(&self, process: ProcessId, uid: Uid, page: usize, now: Nanos) -> bool {
        let mut state = self.state.lock();
        let share = state.shares.entry(process).or_insert_with(|| Share::new(uid));
        let Some(hot) = share.hot.get_mut(page) else { return false };
        *hot = true;
        self.wake_page(&mut state, process, page, self.hot(now), false)
    }

    /// A doorbell page was dropped: its queues get their last look. Whether a queue became ready.
    pub(crate) fn rearmed(&self, process: ProcessId, page: usize) -> bool {
        self.wake_page(&mut self.state.lock(), process, page, Nanos(0), true)
    }

    fn wake_page(&self, state: &mut State, process: ProcessId, page: usize, hot: Nanos, last: bool) -> bool {
        let Some(share) = state.shares.get(&process) else { return false };
        let on_page = |key: &&QueueKey| state.entries.get(key).is_some_and(|e| page_of(&e.queue) == page);
        let keys: Vec<_> = share.queues.iter().filter(on_page).copied().collect();
        let mut woke = false;
        for key in keys {
            woke |= state.wake(key, hot, last);
        }
        woke
    }

    /// Signals of a process may have changed. Whether a parked queue became ready.
    pub(crate) fn wake_parked(&self, process: ProcessId) -> bool {
        self.state.lock().wake_parked(process, None)
    }

    /// The answer that a queue waits for has come. Whether it became ready.
    pub(crate) fn answered(&self, key: QueueKey) -> bool {
        let mut state = self.state.lock();
        let Some(entry) = state.entries.get_mut(&key) else { return false };
        let waits = entry.run == Run::Waiting;
        entry.answered = !waits;
        if waits {
            state.ready(key, false);
        }
        waits
    }

    /// Whether an engine is in one of its queues, or one has something to do.
    pub(crate) fn is_running(&self) -> bool {
        let state = self.state.lock();
        state
            .entries
            .values()
            .any(|entry| entry.run == Run::Running || entry.run == Run::Ready && !entry.polled)
    }

    /// The next queue to run. It is running until [`Dqm::done`].
    pub(crate) fn next(&self, now: Nanos) -> Option<Turn> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.rotate(now);
        while let Some(process) = state.turns.pop_front() {
            let found = self.take(state, process, now);
            let Some(share) = state.shares.get_mut(&process) else { continue };
            if share.ready.is_empty() {
                share.listed = false;
            } else {
                state.turns.push_back(process);
            }
            if let Some(mut turn) = found {
                turn.alone = state.turns.is_empty()
                    && state.shares[&process].parked.is_empty()
                    && !state.list.is_wanted();
                return Some(turn);
            }
        }
        None
    }

    /// The next queue of this process to run, out of turn: for the first look after its doorbell.
    pub(crate) fn next_of(&self, process: ProcessId, now: Nanos) -> Option<Turn> {
        // The process keeps its place among the turns; `next` passes over it when nothing of it is ready.
        self.take(&mut self.state.lock(), process, now)
    }

    fn take(&self, state: &mut State, process: ProcessId, now: Nanos) -> Option<Turn> {
        let share = state.shares.get_mut(&process)?;
        while let Some(key) = share.ready.pop_front() {
            if let Some(entry) = state.entries.get_mut(&key)
                && entry.run == Run::Ready
            {
                state.fresh -= entry.is_fresh();
                (entry.run, entry.answered) = (Run::Running, false);
                entry.began.get_or_insert(now);
                entry.turn += 1;
                return Some(Turn {
                    queue: Arc::clone(&entry.queue),
                    budget: PACKETS * (1 + entry.priority),
                    alone: false,
                    stirs: self.stirs(),
                    hot_until: if entry.last_look { Nanos(0) } else { entry.hot_until },
                    serial: entry.turn,
                });
            }
        }
        None
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
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let (key, page) = (turn.queue.key, page_of(&turn.queue));
        let mut after = After::default();
        if packets > 0 {
            after.woke = state.wake_parked(key.process, Some(key));
        }
        let current = |entry: &&mut Entry| entry.run == Run::Running && entry.turn == turn.serial;
        let Some(entry) = state.entries.get_mut(&key).filter(current) else { return after };
        let hot = self.hot(now);
        if packets > 0 {
            (entry.hot_until, entry.last_look, entry.moved) = (hot, false, true);
        }
        match ended {
            Ended::Busy => state.ready(key, false),
            Ended::Waiting if entry.answered => state.ready(key, false),
            Ended::Waiting => {
                entry.run = Run::Waiting;
                state.yield_slot(key);
            }
            Ended::Empty { .. } | Ended::Parked if entry.again => {
                (entry.again, entry.last_look, entry.hot_until) = (false, false, hot);
                state.ready(key, false);
            }
            Ended::Empty { rests } if !rests && !entry.last_look && now < entry.hot_until => {
                let until = entry.hot_until;
                state.ready(key, true);
                state.yield_slot(key);
                after.poll_until = (state.fresh == 0).then_some(until);
            }
            Ended::Empty { .. } => {
                (entry.run, entry.last_look) = (Run::Idle, false);
                state.yield_slot(key);
                after.rearm = state.cool(key.process, page);
            }
            Ended::Parked => {
                if let Some(at) = state.park(key, now) {
                    deadlines.add(at, Due::Parked(self.device), post);
                }
                state.yield_slot(key);
                after.rearm = state.cool(key.process, page);
            }
            Ended::Stopped => {
                state.withdraw(key, Run::Stopped);
                state.serve();
                after.rearm = state.cool(key.process, page);
            }
        }
        after
    }

    /// The back-off of parked queues has come round for some users. Whether a queue became ready.
    pub(crate) fn look_at_parked(&self, now: Nanos, deadlines: &Deadlines, post: &mut Post) -> bool {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let mut looks = Vec::new();
        for ring in state.rings.values_mut() {
            if ring.next.is_none_or(|next| next > now) {
                continue;
            }
            for _ in 0..LOOKS {
                let Some(key) = ring.queues.pop_front() else { break };
                looks.push(key);
            }
            ring.back_off = (ring.back_off * 2).min(BACK_OFF_LAST);
            ring.next = (!ring.queues.is_empty()).then(|| later(now, ring.back_off));
            if let Some(next) = ring.next {
                deadlines.add(next, Due::Parked(self.device), post);
            }
        }
        let mut woke = false;
        for key in looks {
            let Some(entry) = state.entries.get_mut(&key) else { continue };
            entry.ringed = false;
            if entry.run == Run::Parked {
                state.ready(key, false);
                woke = true;
            }
        }
        woke
    }

    /// Where a queue stands.
    pub(crate) fn standing(&self, key: QueueKey) -> Option<Standing> {
        let state = self.state.lock();
        let entry = state.entries.get(&key)?;
        Some(Standing { run: entry.run, slot: entry.slot, suspended: entry.suspended })
    }

    /// The places of the queues that wait for a slot, from 0.
    pub(crate) fn waiting(&self) -> HashMap<QueueKey, u32> {
        self.state.lock().waiting().into_iter().zip(0..).collect()
    }

    /// How many queues there are, for the leak report.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().entries.len()
    }
}
