//! The whole core without a door, a client process or a file system: that it can be tested so is how its shape is
//! checked.
#![allow(missing_docs, clippy::unwrap_used)]

mod criu;
mod cross;
mod debug;
mod devices;
mod dmabuf;
mod events;
mod eviction;
mod formats;
mod graphics;
mod gws;
mod ipc;
mod life;
mod limits;
mod memory;
mod prime;
mod queues;
mod races;
mod ras;
mod refusals;
mod scheduling;
mod smi;
mod svm;
mod user_memory;
mod world;
