//! The KFD objects and their lifetimes, without client I/O.
//!
//! ```text
//!  door ── open / call / interrupt / trap ──►┐            ┌──► Notice::{Complete, Memory, Rearm, …} ── Outbox
//!  engine ── run_next ──────────────────────►│   Core     │
//!  event loop ── doom, Doom<…>, tick ───────►┘            └──► Notice::Freed(Obituary)
//!
//!  Core ─ table ─ Process ─ pdds (address maps), arena, inner (BOs, pqm, SVM), events, debug, copies, render files
//!       └ devices ─ dqm (run list, HQDs, doorbell pages)   └ purse ─ account (charges)
//! ```
//! [`Core`] is the way to all of it; ARCHITECTURE says which room has what. [`death`] is how a process ends; [`abi`] says what the ioctls are.
//! Not for: how calls travel (doors), client memory (memory workers), the format of packets (`hsa-queue`).

pub mod abi;
pub mod access;
pub mod account;
pub mod call;
pub mod clock;
pub mod dispatch;
pub mod ids;
pub mod limits;
pub mod notice;
pub mod sync;
pub mod waves;

mod core;
mod device;
mod event;
mod idr;
mod ioctl;
mod memory;
mod process;
mod queue;

pub use crate::core::doorbells::Trapped;
pub use crate::core::shares as share;
pub use crate::core::{ConfigError, Core, CoreConfig, Opened, Ran};
pub use crate::core::{death, eviction, leak, listing, procfs};
pub use crate::device::{profile, topology};
pub use crate::event::smi;
pub use crate::memory::arena::shm;
pub use crate::memory::orphans;
pub use crate::process::stage;
pub use crate::queue::buffers as queue_buffers;
pub use hsa_queue::Waves;
