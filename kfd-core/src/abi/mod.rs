//! The KFD ABI: structs as they lie in memory, and the one table that says what each ioctl is.
//!
//! Not for: behaviour. Nothing here has state, does I/O or can fail at run time but for a struct that is too large.

pub mod admitted;
pub mod chain;
pub mod drm;
pub mod ioc;
pub mod kfd;
pub mod layout;
pub mod spec;
pub mod table;
