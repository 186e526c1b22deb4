//! Calls that pass memory or happenings through descriptors: dma-buf and SMI events.

use crate::abi::layout::wire_struct;

/// `KFD_SMI_EVENT_MSG_SIZE`: bytes of one line of the SMI stream at most.
pub const SMI_EVENT_MSG_SIZE: usize = 96;

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
}
