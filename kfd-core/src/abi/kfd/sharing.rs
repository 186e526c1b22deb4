//! Calls that pass memory or happenings to others: dma-buf and SMI events through descriptors, and the IPC pair through
//! a key; and the copy between two processes.
//!
//! The IPC pair and the copy are not upstream: their structs are those of the header that libhsakmt 5.2.3 was built with
//! (include/linux/kfd_ioctl.h there, "non-upstream ioctls").

use crate::abi::layout::wire_struct;

/// `KFD_SMI_EVENT_VMFAULT`; its bit in a mask is this number less one, as of all events.
pub const SMI_EVENT_VMFAULT: u32 = 1;
/// `KFD_SMI_EVENT_GPU_PRE_RESET`.
pub const SMI_EVENT_GPU_PRE_RESET: u32 = 3;
/// `KFD_SMI_EVENT_GPU_POST_RESET`.
pub const SMI_EVENT_GPU_POST_RESET: u32 = 4;
/// `KFD_SMI_EVENT_MIGRATE_START`.
pub const SMI_EVENT_MIGRATE_START: u32 = 5;
/// `KFD_SMI_EVENT_MIGRATE_END`.
pub const SMI_EVENT_MIGRATE_END: u32 = 6;
/// `KFD_SMI_EVENT_QUEUE_EVICTION`.
pub const SMI_EVENT_QUEUE_EVICTION: u32 = 9;
/// `KFD_SMI_EVENT_QUEUE_RESTORE`.
pub const SMI_EVENT_QUEUE_RESTORE: u32 = 10;
/// `KFD_SMI_EVENT_ALL_PROCESS`: events of all processes, for root.
pub const SMI_EVENT_ALL_PROCESS: u32 = 64;

/// `KFD_MIGRATE_TRIGGER_PREFETCH`.
pub const MIGRATE_TRIGGER_PREFETCH: u32 = 0;
/// `KFD_QUEUE_EVICTION_TRIGGER_USERPTR`.
pub const QUEUE_EVICTION_TRIGGER_USERPTR: u32 = 1;
/// `KFD_QUEUE_EVICTION_TRIGGER_TTM`.
pub const QUEUE_EVICTION_TRIGGER_TTM: u32 = 2;
/// `KFD_QUEUE_EVICTION_TRIGGER_SUSPEND`.
pub const QUEUE_EVICTION_TRIGGER_SUSPEND: u32 = 3;

/// `KFD_SMI_EVENT_MSG_SIZE`: bytes of one line of the SMI stream at most.
pub const SMI_EVENT_MSG_SIZE: usize = 96;

/// `KFD_CROSS_MEMORY_RW_BIT`: the caller's memory is the source and the other process's the destination.
pub const CROSS_MEMORY_WRITE: u32 = 1 << 0;

wire_struct! {
    /// What a dma-buf is, when it is a KFD allocation.
    GetDmabufInfo = "struct kfd_ioctl_get_dmabuf_info_args" {
        /// From KFD, bytes.
        size: u64,
        /// To KFD, where the metadata goes, or 0.
        metadata_ptr: u64,
        /// To KFD the room, from KFD the size of the metadata; bytes.
        metadata_size: u32,
        /// From KFD.
        gpu_id: u32,
        /// From KFD, `ALLOC_MEM_FLAGS_*`.
        flags: u32,
        /// To KFD, a descriptor in the caller's table.
        dmabuf_fd: u32,
    }

    /// Makes a buffer object of a dma-buf.
    ImportDmabuf = "struct kfd_ioctl_import_dmabuf_args" {
        /// To KFD.
        va_addr: u64,
        /// From KFD.
        handle: u64,
        /// To KFD.
        gpu_id: u32,
        /// To KFD, a descriptor in the caller's table.
        dmabuf_fd: u32,
    }

    /// Makes a dma-buf of a buffer object; interface 1.12.
    ExportDmabuf = "struct kfd_ioctl_export_dmabuf_args" {
        /// To KFD.
        handle: u64,
        /// To KFD, flags of the descriptor.
        flags: u32,
        /// From KFD, a descriptor in the caller's table.
        dmabuf_fd: u32,
    }

    /// A stream of a device's events.
    SmiEvents = "struct kfd_ioctl_smi_events_args" {
        /// To KFD.
        gpuid: u32,
        /// From KFD, a descriptor in the caller's table.
        anon_fd: u32,
    }

    /// Makes a key by which another process finds a buffer object.
    IpcExportHandle = "struct kfd_ioctl_ipc_export_handle_args" {
        /// To KFD.
        handle: u64,
        /// From KFD, the key.
        share_handle: [u32; 4],
        /// To KFD, the device of the handle.
        gpu_id: u32,
        /// To KFD, told to whoever imports it.
        flags: u32,
    }

    /// Makes a buffer object of what a key finds.
    IpcImportHandle = "struct kfd_ioctl_ipc_import_handle_args" {
        /// From KFD.
        handle: u64,
        /// To KFD.
        va_addr: u64,
        /// From KFD.
        mmap_offset: u64,
        /// To KFD, the key.
        share_handle: [u32; 4],
        /// To KFD, the device that the buffer object is to belong to.
        gpu_id: u32,
        /// From KFD, what the exporter gave.
        flags: u32,
    }

    /// Copies between the caller and another process.
    CrossMemoryCopy = "struct kfd_ioctl_cross_memory_copy_args" {
        /// To KFD, the other process, as the caller's pid namespace numbers it.
        pid: u32,
        /// To KFD, `CROSS_MEMORY_*`.
        flags: u32,
        /// To KFD, where the source's ranges are listed.
        src_mem_range_array: u64,
        /// To KFD, how many.
        src_mem_array_size: u64,
        /// To KFD, where the destination's ranges are listed.
        dst_mem_range_array: u64,
        /// To KFD, how many.
        dst_mem_array_size: u64,
        /// From KFD, bytes; also when it fails.
        bytes_copied: u64,
    }

    /// One range of such a list.
    MemoryRange = "struct kfd_memory_range" {
        /// To KFD, a GPU address.
        va_addr: u64,
        /// To KFD, bytes.
        size: u64,
    }
}
