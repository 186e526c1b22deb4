//! The crate's only door to atomics, so that a model can stand in for them.
//!
//! The processors themselves use none: what they share with a client they reach through a
//! [`crate::memory::MemoryView`]. Only [`crate::local`] needs them.
//!
//! An alias and not a re-export: the lint that keeps std's atomics out of the other modules sees through the
//! latter.
#![allow(clippy::disallowed_types)]

pub use std::sync::atomic::Ordering;

/// A word that threads share.
pub type AtomicU64 = std::sync::atomic::AtomicU64;
