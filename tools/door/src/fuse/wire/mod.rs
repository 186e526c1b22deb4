//! The FUSE wire protocol: structs, the decoder of requests and the encoder of replies, apart from any meaning.
//!
//! Source of every constant and layout: `include/uapi/linux/fuse.h`, protocol 7.40 (Linux 6.9, the first with
//! passthrough). Distributions ship older headers (7.38 in Debian 12), so the newer parts are defined here: flags2 and
//! `max_stack_depth` of the INIT reply, `FOPEN_PASSTHROUGH`, the open reply's `backing_id`, the BACKING ioctls.
//! The decoder has no unsafe and cannot panic: bytes come from the kernel, but names and ioctl structs inside them come
//! from clients. Not for: who may do what, which `dispatch` decides.

pub mod layout;
pub mod opcode;
pub mod reply;
pub mod request;

pub use reply::Reply;
pub use request::{Incoming, Request};
