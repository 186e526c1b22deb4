//! Queueing, the reclaimer's sleep, the barrier, and what keeps a flood in bounds.
//!
//! Queueing appends to a list (`lists.rs`) and looks whether the reclaimer sleeps; only the call that finds it
//! asleep makes a system call. In a flood the reclaimer lingers for a moment instead of sleeping: callers then never
//! have to wake it, and it takes more at once. While lanes are open it does not sleep at all, so who appends to one
//! need not look.
//!
//! A barrier needs no marker in the lists: it takes a ticket, and the next taking of the lists that sees the
//! ticket sees every callback that was queued before.
//!
//! Store-buffering pairs keep sleepers from being forgotten: P (a caller pushes, then looks for a sleeping reclaimer)
//! and O (a caller opens the lanes, then looks likewise) with S (the reclaimer announces its sleep, then looks at the
//! lists, the lanes and tickets), and R (the reclaimer publishes what has run, then looks for waiters) with W (a waiter
//! counts itself, then looks at what has run).
//!
//! No locks at all: callbacks may be queued in a signal handler.
#![allow(unsafe_code)]

use super::{
    batch::Batch,
    head::Head,
    lists::{Lists, Taken},
    own,
    stall::{Describe, Patience, Reclaimer},
};
use crate::sync::{self, AtomicU64, AtomicUsize, Mutant, Ordering, WaitWord, mutant};
use std::{ptr::NonNull, time::Duration};

/// The states of `sleep`.
const AWAKE: u32 = 0;
/// Any caller must wake it.
const ASLEEP: u32 = 1;
/// It wakes by itself soon; only who waits need wake it.
const LINGERING: u32 = 2;

/// Not a CPU's number.
const NO_CPU: usize = usize::MAX;

/// The delay that a callback may suffer for the sake of larger batches: when small ones follow each other at once, and in a
/// flood, where each look at the lanes is a membarrier. And the batch that is a flood's.
pub(super) const LINGER: Duration = Duration::from_micros(50);
pub(super) const LINGER_IN_FLOOD: Duration = Duration::from_micros(200);
pub(super) const LARGE: u64 = if cfg!(loom) { 3 } else { 512 };
/// Times that a barrier offers the reclaimer its CPU before it sleeps.
const YIELDS: u32 = 2;
/// Waiters for less than a barrier are told each time so many callbacks have run.
const TELL_EVERY: u64 = 256;

/// The reclaimer's own, which change all the time: not in a line that callers look at.
#[repr(align(128))]
struct Own {
    /// Callbacks begun, and ended.
    started: AtomicU64,
    finished: AtomicU64,
    /// What the reclaimer is doing, as a number.
    stage: AtomicUsize,
}

/// Callbacks queued and not yet finished, and who sleeps for them.
pub(super) struct Queue {
    lists: Lists,
    sleep: WaitWord,
    /// The CPU of whoever woke it last, and the one that it is bound to.
    waker: AtomicUsize,
    bound: AtomicUsize,
    /// No further push can happen.
    stop: AtomicUsize,
    own: Own,
    /// Barriers asked for, and passed.
    asked: AtomicU64,
    passed: AtomicU64,
    /// Barriers that had nothing to wait for.
    visits: AtomicU64,
    /// Changes when there is news for waiters, of whom there are so many.
    news: WaitWord,
    waiters: AtomicUsize,
    /// So many of them wait for less than a batch.
    throttled: AtomicUsize,
    /// Times the backlog has grown over `flood_at`.
    floods: AtomicU64,
    flood_at: u64,
}

impl Queue {
    pub(super) fn new(lists: Lists, flood_at: usize) -> Self {
        Self {
            lists,
            sleep: WaitWord::new(AWAKE),
            waker: AtomicUsize::new(NO_CPU),
            bound: AtomicUsize::new(NO_CPU),
            stop: AtomicUsize::new(0),
            own: Own { started: AtomicU64::new(0), finished: AtomicU64::new(0), stage: AtomicUsize::new(0) },
            asked: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            visits: AtomicU64::new(0),
            news: WaitWord::new(0),
            waiters: AtomicUsize::new(0),
            throttled: AtomicUsize::new(0),
            floods: AtomicU64::new(0),
            flood_at: flood_at as u64,
        }
    }

    #[inline]
    pub(super) fn has_lanes(&self) -> bool {
        self.lists.lanes.exist()
    }

    /// # Safety
    /// `head` has its callback set, is valid and untouched by others until that callback runs.
    #[inline]
    pub(super) unsafe fn push(&self, head: NonNull<Head>) {
        let number = own::number();
        // SAFETY: the caller's contract.
        let look = unsafe { self.lists.push(number, head) };
        if !look {
            return;
        }
        // P, partner S: either the reclaimer finds the callback or this thread sees it asleep.
        let asleep = self.sleep.load(Ordering::Relaxed) == ASLEEP;
        if asleep {
            self.wake();
        }
        if self.lists.lanes.would_help(number, asleep) {
            self.open_lanes();
        }
    }

    #[cold]
    #[inline(never)]
    fn open_lanes(&self) {
        self.lists.lanes.open();
        // O, partner S, as after a push: the reclaimer finds them open or this thread sees it asleep.
        sync::fence_after_rmw(Mutant::NoOpenFence);
        if self.sleep.load(Ordering::Relaxed) == ASLEEP {
            self.wake();
        }
    }

    #[cold]
    #[inline(never)]
    fn wake(&self) {
        if !cfg!(loom) {
            self.waker.store(sync::current_cpu().unwrap_or(NO_CPU), Ordering::Relaxed);
        }
        if self.sleep.swap(AWAKE, Ordering::AcqRel) != AWAKE {
            self.sleep.wake_all();
        }
    }

    /// Sleeps until callbacks are queued or a barrier asks; `None` when stopped and nothing is left. Open lanes stay so
    /// `while_busy`, for one batch.
    pub(super) fn wait(&self, mut while_busy: bool) -> Option<Batch> {
        loop {
            let stopped = self.stop.load(Ordering::Acquire) != 0;
            // Acquire, partner the release in `barrier`: with the ticket come the callbacks queued before it.
            let covers = self.asked.load(Ordering::Acquire);
            let Taken { chain, lane } = self.lists.take(while_busy && !stopped);
            if !chain.is_empty() || covers != self.passed.load(Ordering::Relaxed) {
                return Some(Batch { chain, covers, lane });
            }
            if stopped {
                return None;
            }
            if self.lists.lanes.are_shut() {
                self.sleep_until_asked(covers);
            }
            while_busy = false;
        }
    }

    fn sleep_until_asked(&self, covers: u64) {
        let late = mutant(Mutant::LateSleep);
        if !late {
            // By exchange, like every change of this word: then all of them are in one order that models know.
            self.sleep.swap(ASLEEP, Ordering::AcqRel);
        }
        // S, partner P and the barrier's: announced before the looks below.
        sync::full_fence(Mutant::NoIdleFence);
        if self.quiet(covers) && self.lists.are_empty() && self.lists.lanes.are_shut() {
            if late {
                self.sleep.swap(ASLEEP, Ordering::AcqRel);
            }
            self.sleep.wait(ASLEEP, None);
        }
        self.sleep.swap(AWAKE, Ordering::AcqRel);
    }

    /// Has nobody asked for a barrier or for the end?
    fn quiet(&self, covers: u64) -> bool {
        self.asked.load(Ordering::Relaxed) == covers && self.stop.load(Ordering::Relaxed) == 0
    }

    /// Changes with every barrier, also with one that has nothing to wait for.
    pub(super) fn barriers(&self, covers: u64) -> u64 {
        covers.wrapping_add(self.visits.load(Ordering::Relaxed))
    }

    /// Lets callbacks gather for so long, unless someone waits.
    pub(super) fn linger(&self, covers: u64, at_most: Duration) {
        self.sleep.swap(LINGERING, Ordering::AcqRel);
        // S, as above, but only for those who wait: callers leave a lingering reclaimer alone.
        sync::full_fence(Mutant::NoLingerFence);
        if self.quiet(covers) && self.waiters.load(Ordering::Relaxed) == 0 {
            self.sleep.wait(LINGERING, Some(at_most));
        }
        self.sleep.swap(AWAKE, Ordering::AcqRel);
    }

    /// The reclaimer is bound to that CPU from now on, or to none.
    pub(super) fn bind(&self, cpu: Option<usize>) {
        self.bound.store(cpu.unwrap_or(NO_CPU), Ordering::Relaxed);
    }

    /// Does the reclaimer run on the caller's CPU and no other?
    fn shares_cpu(&self) -> bool {
        let bound = self.bound.load(Ordering::Relaxed);
        bound != NO_CPU && sync::current_cpu() == Some(bound)
    }

    /// The CPU that callbacks of that lane were queued on lately.
    pub(super) fn caller(&self, lane: usize) -> usize {
        self.lists.lanes.cpu(lane)
    }

    /// The CPU of whoever woke the reclaimer last.
    pub(super) fn waker(&self) -> Option<usize> {
        Some(self.waker.load(Ordering::Relaxed)).filter(|&cpu| cpu != NO_CPU)
    }

    /// What the reclaimer is about to do.
    pub(super) fn enter_stage(&self, stage: Reclaimer) {
        // For reports only; models do without the extra steps.
        if cfg!(loom) {
            return;
        }
        self.own.stage.store(stage as usize, Ordering::Relaxed);
    }

    pub(super) fn stage(&self) -> Reclaimer {
        match self.own.stage.load(Ordering::Relaxed) {
            stage if stage == Reclaimer::InGracePeriod as usize => Reclaimer::InGracePeriod,
            stage if stage == Reclaimer::RunningCallbacks as usize => Reclaimer::RunningCallbacks,
            _ => Reclaimer::Idle,
        }
    }

    /// Runs one callback and takes it off the count, also when it unwinds.
    #[inline]
    pub(super) fn running<R>(&self, callback: impl FnOnce() -> R) -> R {
        struct Finished<'q>(&'q Queue);
        impl Drop for Finished<'_> {
            fn drop(&mut self) {
                let finished = self.0.own.finished.load(Ordering::Relaxed) + 1;
                // Release, partner the acquire of whoever finds nothing pending.
                self.0.own.finished.store(finished, Ordering::Release);
                if finished.is_multiple_of(TELL_EVERY) && self.0.throttled.load(Ordering::Relaxed) != 0 {
                    self.0.tell();
                }
            }
        }
        // Before it runs, so that `unstarted` never counts a callback that has begun.
        self.own.started.store(self.own.started.load(Ordering::Relaxed) + 1, Ordering::Release);
        let _finished = Finished(self);
        callback()
    }

    #[cold]
    fn tell(&self) {
        self.news.add(1, Ordering::Release);
        self.news.wake_all();
    }

    /// The whole batch has run.
    pub(super) fn finished(&self, covers: u64) {
        // Release, partner the acquire in `barrier`: what the callbacks did.
        self.passed.store(covers, Ordering::Release);
        // R, partner W: the news is out before the look for waiters.
        self.news.add(1, Ordering::Release);
        sync::fence_after_rmw(Mutant::NoNewsFence);
        if self.waiters.load(Ordering::Relaxed) != 0 {
            self.news.wake_all();
        }
    }

    /// Returns after every callback queued before the call has run.
    pub(super) fn barrier(&self, patience: &Patience, describe: Describe<'_>) {
        let idle =
            if mutant(Mutant::BarrierSkipsBatch) { self.lists.are_empty() } else { self.pending() == 0 };
        if idle {
            // A hint, which may be lost among several who come at once; models do without.
            if !cfg!(loom) {
                self.visits.store(self.visits.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
            return;
        }
        // Release, partner the acquire in `wait`.
        let ticket = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        // No fence: every change of `sleep` is an exchange, so the reclaimer's comes later and brings the ticket, or it
        // is seen here.
        self.wake();
        let done = || self.passed.load(Ordering::Acquire) >= ticket;
        // A thread that sleeps is woken where a CPU is idle, and that one has to come out of its halt first (25 µs).
        // Who lets the reclaimer have the CPU that they share goes on here.
        if self.shares_cpu() {
            for _ in 0..YIELDS {
                sync::yield_now();
                if done() {
                    return;
                }
            }
        }
        self.wait_until(done, patience, describe);
    }

    /// Returns when no more than so many callbacks are pending.
    pub(super) fn throttle(&self, limit: usize, patience: &Patience, describe: Describe<'_>) {
        if self.pending() <= limit {
            return;
        }
        // Some room, so that the next call does not wait again at once.
        let enough = limit - limit / 4;
        self.throttled.fetch_add(1, Ordering::Relaxed);
        self.wait_until(|| self.pending() <= enough, patience, describe);
        self.throttled.fetch_sub(1, Ordering::Relaxed);
    }

    fn wait_until(&self, done: impl Fn() -> bool, patience: &Patience, describe: Describe<'_>) {
        self.waiters.fetch_add(1, Ordering::Relaxed);
        // W, partner R: counted before the looks below. And before the look of a lingering reclaimer.
        sync::fence_after_rmw(Mutant::NoWaiterFence);
        if self.sleep.load(Ordering::Relaxed) == LINGERING {
            self.wake();
        }
        let mut wait = patience.begin();
        loop {
            let news = self.news.load(Ordering::Acquire);
            if done() {
                break;
            }
            self.news.wait(news, wait.timeout());
            wait.report(describe);
        }
        self.waiters.fetch_sub(1, Ordering::Relaxed);
    }

    /// The reclaimer has taken a batch: is the backlog growing out of hand?
    pub(super) fn watch_flood(&self, domain: &'static str, last: &mut u64) {
        // Models that are not about floods do without the extra steps.
        if cfg!(loom) && self.flood_at == usize::MAX as u64 {
            return;
        }
        let pending = self.pending() as u64;
        if pending < self.flood_at {
            if pending < self.flood_at / 2 {
                *last = 0;
            }
        } else if pending >= 2 * *last {
            *last = pending;
            self.floods.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(domain, pending, "callbacks are queued faster than they run");
        }
    }

    pub(super) fn floods(&self) -> u64 {
        self.floods.load(Ordering::Relaxed)
    }

    pub(super) fn pending(&self) -> usize {
        // In this order, so that the difference is never negative.
        let finished = self.own.finished.load(Ordering::Acquire);
        self.lists.pushed().wrapping_sub(finished) as usize
    }

    /// Callbacks queued that have not begun.
    pub(super) fn unstarted(&self) -> usize {
        let started = self.own.started.load(Ordering::Acquire);
        self.lists.pushed().wrapping_sub(started) as usize
    }

    /// The reclaimer runs nothing any more.
    pub(super) fn ended(&self) {
        if cfg!(loom) {
            return;
        }
        self.stop.store(2, Ordering::Release);
        self.finished(self.asked.load(Ordering::Acquire));
    }

    /// Returns when the reclaimer, told to stop, has run what was left.
    pub(super) fn wait_for_the_end(&self, patience: &Patience, describe: Describe<'_>) {
        self.wait_until(|| self.stop.load(Ordering::Acquire) == 2, patience, describe);
    }

    pub(super) fn stop(&self) {
        self.stop.store(1, Ordering::Release);
        // No fence, as in `barrier`.
        self.wake();
    }
}
