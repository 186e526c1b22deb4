//! The AQL packet processor as its clients see it.
//!
//! The properties run `PROPTEST_CASES` cases each (256 unless told).
#![allow(clippy::unwrap_used)]

mod adversary;
mod behaviour;
mod client;
mod concurrent;
mod dispatch;
mod far;
mod model;
mod properties;
