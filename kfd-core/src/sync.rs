//! The atomics and locks of this crate, in one place so that a model can replace them.
//!
//! Not for: memory shared with clients, which only `memory::arena::shm` touches, with std's atomics always.
#![allow(clippy::disallowed_types)]

use std::sync::PoisonError;
pub use std::sync::atomic::Ordering;
pub use std::sync::{Arc, Condvar, OnceLock};

// Aliases, not re-exports: the lint that keeps std's atomics out of the other modules sees through a re-export.

/// An atomic flag.
pub type AtomicBool = std::sync::atomic::AtomicBool;
/// An atomic byte.
pub type AtomicU8 = std::sync::atomic::AtomicU8;
/// An atomic 32-bit word.
pub type AtomicU32 = std::sync::atomic::AtomicU32;
/// An atomic 64-bit word.
pub type AtomicU64 = std::sync::atomic::AtomicU64;

/// A mutex whose holder never leaves its data half changed by a panic: a poisoned one is entered all the same, so
/// that one client's failed assertion does not stop the others.
#[derive(Debug, Default)]
pub struct Mutex<T>(std::sync::Mutex<T>);

/// The guard that [`Mutex::lock`] returns.
pub type MutexGuard<'a, T> = std::sync::MutexGuard<'a, T>;

impl<T> Mutex<T> {
    /// An unlocked mutex around `value`.
    pub const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    /// Waits for the mutex and locks it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the mutex if it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }
}

/// A readers-writer lock with the poison rule of [`Mutex`].
#[derive(Debug, Default)]
pub struct RwLock<T>(std::sync::RwLock<T>);

impl<T> RwLock<T> {
    /// Waits for the lock and holds it shared with other readers.
    pub fn read(&self) -> std::sync::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the lock and holds it alone, to write.
    pub fn write(&self) -> std::sync::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
