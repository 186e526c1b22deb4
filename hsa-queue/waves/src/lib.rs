//! Waves of compute kernels, run on the CPU.
//!
//! ```text
//! Dispatch { groups to come, resident groups } ──poll(budget)──► Done | More | Pending | Fault | Error
//!      │ run
//!      ▼
//! Group { waves, share } ──run──► Wave { pc, scalars, vectors, mode } ──asks──► Host: memory, clock, interrupts
//!                                   │ enters
//!                                   ▼
//!                                 Blocks: code as it was decoded, until Code says that it changed
//! ```
//! Each operation has a function of one lane (`lane`, `vector`), which is its specification; the loops around it are for the
//! compiler to make vectors of. A decoded instruction is run by a fast form that has found its operands beforehand (`block`),
//! or looked at anew (`step`), which works for all of them and is what the fast forms are tested against.
//!
//! What an engine cannot do stops the wave with its place and its name ([`Stop`]); nothing is passed over in silence.
//! Memory is a trait ([`Host`]) that may answer later: an instruction that waits is asked again as a whole, and keeps
//! which of its lanes are done. Not for: packets, processes, threads, which are the embedder's; saved waves.

mod block;
mod code;
mod descriptor;
mod device;
mod dispatch;
mod error;
mod exchange;
pub mod fidelity;
mod flat;
mod grid;
mod group;
mod gws;
mod host;
mod lane;
mod launch;
mod meet;
mod mnemonics;
mod name;
mod operand;
mod record;
mod scalar;
mod scratch;
mod share;
mod spare;
mod step;
mod stop;
mod sync;
mod sys;
mod vector;
mod wave;

pub use block::Blocks;
pub use code::Code;
pub use descriptor::{DescriptorError, KernelDescriptor, Registers};
pub use device::Device;
pub use dispatch::{Dispatch, Progress};
pub use error::DispatchError;
pub use gws::WaveSync;
pub use host::{AtomicOp, Host};
pub use hsa_queue::memory::{Access, Fault, GpuVa, Ticket};
pub use launch::Request;
pub use mnemonics::{Mnemonics, WORDS as MNEMONIC_WORDS, mnemonic};
pub use name::kernel_name;
pub use stop::Stop;
pub use wave::{LANES, Lanes, Mode, Wave};
