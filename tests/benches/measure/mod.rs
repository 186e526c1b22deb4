//! Figures: what is measured beside what, and how a line of the speed table comes of it.
//!
//! | file | what |
//! |---|---|
//! | `line` | a line of the table, and remarks |
//! | `samples` | spreads; rounds in which both sides take turns |
//!
//! Not for: processes and files that a measurement needs; `stage` has them.
#![allow(dead_code, unused_imports, reason = "each bench is a program of its own and uses a part of this")]

pub mod line;
pub mod samples;

pub use line::{Goal, absolute, information, ratio, remark};
pub use samples::{Samples, interleaved};
