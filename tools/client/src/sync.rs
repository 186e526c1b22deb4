//! The atomics of this crate. Memory shared with a device is always std's: no model can overlay it.
#![allow(clippy::disallowed_types)]

pub use std::sync::atomic::Ordering;

/// A 16-bit word shared with the device.
pub type AtomicU16 = std::sync::atomic::AtomicU16;
/// A 32-bit word shared with the device.
pub type AtomicU32 = std::sync::atomic::AtomicU32;
/// A 64-bit word shared with the device.
pub type AtomicU64 = std::sync::atomic::AtomicU64;
