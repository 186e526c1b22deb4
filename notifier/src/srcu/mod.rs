//! Sleepable read-copy-update: readers that never wait, updaters that wait until earlier readers have left.
//!
//! | piece | file |
//! |---|---|
//! | [`Domain`], [`Guard`] | `domain.rs`: one independent set of readers, its callbacks and its reclaimer |
//! | the reader's path | `reader.rs`: two banks of enter/leave counters; replaceable alone |
//! | the grace period | `grace.rs`: who runs one, who may share another's |
//! | callbacks | `head.rs` (the 16 bytes), `queue.rs` (push list), `reclaimer.rs` (the thread), `retire.rs` (the safe face) |
//! | chain members | `node.rs`, `list.rs`: counted listeners and the list that walkers read |
//! | [`Slot`] | `slot.rs`: a published pointer |
//!
//! Lock order, outermost first: grace-period turn → wait gate; chain lock → queue lock. Read sections may be
//! entered under any of them and under any lock of the user, except one that a thread holds while it waits
//! for a grace period.
//!
//! # Why it is correct
//!
//! Five orderings carry the proof; each fence in the code names its letter and its partner.
//!
//! - **A / B (store buffering).** The updater removes, fence A, sums the enter counters. The reader
//!   increments its enter counter, fence B, reads. If the sum misses the increment, then A precedes B, so the
//!   reader sees the removal. Forbidden: both missing each other.
//! - **C / acquire sum (message passing).** A reader leaves with release; the updater sums the leave counters
//!   with acquire. A leave that is counted brings its whole section before the end of the grace period, and
//!   its enter into the later enter sum: that is why leaves are summed first.
//! - **F / G (store buffering).** The updater announces its sleep, fence F, sums. The reader leaves, fence G,
//!   looks for a sleeper. One of them sees the other: no lost wake-up.
//! - **T / A.** An updater that shares another's grace period removes, fence T, reads the sequence. If that
//!   period had not begun at the read, T precedes its A, and the first point holds for the sharer's removals
//!   too.
//! - **Both banks.** A reader loads the bank index and increments later; meanwhile any number of flips may
//!   pass. So *every* grace period must find both banks empty after A. The flip between the two only makes
//!   each wait finite: new readers go to the bank that is not being waited for.
//!
//! Enter and leave sums are equal only if no counted enter lacks its leave: all counted leaves have their
//! enters counted (C), so each reader still inside makes the enter sum larger by one.

mod domain;
mod grace;
mod head;
pub(crate) mod list;
pub(crate) mod node;
mod probe;
mod queue;
mod reader;
mod reclaimer;
mod retire;
mod slot;

pub use domain::{Cookie, Domain, Guard};
pub use head::Head;
#[cfg(not(loom))]
pub(crate) use probe::Probe;
#[cfg(loom)]
#[doc(hidden)]
pub use probe::Probe;
pub use retire::Retirable;
pub use slot::Slot;
