//! The one place that names an atomic.
#![allow(clippy::disallowed_types)]

pub(crate) use std::sync::atomic::Ordering;

/// A pointer that threads share.
pub(crate) type AtomicPtr<T> = std::sync::atomic::AtomicPtr<T>;
