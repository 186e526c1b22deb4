//! The crate's only door to atomics, so that a model can stand in for them.
//!
//! The processors themselves use none: what they share with a client they reach through a
//! [`crate::memory::MemoryView`]. Only [`crate::local`] needs them.
#![allow(clippy::disallowed_types)]

pub use std::sync::atomic::{AtomicU64, Ordering};
