//! The atomics of memory that processes share: always std's, since no model can overlay it.
#![allow(clippy::disallowed_types)]

pub use std::sync::atomic::Ordering;

/// A 64-bit word.
pub type AtomicU64 = std::sync::atomic::AtomicU64;
/// A 16-bit word.
pub type AtomicU16 = std::sync::atomic::AtomicU16;
