//! Calls about GEM buffers and the address space of a file (drm/amdgpu_drm.h).
//!
//! A union of the header is one struct here, made of the larger side's fields; what the other side says lies in the same
//! bytes and is written through a method.

use crate::abi::layout::wire_struct;

/// `AMDGPU_GEM_DOMAIN_GTT`.
pub const GEM_DOMAIN_GTT: u64 = 0x2;
/// `AMDGPU_GEM_DOMAIN_VRAM`.
pub const GEM_DOMAIN_VRAM: u64 = 0x4;
/// `AMDGPU_GEM_DOMAIN_CPU`.
pub const GEM_DOMAIN_CPU: u64 = 0x1;
/// `AMDGPU_GEM_DOMAIN_GDS`.
pub const GEM_DOMAIN_GDS: u64 = 0x8;
/// `AMDGPU_GEM_DOMAIN_GWS`.
pub const GEM_DOMAIN_GWS: u64 = 0x10;
/// `AMDGPU_GEM_DOMAIN_OA`.
pub const GEM_DOMAIN_OA: u64 = 0x20;

/// `AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED`.
pub const GEM_CREATE_CPU_ACCESS_REQUIRED: u64 = 1 << 0;
/// `AMDGPU_GEM_CREATE_NO_CPU_ACCESS`.
pub const GEM_CREATE_NO_CPU_ACCESS: u64 = 1 << 1;
/// `AMDGPU_GEM_CREATE_CPU_GTT_USWC`.
pub const GEM_CREATE_CPU_GTT_USWC: u64 = 1 << 2;
/// `AMDGPU_GEM_CREATE_VRAM_CLEARED`.
pub const GEM_CREATE_VRAM_CLEARED: u64 = 1 << 3;
/// `AMDGPU_GEM_CREATE_VM_ALWAYS_VALID`.
pub const GEM_CREATE_VM_ALWAYS_VALID: u64 = 1 << 6;
/// `AMDGPU_GEM_CREATE_EXPLICIT_SYNC`.
pub const GEM_CREATE_EXPLICIT_SYNC: u64 = 1 << 7;
/// `AMDGPU_GEM_CREATE_DISCARDABLE` (headers from 6.0 on).
pub const GEM_CREATE_DISCARDABLE: u64 = 1 << 12;

/// `AMDGPU_GEM_METADATA_OP_SET_METADATA`.
pub const GEM_METADATA_OP_SET_METADATA: u32 = 1;
/// `AMDGPU_GEM_METADATA_OP_GET_METADATA`.
pub const GEM_METADATA_OP_GET_METADATA: u32 = 2;
/// `AMDGPU_GEM_OP_GET_GEM_CREATE_INFO`.
pub const GEM_OP_GET_GEM_CREATE_INFO: u32 = 0;
/// `AMDGPU_GEM_OP_SET_PLACEMENT`.
pub const GEM_OP_SET_PLACEMENT: u32 = 1;

/// `AMDGPU_VA_OP_MAP`.
pub const VA_OP_MAP: u32 = 1;
/// `AMDGPU_VA_OP_UNMAP`.
pub const VA_OP_UNMAP: u32 = 2;
/// `AMDGPU_VA_OP_CLEAR`.
pub const VA_OP_CLEAR: u32 = 3;
/// `AMDGPU_VA_OP_REPLACE`.
pub const VA_OP_REPLACE: u32 = 4;
/// `AMDGPU_VM_DELAY_UPDATE`.
pub const VM_DELAY_UPDATE: u32 = 1 << 0;
/// `AMDGPU_VM_PAGE_READABLE`.
pub const VM_PAGE_READABLE: u32 = 1 << 1;
/// `AMDGPU_VM_PAGE_WRITEABLE`.
pub const VM_PAGE_WRITEABLE: u32 = 1 << 2;
/// `AMDGPU_VM_PAGE_EXECUTABLE`.
pub const VM_PAGE_EXECUTABLE: u32 = 1 << 3;
/// `AMDGPU_VM_MTYPE_MASK`.
pub const VM_MTYPE_MASK: u32 = 0xf << 5;
/// `AMDGPU_VM_OP_RESERVE_VMID`.
pub const VM_OP_RESERVE_VMID: u32 = 1;
/// `AMDGPU_VM_OP_UNRESERVE_VMID`.
pub const VM_OP_UNRESERVE_VMID: u32 = 2;

wire_struct! {
    /// A new buffer. Out: the handle in the first word.
    GemCreate = "union drm_amdgpu_gem_create" {
        /// To the driver, bytes.
        bo_size: u64 = "in.bo_size",
        /// To the driver, bytes.
        alignment: u64 = "in.alignment",
        /// To the driver, `GEM_DOMAIN_*`.
        domains: u64 = "in.domains",
        /// To the driver, `GEM_CREATE_*`.
        domain_flags: u64 = "in.domain_flags",
    }

    /// Where a buffer is mapped. In: the handle in the lower half; out: the offset.
    GemMmap = "union drm_amdgpu_gem_mmap" {
        /// Both.
        addr_ptr: u64 = "out.addr_ptr",
    }

    /// A buffer's tiling and what its maker wrote on it.
    GemMetadata = "struct drm_amdgpu_gem_metadata" {
        /// To the driver.
        handle: u32,
        /// To the driver, `GEM_METADATA_OP_*`.
        op: u32,
        /// Both ways.
        flags: u64 = "data.flags",
        /// Both ways.
        tiling_info: u64 = "data.tiling_info",
        /// Both ways, at most 256.
        data_size_bytes: u32 = "data.data_size_bytes",
        /// Both ways.
        data: [u32; 64] = "data.data",
        /// Padding that C adds.
        pad: u32 = "",
    }

    /// Waits until nothing uses a buffer. Out: status and domain, a word each.
    GemWaitIdle = "union drm_amdgpu_gem_wait_idle" {
        /// To the driver; out: 0, or 1 when it is busy.
        handle: u32 = "in.handle",
        /// To the driver, 0; out: the domain.
        flags: u32 = "in.flags",
        /// To the driver, absolute, ns.
        timeout: u64 = "in.timeout",
    }

    /// A range of the file's address space.
    GemVa = "struct drm_amdgpu_gem_va" {
        /// To the driver.
        handle: u32,
        /// Padding.
        pad: u32 = "_pad",
        /// To the driver, `VA_OP_*`.
        operation: u32,
        /// To the driver, `VM_PAGE_*`.
        flags: u32,
        /// To the driver.
        va_address: u64,
        /// To the driver, bytes.
        offset_in_bo: u64,
        /// To the driver, bytes.
        map_size: u64,
    }

    /// One property of a buffer.
    GemOp = "struct drm_amdgpu_gem_op" {
        /// To the driver.
        handle: u32,
        /// To the driver, `GEM_OP_*`.
        op: u32,
        /// To the driver: where [`GemCreate`] goes, or a placement.
        value: u64,
    }

    /// A file's own number for its address space.
    Vm = "union drm_amdgpu_vm" {
        /// To the driver, `VM_OP_*`.
        op: u32 = "in.op",
        /// To the driver, 0.
        flags: u32 = "in.flags",
    }
}

impl GemCreate {
    /// The answer: a handle.
    #[must_use]
    pub fn made(handle: u32) -> Self {
        Self { bo_size: u64::from(handle), ..Self::default() }
    }
}
