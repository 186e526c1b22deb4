//! Calls about GEM buffers and the address space of a file (drm/amdgpu_drm.h).
//!
//! A union of the header is one struct here, made of the larger side's fields; what the other side says lies in the same
//! bytes and is written through a method.

use crate::abi::layout::wire_struct;

/// `AMDGPU_GEM_DOMAIN_GTT`: system memory that the device reaches through GTT.
pub const GEM_DOMAIN_GTT: u64 = 0x2;
/// `AMDGPU_GEM_DOMAIN_VRAM`: the device's own memory.
pub const GEM_DOMAIN_VRAM: u64 = 0x4;
/// `AMDGPU_GEM_DOMAIN_CPU`: system memory that the device does not reach.
pub const GEM_DOMAIN_CPU: u64 = 0x1;
/// `AMDGPU_GEM_DOMAIN_GDS`: the global data share.
pub const GEM_DOMAIN_GDS: u64 = 0x8;
/// `AMDGPU_GEM_DOMAIN_GWS`: global wave sync.
pub const GEM_DOMAIN_GWS: u64 = 0x10;
/// `AMDGPU_GEM_DOMAIN_OA`: ordered append.
pub const GEM_DOMAIN_OA: u64 = 0x20;

/// `AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED`: the host must be able to map it.
pub const GEM_CREATE_CPU_ACCESS_REQUIRED: u64 = 1 << 0;
/// `AMDGPU_GEM_CREATE_NO_CPU_ACCESS`: the host does not map it.
pub const GEM_CREATE_NO_CPU_ACCESS: u64 = 1 << 1;
/// `AMDGPU_GEM_CREATE_CPU_GTT_USWC`: the host maps it write-combined while it is in GTT.
pub const GEM_CREATE_CPU_GTT_USWC: u64 = 1 << 2;
/// `AMDGPU_GEM_CREATE_VRAM_CLEARED`: it begins as zeros.
pub const GEM_CREATE_VRAM_CLEARED: u64 = 1 << 3;
/// `AMDGPU_GEM_CREATE_VM_ALWAYS_VALID`: it is resident for every submission without being listed.
pub const GEM_CREATE_VM_ALWAYS_VALID: u64 = 1 << 6;
/// `AMDGPU_GEM_CREATE_EXPLICIT_SYNC`: the client alone orders accesses to it.
pub const GEM_CREATE_EXPLICIT_SYNC: u64 = 1 << 7;
/// `AMDGPU_GEM_CREATE_DISCARDABLE`: its contents may be lost under pressure (headers from 6.0 on).
pub const GEM_CREATE_DISCARDABLE: u64 = 1 << 12;

/// `AMDGPU_GEM_METADATA_OP_SET_METADATA`: sets the metadata.
pub const GEM_METADATA_OP_SET_METADATA: u32 = 1;
/// `AMDGPU_GEM_METADATA_OP_GET_METADATA`: tells the metadata.
pub const GEM_METADATA_OP_GET_METADATA: u32 = 2;
/// `AMDGPU_GEM_OP_GET_GEM_CREATE_INFO`: tells what the buffer was made with.
pub const GEM_OP_GET_GEM_CREATE_INFO: u32 = 0;
/// `AMDGPU_GEM_OP_SET_PLACEMENT`: changes the domains that the buffer may be in.
pub const GEM_OP_SET_PLACEMENT: u32 = 1;

/// `AMDGPU_VA_OP_MAP`: maps a part of a buffer.
pub const VA_OP_MAP: u32 = 1;
/// `AMDGPU_VA_OP_UNMAP`: unmaps what MAP mapped at an address.
pub const VA_OP_UNMAP: u32 = 2;
/// `AMDGPU_VA_OP_CLEAR`: unmaps everything in a range.
pub const VA_OP_CLEAR: u32 = 3;
/// `AMDGPU_VA_OP_REPLACE`: unmaps everything in a range and maps a part of a buffer there.
pub const VA_OP_REPLACE: u32 = 4;
/// `AMDGPU_VM_DELAY_UPDATE`: page tables may be updated later.
pub const VM_DELAY_UPDATE: u32 = 1 << 0;
/// `AMDGPU_VM_PAGE_READABLE`: the device may read the pages.
pub const VM_PAGE_READABLE: u32 = 1 << 1;
/// `AMDGPU_VM_PAGE_WRITEABLE`: the device may write the pages.
pub const VM_PAGE_WRITEABLE: u32 = 1 << 2;
/// `AMDGPU_VM_PAGE_EXECUTABLE`: the device may execute the pages.
pub const VM_PAGE_EXECUTABLE: u32 = 1 << 3;
/// `AMDGPU_VM_MTYPE_MASK`: the bits of the memory type.
pub const VM_MTYPE_MASK: u32 = 0xf << 5;
/// `AMDGPU_VM_OP_RESERVE_VMID`: keeps a hardware address space for the file.
pub const VM_OP_RESERVE_VMID: u32 = 1;
/// `AMDGPU_VM_OP_UNRESERVE_VMID`: gives that address space back.
pub const VM_OP_UNRESERVE_VMID: u32 = 2;

wire_struct! {
    /// A new GEM buffer. Out: the handle in the first word.
    GemCreate = "union drm_amdgpu_gem_create" {
        /// To the driver, the size in bytes.
        bo_size: u64 = "in.bo_size",
        /// To the driver, the alignment in bytes.
        alignment: u64 = "in.alignment",
        /// To the driver, the domains it may be in, `GEM_DOMAIN_*`.
        domains: u64 = "in.domains",
        /// To the driver, how it is used, `GEM_CREATE_*`.
        domain_flags: u64 = "in.domain_flags",
    }

    /// The mmap offset of a buffer.
    GemMmap = "union drm_amdgpu_gem_mmap" {
        /// To the driver the handle, in the lower half; from the driver the offset.
        addr_ptr: u64 = "out.addr_ptr",
    }

    /// The tiling and metadata of a buffer.
    GemMetadata = "struct drm_amdgpu_gem_metadata" {
        /// To the driver, the GEM handle.
        handle: u32,
        /// To the driver, the operation, `GEM_METADATA_OP_*`.
        op: u32,
        /// Both ways, the flags of the metadata.
        flags: u64 = "data.flags",
        /// Both ways, the tiling of the buffer.
        tiling_info: u64 = "data.tiling_info",
        /// Both ways, the bytes of metadata, at most 256.
        data_size_bytes: u32 = "data.data_size_bytes",
        /// Both ways, the metadata.
        data: [u32; 64] = "data.data",
        /// Padding that C adds.
        pad: u32 = "",
    }

    /// A wait until nothing uses a buffer. Out: status and domain, a word each.
    GemWaitIdle = "union drm_amdgpu_gem_wait_idle" {
        /// To the driver the GEM handle; out 0, or 1 when the buffer is busy.
        handle: u32 = "in.handle",
        /// To the driver 0; out the domain.
        flags: u32 = "in.flags",
        /// To the driver, the absolute end of the wait, ns.
        timeout: u64 = "in.timeout",
    }

    /// A change of the file's address space.
    GemVa = "struct drm_amdgpu_gem_va" {
        /// To the driver, the GEM handle.
        handle: u32,
        pad: u32 = "_pad",
        /// To the driver, the operation, `VA_OP_*`.
        operation: u32,
        /// To the driver, the access, `VM_PAGE_*`.
        flags: u32,
        /// To the driver, the first address.
        va_address: u64,
        /// To the driver, the first byte of the buffer to be mapped.
        offset_in_bo: u64,
        /// To the driver, the bytes to be mapped.
        map_size: u64,
    }

    /// A property of a buffer, told or changed.
    GemOp = "struct drm_amdgpu_gem_op" {
        /// To the driver, the GEM handle.
        handle: u32,
        /// To the driver, the operation, `GEM_OP_*`.
        op: u32,
        /// To the driver: the address where [`GemCreate`] goes, or the domains.
        value: u64,
    }

    /// A reservation of a hardware address space for the file.
    Vm = "union drm_amdgpu_vm" {
        /// To the driver, the operation, `VM_OP_*`.
        op: u32 = "in.op",
        /// To the driver, always 0.
        flags: u32 = "in.flags",
    }
}

impl GemCreate {
    /// The answer to a GEM_CREATE: the new handle.
    #[must_use]
    pub fn made(handle: u32) -> Self {
        Self { bo_size: u64::from(handle), ..Self::default() }
    }
}
