//! The KFD ABI: structs as they lie in memory, and the one table that says what each ioctl is.

pub mod spec;
