//! The whole, live: real daemons, real clients, and everything a client may do to them.
//!
//! Each test starts a daemon of its own and ends with [`kfd_tests::Kfdd::finish`], which asserts that nothing is left.
//! Needs root and /dev/fuse; a test that cannot run says so by name.

#![allow(clippy::unwrap_used, reason = "a test's functions outside #[test] fail loudly too")]

mod bad_input;
mod conformance;
mod containers;
mod criu;
mod cross;
mod daemon;
mod debug;
mod dmabuf;
mod eviction;
mod exceptions;
mod failures;
mod fdinfo;
mod hip;
mod hostile;
mod ipc;
mod listings;
mod lives;
mod newer_clients;
mod service;
mod signals;
mod smi;
mod svm;
mod user_memory;
mod waves;
