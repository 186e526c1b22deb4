//! Calls about queues.

use crate::abi::layout::wire_struct;

/// `KFD_IOC_QUEUE_TYPE_COMPUTE`: a compute queue of PM4 packets.
pub const QUEUE_TYPE_COMPUTE: u32 = 0;
/// `KFD_IOC_QUEUE_TYPE_SDMA`: a copy queue.
pub const QUEUE_TYPE_SDMA: u32 = 1;
/// `KFD_IOC_QUEUE_TYPE_COMPUTE_AQL`: a compute queue of AQL packets.
pub const QUEUE_TYPE_COMPUTE_AQL: u32 = 2;
/// `KFD_IOC_QUEUE_TYPE_SDMA_XGMI`: a copy queue on an engine for XGMI links.
pub const QUEUE_TYPE_SDMA_XGMI: u32 = 3;
/// `KFD_IOC_QUEUE_TYPE_SDMA_BY_ENG_ID`: a copy queue on a given engine, interface 1.17.
pub const QUEUE_TYPE_SDMA_BY_ENG_ID: u32 = 4;

/// `KFD_MAX_QUEUE_PERCENTAGE`: the largest `queue_percentage`. Since interface 1.12 bits 15..8 of the field hold a PM4
/// target XCC.
pub const MAX_QUEUE_PERCENTAGE: u32 = 100;
/// `KFD_MAX_QUEUE_PRIORITY`: the highest priority.
pub const MAX_QUEUE_PRIORITY: u32 = 15;
/// `KFD_MIN_QUEUE_RING_SIZE`: the smallest ring, bytes.
pub const MIN_QUEUE_RING_SIZE: u32 = 1024;

wire_struct! {
    /// Makes a queue.
    CreateQueue = "struct kfd_ioctl_create_queue_args" {
        /// To KFD, the GPU address of the ring.
        ring_base_address: u64,
        /// To KFD (the header says from), the address of the write index.
        write_pointer_address: u64,
        /// To KFD (the header says from), the address of the read index.
        read_pointer_address: u64,
        /// From KFD, the mmap offset of the doorbell's page plus, on SOC15 and later, the doorbell's offset in the
        /// page.
        doorbell_offset: u64,
        /// To KFD, the size of the ring in bytes; 0 or a power of two of at least [`MIN_QUEUE_RING_SIZE`].
        ring_size: u32,
        /// To KFD, the device.
        gpu_id: u32,
        /// To KFD, the type, `QUEUE_TYPE_*`.
        queue_type: u32,
        /// To KFD, the share, 0 to [`MAX_QUEUE_PERCENTAGE`]; 0 makes the queue inactive.
        queue_percentage: u32,
        /// To KFD, the priority, 0 to [`MAX_QUEUE_PRIORITY`].
        queue_priority: u32,
        /// From KFD, the id of the queue.
        queue_id: u32,
        /// To KFD, the address of the end-of-pipe buffer.
        eop_buffer_address: u64,
        /// To KFD, the size of the end-of-pipe buffer, bytes.
        eop_buffer_size: u64,
        /// To KFD, the address of the save area, where waves are saved when the queue is preempted.
        ctx_save_restore_address: u64,
        /// To KFD, the size of the save area, bytes.
        ctx_save_restore_size: u32,
        /// To KFD, the size of the control stack in the save area, bytes.
        ctl_stack_size: u32,
        /// To KFD since interface 1.17, the engine of a queue of type [`QUEUE_TYPE_SDMA_BY_ENG_ID`]. Older clients' structs
        /// end before it.
        sdma_engine_id: u32,
        pad: u32,
    }

    /// Destroys a queue.
    DestroyQueue = "struct kfd_ioctl_destroy_queue_args" {
        /// To KFD, the id of the queue.
        queue_id: u32,
        pad: u32,
    }

    /// Changes a queue's ring, share or priority.
    UpdateQueue = "struct kfd_ioctl_update_queue_args" {
        /// To KFD, the GPU address of the ring; 0 leaves the queue without a ring and inactive.
        ring_base_address: u64,
        /// To KFD, the id of the queue.
        queue_id: u32,
        /// To KFD, the size of the ring, bytes.
        ring_size: u32,
        /// To KFD, the share, 0 to [`MAX_QUEUE_PERCENTAGE`].
        queue_percentage: u32,
        /// To KFD, the priority, 0 to [`MAX_QUEUE_PRIORITY`].
        queue_priority: u32,
    }

    /// The compute units that a queue may use.
    SetCuMask = "struct kfd_ioctl_set_cu_mask_args" {
        /// To KFD, the id of the queue.
        queue_id: u32,
        /// To KFD, the number of **bits** in the mask, a multiple of 32.
        num_cu_mask: u32,
        /// To KFD, the address of the mask, `u32` words.
        cu_mask_ptr: u64,
    }

    /// The saved wave state of an inactive queue.
    GetQueueWaveState = "struct kfd_ioctl_get_queue_wave_state_args" {
        /// To KFD, the address where the control stack is copied to.
        ctl_stack_address: u64,
        /// From KFD, the bytes used of the control stack.
        ctl_stack_used_size: u32,
        /// From KFD, the bytes used of the save area.
        save_area_used_size: u32,
        /// To KFD, the id of the queue.
        queue_id: u32,
        pad: u32,
    }

    /// The global wave sync (GWS) of a queue.
    AllocQueueGws = "struct kfd_ioctl_alloc_queue_gws_args" {
        /// To KFD, the id of the queue.
        queue_id: u32,
        /// To KFD, the number of GWS entries; 0 gives them back.
        num_gws: u32,
        /// From KFD, the first GWS entry.
        first_gws: u32,
        pad: u32,
    }

    /// The head of a queue's save area (uapi: the part `wave_state` of `struct kfd_context_save_area_header`). The rest
    /// of the header is the client's.
    SavedWaves = "struct mqd_user_context_save_area_header" {
        /// The bytes from the area's start to the top of the control stack, which grows towards the start.
        control_stack_offset: u32,
        /// The bytes of the control stack.
        control_stack_size: u32,
        /// The bytes from the area's start to the end of the waves' state, which grows towards the end.
        wave_state_offset: u32,
        /// The bytes of the waves' state.
        wave_state_size: u32,
    }
}
