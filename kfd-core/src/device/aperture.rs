//! The windows through which a device of gfx9 or later sees LDS, scratch and the process's memory.
//!
//! They are the same for every process (`kfd_init_apertures_v9`, amdkfd/kfd_flat_memory.c): 64-bit addresses whose
//! bits 63..48 select the window.

use crate::abi::kfd::DeviceApertures;
use crate::ids::GpuId;
use std::ops::Range;

/// `MAKE_LDS_APP_BASE_V9`: the first address of the LDS aperture.
const LDS_BASE: u64 = 1 << 48;
/// `MAKE_SCRATCH_APP_BASE_V9`: the first address of the scratch aperture.
const SCRATCH_BASE: u64 = 2 << 48;
/// `MAKE_LDS_APP_LIMIT` and `MAKE_SCRATCH_APP_LIMIT`: the last byte of each aperture, which has 4 GiB.
const LIMIT: u64 = 0xffff_ffff;
/// The first address of the process's memory for a device: 16 MiB (`SVM_USER_BASE` of Linux 6.1), and with the kernels
/// of interface 1.16 and later 64 KiB (`AMDGPU_VA_RESERVED_BOTTOM`, amdgpu_vm.h). Below, the kernel keeps its own
/// structures.
pub(crate) const fn gpuvm_base(interface_minor: u32) -> u64 {
    if interface_minor < 16 { 16 << 20 } else { 64 << 10 }
}

/// The answer of the aperture calls about a device whose GPUVM aperture is `gpuvm`.
pub(crate) fn of(gpu: GpuId, gpuvm: &Range<u64>) -> DeviceApertures {
    DeviceApertures {
        lds_base: LDS_BASE,
        lds_limit: LDS_BASE | LIMIT,
        scratch_base: SCRATCH_BASE,
        scratch_limit: SCRATCH_BASE | LIMIT,
        gpuvm_base: gpuvm.start,
        gpuvm_limit: gpuvm.end.saturating_sub(1),
        gpu_id: gpu.0,
        pad: 0,
    }
}
