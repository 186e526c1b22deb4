//! The push list of pending callbacks, the reclaimer's sleep and the barrier.
//!
//! Pushing is lock-free; the one push that finds the list empty also takes the lock, to wake the reclaimer.
//! The reclaimer splices the whole list at once, under the lock. So a barrier needs no marker in the list: it
//! asks, under the same lock, for the first splice after it, and that splice takes everything that was queued
//! before the asking.
//!
//! Lock order: innermost; never held while a callback runs or a grace period is waited for.
#![allow(unsafe_code)]

use super::head::Head;
use crate::sync::{self, AtomicPtr, AtomicUsize, Condvar, Mutant, Mutex, Ordering, mutant};
use std::ptr::{self, NonNull};

/// Callbacks queued and not yet finished, and who sleeps for them.
pub(super) struct Queue {
    newest: AtomicPtr<Head>,
    pending: AtomicUsize,
    /// 1 while the reclaimer is inside a callback.
    running: AtomicUsize,
    state: Mutex<State>,
    wake: Condvar,
    passed: Condvar,
}

#[derive(Default)]
struct State {
    /// No further push can happen.
    stop: bool,
    /// A batch was spliced and is not finished.
    busy: bool,
    /// Barriers asked for.
    asked: u64,
    /// Barriers whose callbacks have all run.
    passed: u64,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            newest: AtomicPtr::new(ptr::null_mut()),
            pending: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            state: Mutex::new(State::default()),
            wake: Condvar::new(),
            passed: Condvar::new(),
        }
    }

    /// # Safety
    /// `head` has its callback set, is valid and untouched by others until that callback runs.
    pub(super) unsafe fn push(&self, head: NonNull<Head>) {
        self.pending.fetch_add(1, Ordering::Relaxed);
        let mut seen = self.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: valid and exclusively ours until the exchange below publishes it.
            unsafe { Head::set_next(head, NonNull::new(seen)) };
            // Release, partner the acquire of `splice`: the callback's object and all removals before it.
            match self.newest.compare_exchange_weak(seen, head.as_ptr(), Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        if seen.is_null() {
            // With the lock held the reclaimer is either before its look at the list, which finds us, or
            // asleep.
            if !mutant(Mutant::LostWake) {
                drop(sync::lock(&self.state));
            }
            self.wake.notify_one();
        }
    }

    /// Sleeps until callbacks are queued or a barrier asks; `None` when stopped and nothing is left.
    pub(super) fn wait(&self) -> Option<Batch> {
        let mut state = sync::lock(&self.state);
        loop {
            let oldest = self.splice();
            if oldest.is_some() || state.asked != state.passed {
                state.busy = true;
                return Some(Batch { oldest, covers: state.asked });
            }
            if state.stop {
                return None;
            }
            state = sync::unpoisoned(self.wake.wait(state));
        }
    }

    /// Takes the list; oldest first.
    fn splice(&self) -> Option<NonNull<Head>> {
        let mut rest = NonNull::new(self.newest.swap(ptr::null_mut(), Ordering::Acquire));
        let mut oldest = None;
        while let Some(head) = rest {
            // SAFETY: the swap made this thread the only owner of the whole list.
            rest = unsafe { Head::next(head) };
            // SAFETY: as above.
            unsafe { Head::set_next(head, oldest) };
            oldest = Some(head);
        }
        oldest
    }

    /// Runs one callback and takes it off the count, also when it unwinds.
    pub(super) fn running<R>(&self, callback: impl FnOnce() -> R) -> R {
        struct Finished<'q>(&'q Queue);
        impl Drop for Finished<'_> {
            fn drop(&mut self) {
                self.0.pending.fetch_sub(1, Ordering::Release);
                // After the count, so that `unstarted` never counts a callback that has begun.
                self.0.running.store(0, Ordering::Release);
            }
        }
        self.running.store(1, Ordering::Relaxed);
        let _finished = Finished(self);
        callback()
    }

    /// The whole batch has run.
    pub(super) fn finished(&self, covers: u64) {
        let mut state = sync::lock(&self.state);
        state.busy = false;
        state.passed = covers;
        drop(state);
        self.passed.notify_all();
    }

    /// Returns after every callback queued before the call has run.
    pub(super) fn barrier(&self) {
        let mut state = sync::lock(&self.state);
        let idle = !state.busy || mutant(Mutant::BarrierSkipsBatch);
        if idle && self.newest.load(Ordering::Acquire).is_null() {
            return;
        }
        state.asked += 1;
        let ticket = state.asked;
        self.wake.notify_one();
        while state.passed < ticket {
            state = sync::unpoisoned(self.passed.wait(state));
        }
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Acquire)
    }

    /// Callbacks queued that have not begun; may miss one at the moment another ends.
    pub(super) fn unstarted(&self) -> usize {
        let running = self.running.load(Ordering::Acquire);
        self.pending().saturating_sub(running)
    }

    pub(super) fn stop(&self) {
        sync::lock(&self.state).stop = true;
        self.wake.notify_one();
    }
}

/// Callbacks spliced off the queue, oldest first; owned by whoever holds the batch.
pub(super) struct Batch {
    oldest: Option<NonNull<Head>>,
    /// The last barrier asked for before the splice.
    pub(super) covers: u64,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.oldest.is_none()
    }

    pub(super) fn pop(&mut self) -> Option<NonNull<Head>> {
        let head = self.oldest?;
        // SAFETY: the batch owns its heads until they are popped.
        self.oldest = unsafe { Head::next(head) };
        Some(head)
    }
}
