//! Calls about queues.

use crate::abi::layout::wire_struct;

/// `KFD_IOC_QUEUE_TYPE_COMPUTE`: PM4.
pub const QUEUE_TYPE_COMPUTE: u32 = 0;
/// `KFD_IOC_QUEUE_TYPE_SDMA`.
pub const QUEUE_TYPE_SDMA: u32 = 1;
/// `KFD_IOC_QUEUE_TYPE_COMPUTE_AQL`.
pub const QUEUE_TYPE_COMPUTE_AQL: u32 = 2;
/// `KFD_IOC_QUEUE_TYPE_SDMA_XGMI`.
pub const QUEUE_TYPE_SDMA_XGMI: u32 = 3;
/// `KFD_IOC_QUEUE_TYPE_SDMA_BY_ENG_ID`, interface 1.17.
pub const QUEUE_TYPE_SDMA_BY_ENG_ID: u32 = 4;

/// `KFD_MAX_QUEUE_PERCENTAGE`. Since interface 1.12 bits 15..8 of the field hold a PM4 target XCC.
pub const MAX_QUEUE_PERCENTAGE: u32 = 100;
/// `KFD_MAX_QUEUE_PRIORITY`.
pub const MAX_QUEUE_PRIORITY: u32 = 15;
/// `KFD_MIN_QUEUE_RING_SIZE`, bytes.
pub const MIN_QUEUE_RING_SIZE: u32 = 1024;

wire_struct! {
    /// Makes a queue.
    CreateQueue = "struct kfd_ioctl_create_queue_args" {
        /// To KFD, GPU address of the ring.
        ring_base_address: u64,
        /// To KFD (the header says from), where the write index lies.
        write_pointer_address: u64,
        /// To KFD (the header says from), where the read index lies.
        read_pointer_address: u64,
        /// From KFD, mmap offset of the doorbell's page plus, on SOC15 and later, the doorbell's place in it.
        doorbell_offset: u64,
        /// To KFD, bytes; 0 or a power of two of at least [`MIN_QUEUE_RING_SIZE`].
        ring_size: u32,
        /// To KFD.
        gpu_id: u32,
        /// To KFD, `QUEUE_TYPE_*`.
        queue_type: u32,
        /// To KFD, 0 to [`MAX_QUEUE_PERCENTAGE`]; 0 makes it inactive.
        queue_percentage: u32,
        /// To KFD, 0 to [`MAX_QUEUE_PRIORITY`].
        queue_priority: u32,
        /// From KFD.
        queue_id: u32,
        /// To KFD, end-of-pipe buffer.
        eop_buffer_address: u64,
        /// To KFD, bytes.
        eop_buffer_size: u64,
        /// To KFD, where waves are saved when the queue is preempted.
        ctx_save_restore_address: u64,
        /// To KFD, bytes.
        ctx_save_restore_size: u32,
        /// To KFD, bytes.
        ctl_stack_size: u32,
        /// To KFD since interface 1.17, the engine of a queue of type [`QUEUE_TYPE_SDMA_BY_ENG_ID`]. Older clients' structs
        /// end before it.
        sdma_engine_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Ends a queue.
    DestroyQueue = "struct kfd_ioctl_destroy_queue_args" {
        /// To KFD.
        queue_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Changes a queue's ring, share or priority.
    UpdateQueue = "struct kfd_ioctl_update_queue_args" {
        /// To KFD; 0 leaves the queue without a ring and inactive.
        ring_base_address: u64,
        /// To KFD.
        queue_id: u32,
        /// To KFD, bytes.
        ring_size: u32,
        /// To KFD.
        queue_percentage: u32,
        /// To KFD.
        queue_priority: u32,
    }

    /// Which compute units a queue may use.
    SetCuMask = "struct kfd_ioctl_set_cu_mask_args" {
        /// To KFD.
        queue_id: u32,
        /// To KFD, **bits**, a multiple of 32.
        num_cu_mask: u32,
        /// To KFD, where the `u32` words are.
        cu_mask_ptr: u64,
    }

    /// The saved wave state of an inactive queue.
    GetQueueWaveState = "struct kfd_ioctl_get_queue_wave_state_args" {
        /// To KFD, where the control stack is to be copied.
        ctl_stack_address: u64,
        /// From KFD, bytes.
        ctl_stack_used_size: u32,
        /// From KFD, bytes.
        save_area_used_size: u32,
        /// To KFD.
        queue_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Global wave sync for a queue.
    AllocQueueGws = "struct kfd_ioctl_alloc_queue_gws_args" {
        /// To KFD.
        queue_id: u32,
        /// To KFD, 0 takes it back.
        num_gws: u32,
        /// From KFD.
        first_gws: u32,
        /// Padding.
        pad: u32,
    }

    /// The beginning of a queue's save area (uapi: the part `wave_state` of `struct kfd_context_save_area_header`). What
    /// follows it there is the client's.
    SavedWaves = "struct mqd_user_context_save_area_header" {
        /// Bytes from the area's beginning to the top of the control stack, which grows towards the beginning.
        control_stack_offset: u32,
        /// Bytes of control stack.
        control_stack_size: u32,
        /// Bytes from the area's beginning to the end of the waves' state, which grows towards the end.
        wave_state_offset: u32,
        /// Bytes of waves' state.
        wave_state_size: u32,
    }
}
