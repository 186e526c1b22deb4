//! Checkpoint and restore.

use crate::abi::layout::wire_struct;

/// `KFD_CRIU_OP_PROCESS_INFO`: stops the queues and tells how many objects there are.
pub const CRIU_OP_PROCESS_INFO: u32 = 0;
/// `KFD_CRIU_OP_CHECKPOINT`: tells the objects.
pub const CRIU_OP_CHECKPOINT: u32 = 1;
/// `KFD_CRIU_OP_UNPAUSE`: lets the queues run again.
pub const CRIU_OP_UNPAUSE: u32 = 2;
/// `KFD_CRIU_OP_RESTORE`: makes the objects of a checkpoint.
pub const CRIU_OP_RESTORE: u32 = 3;
/// `KFD_CRIU_OP_RESUME`: lets a restored process run.
pub const CRIU_OP_RESUME: u32 = 4;

/// `KFD_QUEUE_EVICTION_CRIU_CHECKPOINT`: the trigger of a checkpoint's eviction in SMI events.
pub const QUEUE_EVICTION_CRIU_CHECKPOINT: u32 = 4;

/// `KFD_INVALID_FD`: the descriptor of a bucket that has none.
pub const INVALID_FD: u32 = 0xffff_ffff;

wire_struct! {
    /// One step of a checkpoint or restore.
    Criu = "struct kfd_ioctl_criu_args" {
        /// The address of the array of [`CriuDeviceBucket`]s.
        devices: u64,
        /// The address of the array of [`CriuBoBucket`]s.
        bos: u64,
        /// The address of the private data, opaque bytes.
        priv_data: u64,
        /// The size of the private data, bytes.
        priv_data_size: u64,
        /// The number of device buckets.
        num_devices: u32,
        /// The number of BO buckets.
        num_bos: u32,
        /// The number of objects in the private data.
        num_objects: u32,
        /// The process that is checkpointed, as the caller's pid namespace numbers it.
        pid: u32,
        /// The operation, `CRIU_OP_*`.
        op: u32,
        /// Padding that C adds.
        tail: u32 = "",
    }

    /// A device in a checkpoint.
    CriuDeviceBucket = "struct kfd_criu_device_bucket" {
        /// The `gpu_id` that the process knows.
        user_gpu_id: u32,
        /// The `gpu_id` of the device on this machine.
        actual_gpu_id: u32,
        /// A descriptor of the device's render node, for a restore.
        drm_fd: u32,
        pad: u32,
    }

    /// A buffer object in a checkpoint.
    CriuBoBucket = "struct kfd_criu_bo_bucket" {
        /// The GPU address of the buffer object.
        addr: u64,
        /// The size of the buffer object, bytes.
        size: u64,
        /// The mmap offset at the checkpoint.
        offset: u64,
        /// The mmap offset after the restore.
        restored_offset: u64,
        /// The `gpu_id` that the process knows.
        gpu_id: u32,
        /// The flags of the allocation, `ALLOC_MEM_FLAGS_*`.
        alloc_flags: u32,
        /// A dma-buf descriptor of the buffer object.
        dmabuf_fd: u32,
        pad: u32,
    }
}
