//! The structs and constants of drm/drm.h and drm/amdgpu_drm.h that a compute client uses, as they lie in memory.

/// `DRM_IOCTL_BASE`.
pub const MAGIC: u8 = b'd';
