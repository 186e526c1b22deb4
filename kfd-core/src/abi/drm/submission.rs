//! Calls that submit commands and wait for them (drm/amdgpu_drm.h).

use crate::abi::layout::wire_struct;

/// `AMDGPU_CTX_OP_ALLOC_CTX`.
pub const CTX_OP_ALLOC_CTX: u32 = 1;
/// `AMDGPU_CTX_OP_FREE_CTX`.
pub const CTX_OP_FREE_CTX: u32 = 2;
/// `AMDGPU_CTX_OP_QUERY_STATE`.
pub const CTX_OP_QUERY_STATE: u32 = 3;
/// `AMDGPU_CTX_OP_QUERY_STATE2`.
pub const CTX_OP_QUERY_STATE2: u32 = 4;
/// `AMDGPU_CTX_PRIORITY_NORMAL`.
pub const CTX_PRIORITY_NORMAL: i32 = 0;
/// `AMDGPU_CTX_GUILTY_RESET`.
pub const CTX_GUILTY_RESET: u32 = 1;
/// `AMDGPU_CTX_QUERY2_FLAGS_GUILTY`.
pub const CTX_QUERY2_FLAGS_GUILTY: u64 = 1 << 2;

/// `AMDGPU_BO_LIST_OP_CREATE`.
pub const BO_LIST_OP_CREATE: u32 = 0;
/// `AMDGPU_BO_LIST_OP_DESTROY`.
pub const BO_LIST_OP_DESTROY: u32 = 1;
/// `AMDGPU_BO_LIST_OP_UPDATE`.
pub const BO_LIST_OP_UPDATE: u32 = 2;

/// `AMDGPU_CHUNK_ID_IB`: [`CsChunkIb`].
pub const CHUNK_ID_IB: u32 = 0x01;
/// `AMDGPU_CHUNK_ID_FENCE`: [`CsChunkFence`].
pub const CHUNK_ID_FENCE: u32 = 0x02;
/// `AMDGPU_CHUNK_ID_DEPENDENCIES`: any number of [`CsChunkDependency`].
pub const CHUNK_ID_DEPENDENCIES: u32 = 0x03;
/// `AMDGPU_CHUNK_ID_BO_HANDLES`: [`BoListIn`].
pub const CHUNK_ID_BO_HANDLES: u32 = 0x06;
/// `AMDGPU_CHUNK_ID_SCHEDULED_DEPENDENCIES`: as `CHUNK_ID_DEPENDENCIES`.
pub const CHUNK_ID_SCHEDULED_DEPENDENCIES: u32 = 0x07;

/// `AMDGPU_HW_IP_NUM`.
pub const HW_IP_NUM: u32 = 9;

wire_struct! {
    /// A context: what submissions are numbered in. Out: the context's number, or its state.
    Context = "union drm_amdgpu_ctx" {
        /// To the driver, `CTX_OP_*`; out: the context, or the lower half of its flags.
        op: u32 = "in.op",
        /// To the driver, 0.
        flags: u32 = "in.flags",
        /// To the driver; out: hangs.
        ctx_id: u32 = "in.ctx_id",
        /// To the driver; out: the reset status.
        priority: i32 = "in.priority",
    }

    /// A list of buffers that a submission uses. Out: its number in the first word.
    BoListIn = "union drm_amdgpu_bo_list" {
        /// To the driver, `BO_LIST_OP_*`.
        operation: u32 = "in.operation",
        /// To the driver.
        list_handle: u32 = "in.list_handle",
        /// To the driver.
        bo_number: u32 = "in.bo_number",
        /// To the driver, bytes of an entry.
        bo_info_size: u32 = "in.bo_info_size",
        /// To the driver: [`BoListEntry`]s.
        bo_info_ptr: u64 = "in.bo_info_ptr",
    }

    /// One buffer of a list.
    BoListEntry = "struct drm_amdgpu_bo_list_entry" {
        /// Its handle.
        bo_handle: u32,
        /// How much it matters.
        bo_priority: u32,
    }

    /// A submission. Out: its number in the first 8 bytes.
    Cs = "union drm_amdgpu_cs" {
        /// To the driver.
        ctx_id: u32 = "in.ctx_id",
        /// To the driver, 0 for none.
        bo_list_handle: u32 = "in.bo_list_handle",
        /// To the driver.
        num_chunks: u32 = "in.num_chunks",
        /// To the driver.
        flags: u32 = "in.flags",
        /// To the driver: addresses of [`CsChunk`]s.
        chunks: u64 = "in.chunks",
    }

    /// A part of a submission.
    CsChunk = "struct drm_amdgpu_cs_chunk" {
        /// `CHUNK_ID_*`.
        chunk_id: u32,
        /// Words of it.
        length_dw: u32,
        /// Where they are.
        chunk_data: u64,
    }

    /// An indirect buffer to run.
    CsChunkIb = "struct drm_amdgpu_cs_chunk_ib" {
        /// Padding.
        pad: u32 = "_pad",
        /// Flags.
        flags: u32,
        /// First byte, in the file's address space.
        va_start: u64,
        /// Bytes.
        ib_bytes: u32,
        /// Which kind of engine.
        ip_type: u32,
        /// Which of them.
        ip_instance: u32,
        /// Which of its rings.
        ring: u32,
    }

    /// Where the number of a submission is to be written when it is done.
    CsChunkFence = "struct drm_amdgpu_cs_chunk_fence" {
        /// A buffer of one page.
        handle: u32,
        /// Where in it, bytes.
        offset: u32,
    }

    /// A submission that this one comes after.
    CsChunkDependency = "struct drm_amdgpu_cs_chunk_dep" {
        /// Which kind of engine.
        ip_type: u32,
        /// Which of them.
        ip_instance: u32,
        /// Which of its rings.
        ring: u32,
        /// Whose.
        ctx_id: u32,
        /// Its number.
        handle: u64,
    }

    /// Waits for a submission. Out: 0, or 1 when the time is over, in the first 8 bytes.
    WaitCs = "union drm_amdgpu_wait_cs" {
        /// To the driver: its number, or all bits for the last.
        handle: u64 = "in.handle",
        /// To the driver, absolute, ns.
        timeout: u64 = "in.timeout",
        /// To the driver.
        ip_type: u32 = "in.ip_type",
        /// To the driver.
        ip_instance: u32 = "in.ip_instance",
        /// To the driver.
        ring: u32 = "in.ring",
        /// To the driver.
        ctx_id: u32 = "in.ctx_id",
    }
}

impl Context {
    /// The answer to a query of its state.
    #[must_use]
    pub fn state(flags: u64, hangs: u32, reset_status: u32) -> Self {
        let (low, high) = (flags as u32, (flags >> 32) as u32);
        Self { op: low, flags: high, ctx_id: hangs, priority: reset_status.cast_signed() }
    }
}

impl Cs {
    /// The answer: its number.
    #[must_use]
    pub fn submitted(number: u64) -> Self {
        Self { ctx_id: number as u32, bo_list_handle: (number >> 32) as u32, ..Self::default() }
    }
}
