//! The PM4 and SDMA processors as their clients see them.
//!
//! The properties run `PROPTEST_CASES` cases each (256 unless told).
#![allow(clippy::unwrap_used)]

#[path = "../aql/adversary.rs"]
mod adversary;
mod client;
mod indirect;
mod model;
mod pm4;
mod properties;
mod sdma;
