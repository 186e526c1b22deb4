//! Sleepable read-copy-update: readers that never wait, updaters that wait until earlier readers have left.
//!
//! | piece | file |
//! |---|---|
//! | [`Domain`], [`Guard`] | `domain.rs`, `core.rs`: one independent set of readers, its callbacks and its reclaimer |
//! | [`Builder`], [`ReaderKind`] | `builder.rs`, `reader_kind.rs`: which counters, which warnings |
//! | the reader's path | `reader.rs`: two banks of enter/leave counters; `own.rs`: numbers for threads; `rseq.rs`: increments per CPU |
//! | the grace period | `grace.rs`: who runs one, who may share another's |
//! | callbacks | `head.rs` (the 16 bytes), `lists.rs` (where they wait: `lanes.rs` in a flood, stripes otherwise), `batch.rs` (what was taken), `queue.rs` (sleep, barrier, back-pressure), `reclaimer.rs` (the thread), `retire.rs` (the safe face) |
//! | [`Stall`] | `stall.rs`: who waits too long and for whom |
//! | the kernel | `sys.rs`: membarrier, futex, rseq's place, forks |
//!
//! Lock order, outermost first: grace-period turn; chain lock; the table of places is innermost. The readers'
//! path and queueing take no lock at all. Read sections may be entered under any lock of the user, except one that a
//! thread holds while it waits for a grace period.
//!
//! Why it is correct: `ORDERING.md` beside this crate's README names every fence, its partner and what the pair
//! forbids.

mod affinity;
mod batch;
mod builder;
mod core;
mod domain;
mod grace;
mod head;
mod inside;
mod lanes;
mod lists;
mod own;
mod probe;
mod queue;
mod reader;
mod reader_kind;
mod reclaimer;
mod retire;
#[cfg(not(loom))]
mod rseq;
mod stall;
#[cfg(not(loom))]
pub(crate) mod sys;

pub use crate::chain::sys::Slot;
pub use builder::Builder;
#[cfg(loom)]
#[doc(hidden)]
pub use builder::Shape;
pub use domain::{Cookie, Domain, Guard};
pub use head::Head;
#[cfg(not(loom))]
pub(crate) use probe::Probe;
#[cfg(loom)]
#[doc(hidden)]
pub use probe::Probe;
pub use reader_kind::{ReaderKind, Unavailable};
pub use retire::Retirable;
pub use stall::{OpenSection, Reclaimer, Stall, Waiter};
