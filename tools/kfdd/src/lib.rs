//! The userspace amdkfd daemon as a library: the same assembly serves `kfdd`, `kfdctl run` and `kfd-stress`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | what a daemon is started with |
//! | [`options`] | the command line of `kfdd` |
//! | [`rundir`] | the run directory: its lock, its layout, what a crash left in it |
//! | [`sysfs`] | the topology written out as plain files |
//! | [`daemon`] | the assembly, start and the drain of shutdown |
//! | [`error`] | why a daemon could not start |
//! | [`served`] | what the threads that serve share |
//! | [`router`] | where each notice of the core goes |
//! | [`mailbox`] | what other threads leave for the event loop |
//! | [`event_loop`] | deaths, deadlines, control connections: the one thread that runs teardowns |
//! | [`engine`] | the threads that run packets |
//! | [`deaths`] | the record of finished lives |
//! | `drain` | dooming everybody, and who else has begun to |
//! | [`control`] | the control socket's protocol, server and client |
//! | [`streams`] | the daemon's ends of SMI event streams |
//! | `tally` | faults that are told by powers of two |
//! | [`waves`] | the wave workers of all clients |
//! | [`service`] | what a service manager is told |
//!
//! Data goes one way: door → core → notice → (door, engine, event loop). Not for: what an ioctl means (kfd-core) or
//! how it arrives (door).

pub mod config;
pub mod control;
pub mod daemon;
pub mod deaths;
mod drain;
pub mod engine;
pub mod error;
pub mod event_loop;
pub mod mailbox;
pub mod options;
pub mod router;
pub mod rundir;
pub mod served;
pub mod service;
pub mod streams;
pub mod sysfs;
mod tally;
mod tmpfs;
pub mod waves;

pub use config::Config;
pub use daemon::Daemon;
pub use error::StartError;
pub use options::Options;

/// The exit code of a program whose daemon left something behind at shutdown (EX_SOFTWARE, sysexits.h).
pub const EXIT_LEAK: u8 = 70;
