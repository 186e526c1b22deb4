//! Wave workers: separate processes that run the dispatches of one client each, and what is said between them and the
//! daemon.
//!
//! A worker executes whatever its client's kernels are. So it has that client's arena and nothing else: it asks the daemon
//! what an address means (`wire`), and everything it says is a claim about its own client. Packets, order, signals and
//! the address map stay with the daemon.
//!
//! | module | what |
//! |---|---|
//! | [`wire`] | the messages |
//! | [`link`] | the daemon's end of a worker's socket |
//! | [`child`] | the worker's body |

pub mod child;
pub mod link;
pub mod wire;

pub use child::{DeviceLimits, Limits};
pub use link::Link;
