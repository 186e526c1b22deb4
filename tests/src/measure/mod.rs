//! Figures: what is measured beside what, and how a line of the speed table comes of it.
//!
//! A figure is worth what its floor is worth. So the sides of a comparison take turns on the same CPUs, and each floor is
//! measured alone as well, before and after: a floor that is off from its own lone run by more than a quarter was disturbed,
//! and its line is *unsound*, which counts as not met.
//!
//! | file | what |
//! |---|---|
//! | `samples` | spreads; calls timed one by one or together |
//! | `turns` | sides that take turns, floors alone before and after |
//! | `floor` | a floor's two figures, and whether they are one |
//! | `line` | a line of the table, and remarks |
//! | `cpus` | which CPUs threads and processes stay on |
//!
//! Not for: processes and files that a measurement needs; the benches' `stage` has them.

pub mod cpus;
pub mod floor;
pub mod line;
pub mod samples;
pub mod turns;

pub use floor::Floor;
pub use line::{Goal, absolute, beyond, information, progress, ratio, remark};
pub use samples::Samples;
pub use turns::{Side, Turns, alternate};
