//! The control socket: one JSON request a connection, one JSON reply, then the end of the stream.
//!
//! | module | what it holds |
//! |---|---|
//! | [`protocol`] | requests and replies |
//! | [`server`] | answering one connection, on a thread of its own |
//! | [`client`] | asking, as `kfdctl` does |
//! | [`advice`] | what to do when nobody answers |

pub mod advice;
pub mod client;
pub mod protocol;
pub mod server;

pub use client::Control;
pub use protocol::{Reply, Request};
