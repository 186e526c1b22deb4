//! The structs and constants of linux/kfd_ioctl.h, as they lie in memory.
//!
//! Field names are the header's. Where a struct is newer than Debian 12's header (interface 1.11) its doc says which
//! interface version brought it; sizes and offsets are checked against the header of the machine that runs the tests.
//! Not for: what a call means, which the core's objects say.

mod criu;
mod debug;
mod device;
mod event;
mod memory;
pub mod nr;
mod queue;
mod sharing;
mod svm;

pub use criu::*;
pub use debug::*;
pub use device::*;
pub use event::*;
pub use memory::*;
pub use queue::*;
pub use sharing::*;
pub use svm::*;

/// The magic of KFD's commands, `AMDKFD_IOCTL_BASE`.
pub const MAGIC: u8 = b'K';

/// The major version of the interface, `KFD_IOCTL_MAJOR_VERSION`.
pub const INTERFACE_MAJOR: u32 = 1;
