//! The KFD objects and their lifetimes, without client I/O.

pub mod abi;
pub mod call;
pub mod death;
pub mod ids;
pub mod notice;
