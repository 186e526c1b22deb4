//! What the benches of live clients stand on.
//!
//! | file | what |
//! |---|---|
//! | `actor` | this program started again in a role of its own |
//! | `asked` | a program that is asked for one measurement after the other |
//! | `client` | clients of a daemon, by number of queues and buffers |
//! | `crowd` | thousands of them, lightly |
//! | `kfdd` | the built daemon as a process of its own |
//! | `bare` | a FUSE server that does nothing: the floor of the door |
//! | `lives`, `lanes`, `script` | a bench of whole lives; lives by the hundred; what a life does with its device's files |
//! | `parts` | a bench of independent parts, of which one can be measured alone |
//! | `proc` | what /proc says of a process |
//! | `shm`, `sync`, `sys` | shared mappings, their atomics, system calls without a safe wrapper |
//!
//! The daemon under measurement is always a separate process: a client in the same one would share its scheduler
//! and memory figures.
#![allow(dead_code, unused_imports, reason = "each bench is a program of its own and uses a part of this")]

pub mod actor;
pub mod asked;
pub mod bare;
pub mod client;
pub mod crowd;
pub mod kfdd;
pub mod lanes;
pub mod lives;
pub mod parts;
pub mod proc;
pub mod script;
pub mod shm;
pub mod sync;
pub mod sys;
