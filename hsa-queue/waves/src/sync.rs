//! The atomics and locks of this crate, in one place so that a model can replace them.
#![allow(clippy::disallowed_types)]

use std::sync::PoisonError;
pub(crate) use std::sync::atomic::Ordering;
pub(crate) use std::sync::{Arc, OnceLock};

// Aliases, not re-exports: the lint that keeps std's atomics out of the other modules sees through a re-export.

/// An atomic 64-bit word.
pub(crate) type AtomicU64 = std::sync::atomic::AtomicU64;

/// A mutex that a panic of its holder does not close: what is behind it is replaced as a whole.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Waits for the mutex and locks it.
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
