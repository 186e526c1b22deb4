//! Whose byte it is: addresses, buffer objects, and the arena that their bytes lie in.
//!
//! Not for: what it costs (`account`), which calls change it (`ioctl`).

pub mod orphans;

pub(crate) mod address;
pub(crate) mod arena;
pub(crate) mod bo;
pub mod epochs;
pub(crate) mod pins;
pub(crate) mod share;
pub(crate) mod svm;
