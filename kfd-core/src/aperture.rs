//! The windows through which a device of gfx9 or later sees LDS, scratch and the process's memory.
//!
//! They are the same for every process (`kfd_init_apertures_v9`, amdkfd/kfd_flat_memory.c): 64-bit addresses whose
//! bits 63..48 select the window.

use crate::abi::kfd::DeviceApertures;
use crate::device::Device;

/// `MAKE_LDS_APP_BASE_V9`.
const LDS_BASE: u64 = 1 << 48;
/// `MAKE_SCRATCH_APP_BASE_V9`.
const SCRATCH_BASE: u64 = 2 << 48;
/// `MAKE_LDS_APP_LIMIT` and `MAKE_SCRATCH_APP_LIMIT`: 4 GiB each.
const WINDOW: u64 = 0xffff_ffff;
/// `SVM_USER_BASE` as of Linux 6.1: 16 MiB, below which the kernel keeps its own structures.
pub(crate) const GPUVM_BASE: u64 = 0x100_0000;

/// What the aperture calls say of a device.
pub(crate) fn of(device: &Device) -> DeviceApertures {
    DeviceApertures {
        lds_base: LDS_BASE,
        lds_limit: LDS_BASE | WINDOW,
        scratch_base: SCRATCH_BASE,
        scratch_limit: SCRATCH_BASE | WINDOW,
        gpuvm_base: GPUVM_BASE,
        gpuvm_limit: device.profile.display.va_end.saturating_sub(1),
        gpu_id: device.gpu().0,
        pad: 0,
    }
}
