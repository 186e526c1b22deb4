//! HSA user-mode queues: ring, doorbell, signal, and the processors that read packets.
//!
//! ```text
//!  caller (an engine thread)
//!    │ run(view, clock, budget) → Turn          retired packets, why it ended, an event to raise
//!    ▼
//!  aql::Processor ── ring, packet, barrier, dispatch ──► signal
//!    │ load / store / read / write / fetch_sub
//!    ▼
//!  MemoryView: Ready at once, Pending(ticket), or Fault
//! ```
//!
//! Knows nothing of processes, ioctls, events or threads: it does no I/O, takes no lock, has no unsafe code, and
//! what it cannot do it returns. A processor is a plain value; whoever holds it `&mut` runs it. The formats of
//! other queue types (PM4, SDMA) are modules beside [`aql`] and share [`memory`], [`step`], [`signal`] and
//! [`error`].

#![forbid(unsafe_code)]

pub mod aql;
pub mod atomic;
pub mod clock;
pub mod doorbell;
pub mod error;
pub mod fuzz;
pub mod layout;
pub mod local;
pub mod memory;
pub mod pm4;
pub mod processor;
pub mod queue_regs;
pub mod ring;
pub mod sdma;
pub mod signal;
pub mod step;
pub mod stream;
pub mod sync;
pub mod wave;

pub use aql::Processor;
pub use atomic::AtomicKind;
pub use clock::Clock;
pub use error::QueueError;
pub use memory::{Access, Fault, GpuVa, MemoryView, Ticket, Width};
pub use processor::QueueProcessor;
pub use queue_regs::QueueRegs;
pub use signal::EventId;
pub use step::{Step, Turn};
pub use wave::{Ran, WaveEngine, Waves};
