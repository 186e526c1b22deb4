//! A plain fuzzer for everything that reads bytes of a client: deterministic, on stable Rust, without instrumentation.
//!
//! ```text
//!  corpus (tests/corpus/<parser>, and what was new in this run)
//!     │ one, changed by mutate
//!     ▼
//!  parser: an entry of the crate that owns it ──► signature ──► corpus, if it is new
//!     └─ panic ──► finding: written to a file, with the command that runs it again
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`parser`] | the table of parsers |
//! | [`ioctl`] | the ioctls' parser: sequences of calls on a core |
//! | [`mutate`], [`corpus`] | inputs |
//! | [`fuzzer`] | one thread's work |
//!
//! The default tests run the corpus and a few thousand inputs of each; `cargo xtask soak fuzz` runs the program `kfd-fuzz` for
//! as long as it is told. Not for: live daemons, which the hostile tests and `kfd-stress` are for.

pub mod corpus;
pub mod fuzzer;
pub mod ioctl;
pub mod mutate;
pub mod parser;

pub use fuzzer::{Finding, Fuzzer};
pub use parser::{PARSERS, Parser};
