//! Calls that submit commands and wait for them (drm/amdgpu_drm.h).

use crate::abi::layout::wire_struct;

/// `AMDGPU_CTX_OP_ALLOC_CTX`: makes a context.
pub const CTX_OP_ALLOC_CTX: u32 = 1;
/// `AMDGPU_CTX_OP_FREE_CTX`: frees a context.
pub const CTX_OP_FREE_CTX: u32 = 2;
/// `AMDGPU_CTX_OP_QUERY_STATE`: tells the reset status of a context since the last query.
pub const CTX_OP_QUERY_STATE: u32 = 3;
/// `AMDGPU_CTX_OP_QUERY_STATE2`: tells the reset state of a context as flags.
pub const CTX_OP_QUERY_STATE2: u32 = 4;
/// `AMDGPU_CTX_PRIORITY_NORMAL`: the priority of a context that asks for none.
pub const CTX_PRIORITY_NORMAL: i32 = 0;
/// `AMDGPU_CTX_GUILTY_RESET`: the reset status of a context that hung.
pub const CTX_GUILTY_RESET: u32 = 1;
/// `AMDGPU_CTX_QUERY2_FLAGS_GUILTY`: the flag of a context that hung.
pub const CTX_QUERY2_FLAGS_GUILTY: u64 = 1 << 2;

/// `AMDGPU_BO_LIST_OP_CREATE`: makes a list.
pub const BO_LIST_OP_CREATE: u32 = 0;
/// `AMDGPU_BO_LIST_OP_DESTROY`: frees a list.
pub const BO_LIST_OP_DESTROY: u32 = 1;
/// `AMDGPU_BO_LIST_OP_UPDATE`: replaces the buffers of a list.
pub const BO_LIST_OP_UPDATE: u32 = 2;

/// `AMDGPU_CHUNK_ID_IB`: a chunk with a [`CsChunkIb`].
pub const CHUNK_ID_IB: u32 = 0x01;
/// `AMDGPU_CHUNK_ID_FENCE`: a chunk with a [`CsChunkFence`].
pub const CHUNK_ID_FENCE: u32 = 0x02;
/// `AMDGPU_CHUNK_ID_DEPENDENCIES`: a chunk with any number of [`CsChunkDependency`].
pub const CHUNK_ID_DEPENDENCIES: u32 = 0x03;
/// `AMDGPU_CHUNK_ID_BO_HANDLES`: a chunk with a [`BoListIn`].
pub const CHUNK_ID_BO_HANDLES: u32 = 0x06;
/// `AMDGPU_CHUNK_ID_SCHEDULED_DEPENDENCIES`: a chunk like `CHUNK_ID_DEPENDENCIES`, whose submissions need only be
/// scheduled.
pub const CHUNK_ID_SCHEDULED_DEPENDENCIES: u32 = 0x07;

/// `AMDGPU_HW_IP_NUM`: the number of kinds of engines.
pub const HW_IP_NUM: u32 = 9;

wire_struct! {
    /// A context, in which submissions are numbered. Out: the context's number, or its state.
    Context = "union drm_amdgpu_ctx" {
        /// To the driver the operation, `CTX_OP_*`; out the context, or the lower half of its flags.
        op: u32 = "in.op",
        /// To the driver, always 0.
        flags: u32 = "in.flags",
        /// To the driver the context; out the number of hangs.
        ctx_id: u32 = "in.ctx_id",
        /// To the driver the priority; out the reset status.
        priority: i32 = "in.priority",
    }

    /// A list of buffers that submissions use. Out: the list's number in the first word.
    BoListIn = "union drm_amdgpu_bo_list" {
        /// To the driver, the operation, `BO_LIST_OP_*`.
        operation: u32 = "in.operation",
        /// To the driver, the number of the list.
        list_handle: u32 = "in.list_handle",
        /// To the driver, the number of buffers.
        bo_number: u32 = "in.bo_number",
        /// To the driver, the bytes of an entry.
        bo_info_size: u32 = "in.bo_info_size",
        /// To the driver, the address of the [`BoListEntry`]s.
        bo_info_ptr: u64 = "in.bo_info_ptr",
    }

    /// One buffer of a list.
    BoListEntry = "struct drm_amdgpu_bo_list_entry" {
        /// The GEM handle of the buffer.
        bo_handle: u32,
        /// The priority by which the buffer is kept resident.
        bo_priority: u32,
    }

    /// A submission. Out: the submission's number in the first 8 bytes.
    Cs = "union drm_amdgpu_cs" {
        /// To the driver, the context.
        ctx_id: u32 = "in.ctx_id",
        /// To the driver, the number of the buffer list; 0 for none.
        bo_list_handle: u32 = "in.bo_list_handle",
        /// To the driver, the number of chunks.
        num_chunks: u32 = "in.num_chunks",
        /// To the driver, the flags of the submission.
        flags: u32 = "in.flags",
        /// To the driver, the address of the addresses of the [`CsChunk`]s.
        chunks: u64 = "in.chunks",
    }

    /// The header of a chunk, one part of a submission.
    CsChunk = "struct drm_amdgpu_cs_chunk" {
        /// The kind of the chunk, `CHUNK_ID_*`.
        chunk_id: u32,
        /// The length of the chunk in words.
        length_dw: u32,
        /// The address of the chunk's words.
        chunk_data: u64,
    }

    /// An indirect buffer to be run.
    CsChunkIb = "struct drm_amdgpu_cs_chunk_ib" {
        pad: u32 = "_pad",
        /// The flags, `AMDGPU_IB_FLAG_*`.
        flags: u32,
        /// The address of the first byte in the file's address space.
        va_start: u64,
        /// The length in bytes.
        ib_bytes: u32,
        /// The kind of engine, `HW_IP_*`.
        ip_type: u32,
        /// The instance of that kind.
        ip_instance: u32,
        /// The ring of that instance.
        ring: u32,
    }

    /// The place where a submission's number is written when it is done.
    CsChunkFence = "struct drm_amdgpu_cs_chunk_fence" {
        /// The GEM handle of a buffer of one page.
        handle: u32,
        /// The offset in that buffer, bytes.
        offset: u32,
    }

    /// An earlier submission that this one waits for.
    CsChunkDependency = "struct drm_amdgpu_cs_chunk_dep" {
        /// The kind of engine of the earlier submission, `HW_IP_*`.
        ip_type: u32,
        /// The instance of that kind.
        ip_instance: u32,
        /// The ring of that instance.
        ring: u32,
        /// The context of the earlier submission.
        ctx_id: u32,
        /// The number of the earlier submission.
        handle: u64,
    }

    /// A wait for a submission. Out: 0, or 1 when the time is over, in the first 8 bytes.
    WaitCs = "union drm_amdgpu_wait_cs" {
        /// To the driver, the number of the submission; all bits set for the last one.
        handle: u64 = "in.handle",
        /// To the driver, the absolute end of the wait, ns.
        timeout: u64 = "in.timeout",
        /// To the driver, the kind of engine, `HW_IP_*`.
        ip_type: u32 = "in.ip_type",
        /// To the driver, the instance of that kind.
        ip_instance: u32 = "in.ip_instance",
        /// To the driver, the ring of that instance.
        ring: u32 = "in.ring",
        /// To the driver, the context.
        ctx_id: u32 = "in.ctx_id",
    }
}

impl Context {
    /// The answer to a query of a context's state.
    #[must_use]
    pub fn state(flags: u64, hangs: u32, reset_status: u32) -> Self {
        let (low, high) = (flags as u32, (flags >> 32) as u32);
        Self { op: low, flags: high, ctx_id: hangs, priority: reset_status.cast_signed() }
    }
}

impl Cs {
    /// The answer to a submission: its number.
    #[must_use]
    pub fn submitted(number: u64) -> Self {
        Self { ctx_id: number as u32, bo_list_handle: (number >> 32) as u32, ..Self::default() }
    }
}
