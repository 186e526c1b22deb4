//! The structs and constants of drm/drm.h and drm/amdgpu_drm.h that a compute client uses, as they lie in memory.
//!
//! Not for: graphics. A number that is not in the table is EINVAL, as `drm_ioctl` answers it.

mod device_info;
mod driver;
mod gem;
mod info;
pub mod nr;
mod submission;

pub use device_info::*;
pub use driver::*;
pub use gem::*;
pub use info::*;
pub use submission::*;

/// The magic of DRM's commands, `DRM_IOCTL_BASE`.
pub const MAGIC: u8 = b'd';

/// `DRM_COMMAND_BASE`: the first number of a driver's own commands.
pub const COMMAND_BASE: u8 = 0x40;
