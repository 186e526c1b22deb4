//! Calls that pass memory or happenings to others: dma-buf and SMI events through descriptors, and the IPC pair through
//! a key; and the copy between two processes.
//!
//! The IPC pair and the copy are not upstream: their structs are those of the header that libhsakmt 5.2.3 was built with
//! (include/linux/kfd_ioctl.h there, "non-upstream ioctls").

use crate::abi::layout::wire_struct;

/// `KFD_SMI_EVENT_VMFAULT`: a memory fault. The bit of an event in a mask is its number less one.
pub const SMI_EVENT_VMFAULT: u32 = 1;
/// `KFD_SMI_EVENT_GPU_PRE_RESET`: the device is about to be reset.
pub const SMI_EVENT_GPU_PRE_RESET: u32 = 3;
/// `KFD_SMI_EVENT_GPU_POST_RESET`: the device has been reset.
pub const SMI_EVENT_GPU_POST_RESET: u32 = 4;
/// `KFD_SMI_EVENT_MIGRATE_START`: a migration of shared virtual memory begins.
pub const SMI_EVENT_MIGRATE_START: u32 = 5;
/// `KFD_SMI_EVENT_MIGRATE_END`: the migration has ended.
pub const SMI_EVENT_MIGRATE_END: u32 = 6;
/// `KFD_SMI_EVENT_QUEUE_EVICTION`: the queues of a process were evicted.
pub const SMI_EVENT_QUEUE_EVICTION: u32 = 9;
/// `KFD_SMI_EVENT_QUEUE_RESTORE`: the queues of a process were restored.
pub const SMI_EVENT_QUEUE_RESTORE: u32 = 10;
/// `KFD_SMI_EVENT_ALL_PROCESS`: asks for the events of all processes, for root.
pub const SMI_EVENT_ALL_PROCESS: u32 = 64;

/// `KFD_MIGRATE_TRIGGER_PREFETCH`: the migration was asked for by a prefetch.
pub const MIGRATE_TRIGGER_PREFETCH: u32 = 0;
/// `KFD_QUEUE_EVICTION_TRIGGER_USERPTR`: client memory was unmapped.
pub const QUEUE_EVICTION_TRIGGER_USERPTR: u32 = 1;
/// `KFD_QUEUE_EVICTION_TRIGGER_TTM`: the VRAM was needed.
pub const QUEUE_EVICTION_TRIGGER_TTM: u32 = 2;
/// `KFD_QUEUE_EVICTION_TRIGGER_SUSPEND`: the device was suspended.
pub const QUEUE_EVICTION_TRIGGER_SUSPEND: u32 = 3;

/// `KFD_SMI_EVENT_MSG_SIZE`: the most bytes of one line of the SMI stream.
pub const SMI_EVENT_MSG_SIZE: usize = 96;

/// `KFD_CROSS_MEMORY_RW_BIT`: the caller's memory is the source and the other process's the destination.
pub const CROSS_MEMORY_WRITE: u32 = 1 << 0;

wire_struct! {
    /// The properties of a dma-buf that is a KFD allocation.
    GetDmabufInfo = "struct kfd_ioctl_get_dmabuf_info_args" {
        /// From KFD, the size in bytes.
        size: u64,
        /// To KFD, the address where the metadata goes, or 0.
        metadata_ptr: u64,
        /// To KFD the room for the metadata, from KFD its size; bytes.
        metadata_size: u32,
        /// From KFD, the device.
        gpu_id: u32,
        /// From KFD, the flags of the allocation, `ALLOC_MEM_FLAGS_*`.
        flags: u32,
        /// To KFD, a dma-buf descriptor in the caller's table.
        dmabuf_fd: u32,
    }

    /// Makes a buffer object of a dma-buf.
    ImportDmabuf = "struct kfd_ioctl_import_dmabuf_args" {
        /// To KFD, the GPU address of every later mapping.
        va_addr: u64,
        /// From KFD, the handle of the new buffer object.
        handle: u64,
        /// To KFD, the device.
        gpu_id: u32,
        /// To KFD, a dma-buf descriptor in the caller's table.
        dmabuf_fd: u32,
    }

    /// Makes a dma-buf of a buffer object; interface 1.12.
    ExportDmabuf = "struct kfd_ioctl_export_dmabuf_args" {
        /// To KFD, the handle of the buffer object.
        handle: u64,
        /// To KFD, the flags of the new descriptor.
        flags: u32,
        /// From KFD, a dma-buf descriptor in the caller's table.
        dmabuf_fd: u32,
    }

    /// Opens a stream of a device's SMI events.
    SmiEvents = "struct kfd_ioctl_smi_events_args" {
        /// To KFD, the device.
        gpuid: u32,
        /// From KFD, the stream's descriptor in the caller's table.
        anon_fd: u32,
    }

    /// Makes a key by which another process finds a buffer object.
    IpcExportHandle = "struct kfd_ioctl_ipc_export_handle_args" {
        /// To KFD, the handle of the buffer object.
        handle: u64,
        /// From KFD, the key.
        share_handle: [u32; 4],
        /// To KFD, the device of the handle.
        gpu_id: u32,
        /// To KFD, the flags that every importer is told.
        flags: u32,
    }

    /// Makes a buffer object of the memory that a key finds.
    IpcImportHandle = "struct kfd_ioctl_ipc_import_handle_args" {
        /// From KFD, the handle of the new buffer object.
        handle: u64,
        /// To KFD, the GPU address of every later mapping.
        va_addr: u64,
        /// From KFD, the mmap offset.
        mmap_offset: u64,
        /// To KFD, the key.
        share_handle: [u32; 4],
        /// To KFD, the device that the buffer object is to belong to.
        gpu_id: u32,
        /// From KFD, the flags that the exporter gave.
        flags: u32,
    }

    /// Copies between the caller and another process.
    CrossMemoryCopy = "struct kfd_ioctl_cross_memory_copy_args" {
        /// To KFD, the other process, as the caller's pid namespace numbers it.
        pid: u32,
        /// To KFD, `CROSS_MEMORY_*`.
        flags: u32,
        /// To KFD, the address of the source's list of ranges.
        src_mem_range_array: u64,
        /// To KFD, the number of the source's ranges.
        src_mem_array_size: u64,
        /// To KFD, the address of the destination's list of ranges.
        dst_mem_range_array: u64,
        /// To KFD, the number of the destination's ranges.
        dst_mem_array_size: u64,
        /// From KFD, the bytes copied; also when the call fails.
        bytes_copied: u64,
    }

    /// One range of the source or the destination.
    MemoryRange = "struct kfd_memory_range" {
        /// To KFD, the GPU address of the range's first byte.
        va_addr: u64,
        /// To KFD, the range's length in bytes.
        size: u64,
    }
}
