//! The KFD objects and their lifetimes, without client I/O.
//!
//! ```text
//!  door ── open / call / interrupt / trap ──►┐            ┌──► Notice::{Complete, Memory, Rearm, …} ── Outbox
//!  engine ── run_next ──────────────────────►│   Core     │
//!  event loop ── doom, Doom<…>, tick ───────►┘            └──► Notice::Freed(Obituary)
//!
//!  Core ─ table ─ Process ─ pdd (address map, BOs, arena) ─ pqm (queues) ─ events (waits)
//!       └ device ─ dqm (run list, parked queues)          └ account (charges)
//! ```
//! [`core::Core`] is the door to all of it. [`death`] is how a process ends; [`abi`] says what the ioctls are.
//! Not for: how calls travel (doors), client memory (memory workers), the format of packets (`hsa-queue`).

pub mod abi;
pub mod account;
pub mod call;
pub mod clock;
pub mod core;
pub mod death;
pub mod eviction;
pub mod ids;
pub mod leak;
pub mod limits;
pub mod lingering;
pub mod listing;
pub mod notice;
pub mod procfs;
pub mod profile;
pub mod queue_buffers;
mod slots;
pub mod smi;
pub mod stage;
pub mod topology;

mod address;
mod aperture;
mod arena;
mod bo;
mod busy;
mod criu;
mod cross;
mod cwsr;
mod deadline;
mod debug;
mod device;
mod dqm;
mod engine;
mod event;
mod exception;
mod figures;
mod files;
mod idr;
mod interrupted;
mod ioctl;
mod linger;
mod metrics;
mod open;
mod pdd;
mod pins;
mod pqm;
mod primary;
mod process;
mod queue;
mod ras;
mod render;
pub mod share;
mod svm;
mod sync;
mod table;
mod teardown;
mod tick;
mod view;
mod vitals;
mod wait;

pub use crate::core::{ConfigError, Core, CoreConfig, Opened, Ran};
pub use crate::engine::Trapped;
pub use hsa_queue::Waves;
