//! How a KFD call arrives, and what a client sees of the machine.
//!
//! | module | what |
//! |---|---|
//! | [`fuse`] | door one: the mount, the calls, the doorbell trap |
//! | [`seccomp`] | door two, for calls that pass descriptors |
//! | [`gather`] | an ioctl's pointers as accesses of client memory |
//! | [`workers`] | processes that make those accesses and may hang on them |
//! | [`wave_workers`] | processes that run the waves of one client each |
//! | [`descriptors`] | how many descriptors this process may have |
//! | [`scheduling`] | how soon this process has a CPU |
//! | [`identity`] | from a thread id to a process that cannot be confused |
//! | [`mountinfo`] | the table of mounts |
//! | [`view`] | the private view: devices and sysfs for one command |
//!
//! Not for: what a call means, which `kfd-core` says.

pub mod descriptors;
pub mod fuse;
pub mod gather;
pub mod identity;
pub mod mountinfo;
pub mod scheduling;
pub mod seccomp;
mod sys;
pub mod view;
pub mod wave_workers;
pub mod workers;
