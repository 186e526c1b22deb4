//! The atomics of this bench: what callbacks of the peers count in, and a stop flag.
#![allow(clippy::disallowed_types)]

pub use std::sync::atomic::Ordering;

/// A counter.
pub type AtomicU64 = std::sync::atomic::AtomicU64;
/// A flag.
pub type AtomicBool = std::sync::atomic::AtomicBool;
