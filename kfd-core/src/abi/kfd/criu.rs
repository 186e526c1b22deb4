//! Checkpoint and restore.

use crate::abi::layout::wire_struct;

/// `KFD_CRIU_OP_PROCESS_INFO`: stops the queues and tells how much there is.
pub const CRIU_OP_PROCESS_INFO: u32 = 0;
/// `KFD_CRIU_OP_CHECKPOINT`: tells what there is.
pub const CRIU_OP_CHECKPOINT: u32 = 1;
/// `KFD_CRIU_OP_UNPAUSE`: lets the queues run again.
pub const CRIU_OP_UNPAUSE: u32 = 2;
/// `KFD_CRIU_OP_RESTORE`: makes what a checkpoint told.
pub const CRIU_OP_RESTORE: u32 = 3;
/// `KFD_CRIU_OP_RESUME`: lets a restored process run.
pub const CRIU_OP_RESUME: u32 = 4;

/// `KFD_QUEUE_EVICTION_CRIU_CHECKPOINT`, among the triggers that SMI events tell.
pub const QUEUE_EVICTION_CRIU_CHECKPOINT: u32 = 4;

/// `KFD_INVALID_FD`.
pub const INVALID_FD: u32 = 0xffff_ffff;

wire_struct! {
    /// One step of a checkpoint or restore.
    Criu = "struct kfd_ioctl_criu_args" {
        /// Array of [`CriuDeviceBucket`].
        devices: u64,
        /// Array of [`CriuBoBucket`].
        bos: u64,
        /// Opaque bytes.
        priv_data: u64,
        /// Bytes.
        priv_data_size: u64,
        /// How many devices.
        num_devices: u32,
        /// How many buffer objects.
        num_bos: u32,
        /// How many objects the opaque bytes hold.
        num_objects: u32,
        /// The process that is checkpointed.
        pid: u32,
        /// `enum kfd_criu_op`.
        op: u32,
        /// Padding that C adds.
        tail: u32 = "",
    }

    /// A device in a checkpoint.
    CriuDeviceBucket = "struct kfd_criu_device_bucket" {
        /// The id that the process knows.
        user_gpu_id: u32,
        /// The id on this machine.
        actual_gpu_id: u32,
        /// A descriptor.
        drm_fd: u32,
        /// Padding.
        pad: u32,
    }

    /// A buffer object in a checkpoint.
    CriuBoBucket = "struct kfd_criu_bo_bucket" {
        /// GPU address.
        addr: u64,
        /// Bytes.
        size: u64,
        /// Its mmap offset.
        offset: u64,
        /// Its mmap offset after a restore.
        restored_offset: u64,
        /// The id that the process knows.
        gpu_id: u32,
        /// `ALLOC_MEM_FLAGS_*`.
        alloc_flags: u32,
        /// A descriptor.
        dmabuf_fd: u32,
        /// Padding.
        pad: u32,
    }
}
