//! What the module takes its locks, bells and clock from, as shuttle has them; and which of its faults is in force.

use crate::turns::Mutant;
pub use shuttle::sync::Condvar;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex as Real, PoisonError};

static MUTANT: Real<Option<Mutant>> = Real::new(None);
static TIME: AtomicU64 = AtomicU64::new(0);

pub fn set_mutant(mutant: Option<Mutant>) {
    *MUTANT.lock().unwrap_or_else(PoisonError::into_inner) = mutant;
}

pub fn mutant(mutant: Mutant) -> bool {
    *MUTANT.lock().unwrap_or_else(PoisonError::into_inner) == Some(mutant)
}

/// A lock as the crate's own, without poison, whose guard knows it.
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

pub struct MutexGuard<'a, T> {
    lock: &'a Mutex<T>,
    guard: shuttle::sync::MutexGuard<'a, T>,
}

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { lock: self, guard: self.0.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// A count of looks at the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

pub fn now() -> Instant {
    Instant(TIME.fetch_add(1, Ordering::Relaxed))
}

/// A wait that has an end may end at any time.
pub fn wait<'a, T>(bell: &Condvar, held: MutexGuard<'a, T>, until: Option<Instant>) -> MutexGuard<'a, T> {
    let MutexGuard { lock, guard } = held;
    if until.is_some() {
        drop(guard);
        shuttle::thread::yield_now();
        return lock.lock();
    }
    MutexGuard { lock, guard: bell.wait(guard).unwrap_or_else(PoisonError::into_inner) }
}
