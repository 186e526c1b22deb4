//! Queues that are streams of dwords: what PM4 and SDMA have in common.
//!
//! ```text
//!  write index ─► feed ─► format: header, fixed part ─► Packet ─► machine ─► op ─► MemoryView
//!                  ▲                                                 │
//!                  └──────────── indirect buffers ───────────────────┘
//! ```
//!
//! [`feed`] is where the next dwords come from (a ring, or a buffer that a packet names), [`mod@format`] what a packet
//! decodes to, [`op`] the memory work that one packet asks for, [`machine`] the processor over all of them. The formats
//! themselves are [`crate::pm4`] and [`crate::sdma`].

pub mod atomic;
pub mod feed;
pub mod format;
pub mod machine;
pub mod op;
pub mod outcome;
pub mod sub_window;
pub mod transfer;

pub use format::{Format, Packet, Work};
pub use machine::Machine;
