//! Calls about buffer objects, their flags, and the offsets at which KFD's own node is mapped.

use crate::abi::layout::wire_struct;

/// `KFD_IOC_ALLOC_MEM_FLAGS_VRAM`: device memory.
pub const ALLOC_MEM_FLAGS_VRAM: u32 = 1 << 0;
/// `KFD_IOC_ALLOC_MEM_FLAGS_GTT`: system memory that the driver allocates.
pub const ALLOC_MEM_FLAGS_GTT: u32 = 1 << 1;
/// `KFD_IOC_ALLOC_MEM_FLAGS_USERPTR`: memory of the client.
pub const ALLOC_MEM_FLAGS_USERPTR: u32 = 1 << 2;
/// `KFD_IOC_ALLOC_MEM_FLAGS_DOORBELL`: the process's doorbells on a device.
pub const ALLOC_MEM_FLAGS_DOORBELL: u32 = 1 << 3;
/// `KFD_IOC_ALLOC_MEM_FLAGS_MMIO_REMAP`: the remapped registers of a device.
pub const ALLOC_MEM_FLAGS_MMIO_REMAP: u32 = 1 << 4;
/// `KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE`: devices may write it.
pub const ALLOC_MEM_FLAGS_WRITABLE: u32 = 1 << 31;
/// `KFD_IOC_ALLOC_MEM_FLAGS_EXECUTABLE`: devices may execute it.
pub const ALLOC_MEM_FLAGS_EXECUTABLE: u32 = 1 << 30;
/// `KFD_IOC_ALLOC_MEM_FLAGS_PUBLIC`: the host can map it.
pub const ALLOC_MEM_FLAGS_PUBLIC: u32 = 1 << 29;
/// `KFD_IOC_ALLOC_MEM_FLAGS_NO_SUBSTITUTE`: no other kind of memory may take its place.
pub const ALLOC_MEM_FLAGS_NO_SUBSTITUTE: u32 = 1 << 28;
/// `KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM`: mapped twice in a row, so that a ring wraps without a check.
pub const ALLOC_MEM_FLAGS_AQL_QUEUE_MEM: u32 = 1 << 27;
/// `KFD_IOC_ALLOC_MEM_FLAGS_COHERENT`: it is coherent between devices and host.
pub const ALLOC_MEM_FLAGS_COHERENT: u32 = 1 << 26;
/// `KFD_IOC_ALLOC_MEM_FLAGS_UNCACHED`: devices do not cache it.
pub const ALLOC_MEM_FLAGS_UNCACHED: u32 = 1 << 25;
/// `KFD_IOC_ALLOC_MEM_FLAGS_EXT_COHERENT`: fine-grained coherency that device-scope atomics have too, after
/// interface 1.11.
pub const ALLOC_MEM_FLAGS_EXT_COHERENT: u32 = 1 << 24;
/// `KFD_IOC_ALLOC_MEM_FLAGS_CONTIGUOUS`: its pages are contiguous, interface 1.16.
pub const ALLOC_MEM_FLAGS_CONTIGUOUS: u32 = 1 << 23;

/// The flags that say which kind of memory it is.
pub const ALLOC_MEM_FLAGS_KINDS: u32 = ALLOC_MEM_FLAGS_VRAM
    | ALLOC_MEM_FLAGS_GTT
    | ALLOC_MEM_FLAGS_USERPTR
    | ALLOC_MEM_FLAGS_DOORBELL
    | ALLOC_MEM_FLAGS_MMIO_REMAP;

/// `KFD_MMAP_TYPE_SHIFT` (amdkfd/kfd_priv.h): bits 63..62 of the kernel's own mmap offsets say what is mapped. A
/// regular file refuses offsets of 2^63 and more, so the core hands out small offsets of its own instead.
pub const MMAP_TYPE_SHIFT: u32 = 62;
/// `KFD_MMAP_TYPE_DOORBELL`, before the shift: doorbells.
pub const MMAP_TYPE_DOORBELL: u64 = 3;
/// `KFD_MMAP_TYPE_EVENTS`, before the shift: the event page.
pub const MMAP_TYPE_EVENTS: u64 = 2;
/// `KFD_MMAP_TYPE_RESERVED_MEM`, before the shift: the memory of the trap handler (CWSR).
pub const MMAP_TYPE_RESERVED_MEM: u64 = 1;
/// `KFD_MMAP_TYPE_MMIO`, before the shift: remapped registers.
pub const MMAP_TYPE_MMIO: u64 = 0;

/// `KFD_MMIO_REMAP_HDP_MEM_FLUSH_CNTL`: the HDP flush of memory, byte offset in the remapped page.
pub const MMIO_REMAP_HDP_MEM_FLUSH_CNTL: u32 = 0;
/// `KFD_MMIO_REMAP_HDP_REG_FLUSH_CNTL`: the HDP flush of registers, byte offset in the remapped page.
pub const MMIO_REMAP_HDP_REG_FLUSH_CNTL: u32 = 4;

wire_struct! {
    /// Makes a buffer object.
    AllocMemoryOfGpu = "struct kfd_ioctl_alloc_memory_of_gpu_args" {
        /// To KFD, the GPU address of every later mapping.
        va_addr: u64,
        /// To KFD, the size in bytes.
        size: u64,
        /// From KFD, the handle of the buffer object.
        handle: u64,
        /// To KFD, the host address of a USERPTR; from KFD, the mmap offset.
        mmap_offset: u64,
        /// To KFD, the device.
        gpu_id: u32,
        /// To KFD, the kind and properties, `ALLOC_MEM_FLAGS_*`.
        flags: u32,
    }

    /// Frees a buffer object.
    FreeMemoryOfGpu = "struct kfd_ioctl_free_memory_of_gpu_args" {
        /// To KFD, the handle of the buffer object.
        handle: u64,
    }

    /// Maps a buffer object into the GPUVM of some devices.
    MapMemoryToGpu = "struct kfd_ioctl_map_memory_to_gpu_args" {
        /// To KFD, the handle of the buffer object.
        handle: u64,
        /// To KFD, the address of an array of `u32` gpu_ids.
        device_ids_array_ptr: u64,
        /// To KFD, the number of devices.
        n_devices: u32,
        /// To KFD the number of devices to skip, from KFD the number of devices done; both from the first on.
        n_success: u32,
    }

    /// Unmaps a buffer object from some devices.
    UnmapMemoryFromGpu = "struct kfd_ioctl_unmap_memory_from_gpu_args" {
        /// To KFD, the handle of the buffer object.
        handle: u64,
        /// To KFD, the address of an array of `u32` gpu_ids.
        device_ids_array_ptr: u64,
        /// To KFD, the number of devices.
        n_devices: u32,
        /// To KFD the number of devices to skip, from KFD the number of devices done; both from the first on.
        n_success: u32,
    }
}
