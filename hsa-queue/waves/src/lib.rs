//! Waves of compute kernels, run on the CPU.
//!
//! ```text
//! Dispatch { groups to come, resident groups } ──poll(budget)──► Done | More | Pending | Fault | Error
//!      │ run
//!      ▼
//! Group { waves, share } ──step──► Wave { pc, scalars, vectors, mode } ──asks──► Host: memory, clock, interrupts
//! ```
//! A step decodes one instruction (`gcn`), reads its operands for all 64 lanes, applies the operation's function of one
//! lane (`lane`) and writes the lanes that EXEC names. That function is the operation's specification; the loops around it
//! are for the compiler to make vectors of.
//!
//! What an engine cannot do stops the wave with its place and its name ([`Stop`]); nothing is passed over in silence.
//! Memory is a trait ([`Host`]) that may answer later: an instruction that waits is asked again as a whole, and keeps
//! which of its lanes are done. Not for: packets, processes, threads, which are the embedder's; saved waves.

#![forbid(unsafe_code)]

mod code;
mod descriptor;
mod device;
mod dispatch;
mod flat;
mod group;
mod host;
mod lane;
mod launch;
mod name;
mod operand;
mod scalar;
mod share;
mod step;
mod stop;
mod vector;
mod wave;

pub use code::Code;
pub use descriptor::{DescriptorError, KernelDescriptor, Registers};
pub use device::Device;
pub use dispatch::{Dispatch, DispatchError, Progress};
pub use host::{Atomic, Host};
pub use hsa_queue::memory::{Access, Fault, GpuVa, Ticket};
pub use launch::Request;
pub use name::kernel_name;
pub use stop::Stop;
pub use wave::{LANES, Lanes, Mode, Wave};
