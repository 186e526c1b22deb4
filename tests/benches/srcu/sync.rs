//! The atomics of this bench: what callbacks of the peers count in, and a stop flag.
#![allow(clippy::disallowed_types)]

pub use std::sync::atomic::Ordering;

/// A counter that threads share.
pub type AtomicU64 = std::sync::atomic::AtomicU64;
/// A flag that threads share.
pub type AtomicBool = std::sync::atomic::AtomicBool;
