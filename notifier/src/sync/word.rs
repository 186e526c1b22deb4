//! A word that threads sleep on: the kernel's futex, or what a model knows of it.

use super::{Ordering, atomic};
use std::time::Duration;

/// An atomic number; [`WaitWord::wait`] sleeps while it has a given value.
pub(crate) struct WaitWord {
    value: atomic::AtomicU32,
    #[cfg(loom)]
    bed: (super::Mutex<()>, super::Condvar),
}

impl WaitWord {
    pub(crate) fn new(value: u32) -> Self {
        Self {
            value: atomic::AtomicU32::new(value),
            #[cfg(loom)]
            bed: (super::Mutex::new(()), super::Condvar::new()),
        }
    }

    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.value.load(order)
    }

    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.value.store(value, order);
    }

    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.value.swap(value, order)
    }

    pub(crate) fn add(&self, value: u32, order: Ordering) {
        self.value.fetch_add(value, order);
    }

    /// Sleeps while the value is `expected`, until woken or for so long; may return early.
    #[cfg(not(loom))]
    pub(crate) fn wait(&self, expected: u32, at_most: Option<Duration>) {
        crate::srcu::sys::futex_wait(&self.value, expected, at_most);
    }

    /// Wakes every sleeper.
    #[cfg(not(loom))]
    pub(crate) fn wake_all(&self) {
        crate::srcu::sys::futex_wake_all(&self.value);
    }

    /// The kernel compares and goes to sleep under a lock that the waker takes too. Whoever may stop waiting does so
    /// at once. Except, with loom, the lingering reclaimer: those models want to see that it is woken.
    #[cfg(loom)]
    pub(crate) fn wait(&self, expected: u32, at_most: Option<Duration>) {
        if at_most.is_some_and(|time| cfg!(shuttle) || time >= super::clock::TICK) {
            return super::checker::thread::yield_now();
        }
        let bed = super::lock(&self.bed.0);
        if self.value.load(Ordering::Relaxed) == expected {
            drop(super::unpoisoned(self.bed.1.wait(bed)));
        }
    }

    #[cfg(loom)]
    pub(crate) fn wake_all(&self) {
        drop(super::lock(&self.bed.0));
        self.bed.1.notify_all();
    }
}
