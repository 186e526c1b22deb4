//! Calls of debuggers: the deprecated four, and those of interface 1.13.

use crate::abi::layout::wire_struct;

/// `KFD_RUNTIME_ENABLE_MODE_ENABLE_MASK`: the runtime comes (set) or goes (clear).
pub const RUNTIME_ENABLE_MODE_ENABLE_MASK: u32 = 1;
/// `KFD_RUNTIME_ENABLE_MODE_TTMP_SAVE_MASK`: save the trap temporaries.
pub const RUNTIME_ENABLE_MODE_TTMP_SAVE_MASK: u32 = 2;

/// `KFD_DBG_QUEUE_ERROR_MASK`: set in a queue id that could not be suspended or resumed.
pub const DBG_QUEUE_ERROR_MASK: u32 = 1 << 30;
/// `KFD_DBG_QUEUE_INVALID_MASK`: set in a queue id that names no queue, or one that is new or being destroyed.
pub const DBG_QUEUE_INVALID_MASK: u32 = 1 << 31;

/// `KFD_DBG_TRAP_OVERRIDE_OR`.
pub const DBG_TRAP_OVERRIDE_OR: u32 = 0;
/// `KFD_DBG_TRAP_OVERRIDE_REPLACE`.
pub const DBG_TRAP_OVERRIDE_REPLACE: u32 = 1;
/// `KFD_DBG_TRAP_MASK_FP_INVALID` up to `KFD_DBG_TRAP_MASK_DBG_MEMORY_VIOLATION`: what every device that debugs takes.
pub const DBG_TRAP_MASK_COMMON: u32 = 0x1ff;
/// `KFD_DBG_TRAP_MASK_TRAP_ON_WAVE_START`.
pub const DBG_TRAP_MASK_TRAP_ON_WAVE_START: u32 = 1 << 30;
/// `KFD_DBG_TRAP_MASK_TRAP_ON_WAVE_END`.
pub const DBG_TRAP_MASK_TRAP_ON_WAVE_END: u32 = 1 << 31;

/// `KFD_DBG_TRAP_WAVE_LAUNCH_MODE_NORMAL`.
pub const DBG_TRAP_WAVE_LAUNCH_MODE_NORMAL: u32 = 0;
/// `KFD_DBG_TRAP_WAVE_LAUNCH_MODE_HALT`.
pub const DBG_TRAP_WAVE_LAUNCH_MODE_HALT: u32 = 1;
/// `KFD_DBG_TRAP_WAVE_LAUNCH_MODE_DEBUG`.
pub const DBG_TRAP_WAVE_LAUNCH_MODE_DEBUG: u32 = 3;

/// `KFD_DBG_TRAP_FLAG_SINGLE_MEM_OP`.
pub const DBG_TRAP_FLAG_SINGLE_MEM_OP: u32 = 1;

/// `EC_QUEUE_NEW`.
pub const EC_QUEUE_NEW: u32 = 31;
/// `EC_DEVICE_QUEUE_DELETE`.
pub const EC_DEVICE_QUEUE_DELETE: u32 = 32;
/// `EC_DEVICE_MEMORY_VIOLATION`.
pub const EC_DEVICE_MEMORY_VIOLATION: u32 = 33;
/// `EC_PROCESS_RUNTIME`.
pub const EC_PROCESS_RUNTIME: u32 = 48;
/// `EC_MAX`: every exception code is below.
pub const EC_MAX: u32 = 50;

/// `KFD_EC_MASK`: the bit of an exception code; 0 for `EC_NONE` and for what is no code.
#[must_use]
pub const fn ec_mask(code: u32) -> u64 {
    if code == 0 || code >= EC_MAX { 0 } else { 1 << (code - 1) }
}

/// `KFD_EC_MASK_QUEUE`: codes 1 to 6, 16 to 18, 20 to 23, 30 and 31.
pub const EC_MASK_QUEUE: u64 = 0x607b_803f;
/// `KFD_EC_MASK_DEVICE`: codes 32 to 36.
pub const EC_MASK_DEVICE: u64 = 0x1f << 31;
/// `KFD_EC_MASK_PROCESS`: codes 48 and 49.
pub const EC_MASK_PROCESS: u64 = 0x3 << 47;

/// `DEBUG_RUNTIME_STATE_DISABLED`.
pub const DEBUG_RUNTIME_STATE_DISABLED: u32 = 0;
/// `DEBUG_RUNTIME_STATE_ENABLED`.
pub const DEBUG_RUNTIME_STATE_ENABLED: u32 = 1;
/// `DEBUG_RUNTIME_STATE_ENABLED_BUSY`: a device could not be made ready for the debugger.
pub const DEBUG_RUNTIME_STATE_ENABLED_BUSY: u32 = 2;

/// `KFD_IOC_DBG_TRAP_*` (`enum kfd_dbg_trap_operations`), the values of `op`.
pub mod dbg_op {
    /// Begins a session.
    pub const ENABLE: u32 = 0;
    /// Ends it.
    pub const DISABLE: u32 = 1;
    /// Passes exceptions on to the runtime.
    pub const SEND_RUNTIME_EVENT: u32 = 2;
    /// Says which exceptions the debugger wants.
    pub const SET_EXCEPTIONS_ENABLED: u32 = 3;
    /// Makes waves trap on more.
    pub const SET_WAVE_LAUNCH_OVERRIDE: u32 = 4;
    /// Says how waves begin.
    pub const SET_WAVE_LAUNCH_MODE: u32 = 5;
    /// Takes queues off their device.
    pub const SUSPEND_QUEUES: u32 = 6;
    /// Puts them back.
    pub const RESUME_QUEUES: u32 = 7;
    /// Takes a watch point.
    pub const SET_NODE_ADDRESS_WATCH: u32 = 8;
    /// Gives it back.
    pub const CLEAR_NODE_ADDRESS_WATCH: u32 = 9;
    /// Sets flags of the waves.
    pub const SET_FLAGS: u32 = 10;
    /// Asks who has raised something.
    pub const QUERY_DEBUG_EVENT: u32 = 11;
    /// Asks more about one exception.
    pub const QUERY_EXCEPTION_INFO: u32 = 12;
    /// Lists the queues.
    pub const GET_QUEUE_SNAPSHOT: u32 = 13;
    /// Lists the devices.
    pub const GET_DEVICE_SNAPSHOT: u32 = 14;
}

wire_struct! {
    /// Deprecated.
    DbgRegister = "struct kfd_ioctl_dbg_register_args" {
        /// To KFD.
        gpu_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Deprecated.
    DbgUnregister = "struct kfd_ioctl_dbg_unregister_args" {
        /// To KFD.
        gpu_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Deprecated.
    DbgAddressWatch = "struct kfd_ioctl_dbg_address_watch_args" {
        /// To KFD, where the content is.
        content_ptr: u64,
        /// To KFD.
        gpu_id: u32,
        /// To KFD, bytes, these two fields included.
        buf_size_in_bytes: u32,
    }

    /// Deprecated.
    DbgWaveControl = "struct kfd_ioctl_dbg_wave_control_args" {
        /// To KFD, where the content is.
        content_ptr: u64,
        /// To KFD.
        gpu_id: u32,
        /// To KFD, bytes, these two fields included.
        buf_size_in_bytes: u32,
    }

    /// The runtime tells that it is there; interface 1.13.
    RuntimeEnable = "struct kfd_ioctl_runtime_enable_args" {
        /// To KFD, address of the loader's `r_debug`; kept for a debugger, never read by KFD.
        r_debug: u64,
        /// To KFD, `RUNTIME_ENABLE_MODE_*`.
        mode_mask: u32,
        /// From KFD.
        capabilities_mask: u32,
    }

    /// A debugger's request; interface 1.13. What `args` holds depends on `op`.
    DbgTrap = "struct kfd_ioctl_dbg_trap_args" {
        /// To KFD, the process to debug.
        pid: u32,
        /// To KFD, `enum kfd_dbg_trap_operations`.
        op: u32,
        /// A union of 24 bytes.
        args: [u64; 3] = "enable",
    }

    /// What the runtime told a debugger.
    RuntimeInfo = "struct kfd_runtime_info" {
        /// Address of the loader's `r_debug`.
        r_debug: u64,
        /// `DEBUG_RUNTIME_STATE_*`.
        runtime_state: u32,
        /// Non-zero when trap temporaries are saved.
        ttmp_setup: u32,
    }

    /// `args` of `ENABLE`.
    DbgTrapEnable = "struct kfd_ioctl_dbg_trap_enable_args" {
        /// To KFD, the exceptions that the debugger wants.
        exception_mask: u64,
        /// To KFD, where a [`RuntimeInfo`] goes.
        rinfo_ptr: u64,
        /// To KFD the room, from KFD the size; bytes.
        rinfo_size: u32,
        /// To KFD, a descriptor in the caller's table, into which a byte is written for each exception raised.
        dbg_fd: u32,
    }

    /// `args` of `SEND_RUNTIME_EVENT`.
    DbgTrapSendRuntimeEvent = "struct kfd_ioctl_dbg_trap_send_runtime_event_args" {
        /// To KFD.
        exception_mask: u64,
        /// To KFD.
        gpu_id: u32,
        /// To KFD.
        queue_id: u32,
    }

    /// `args` of `SET_EXCEPTIONS_ENABLED`.
    DbgTrapSetExceptionsEnabled = "struct kfd_ioctl_dbg_trap_set_exceptions_enabled_args" {
        /// To KFD.
        exception_mask: u64,
    }

    /// `args` of `SET_WAVE_LAUNCH_OVERRIDE`.
    DbgTrapSetWaveLaunchOverride = "struct kfd_ioctl_dbg_trap_set_wave_launch_override_args" {
        /// To KFD, `DBG_TRAP_OVERRIDE_*`.
        override_mode: u32,
        /// To KFD which to set, from KFD which were.
        enable_mask: u32,
        /// To KFD which are meant, from KFD which there are.
        support_request_mask: u32,
        /// Padding.
        pad: u32,
    }

    /// `args` of `SET_WAVE_LAUNCH_MODE`.
    DbgTrapSetWaveLaunchMode = "struct kfd_ioctl_dbg_trap_set_wave_launch_mode_args" {
        /// To KFD, `DBG_TRAP_WAVE_LAUNCH_MODE_*`.
        launch_mode: u32,
        /// Padding.
        pad: u32,
    }

    /// `args` of `SUSPEND_QUEUES`.
    DbgTrapSuspendQueues = "struct kfd_ioctl_dbg_trap_suspend_queues_args" {
        /// To KFD, exceptions to clear.
        exception_mask: u64,
        /// To and from KFD, array of `u32` queue ids; what could not be suspended has a bit set.
        queue_array_ptr: u64,
        /// To KFD.
        num_queues: u32,
        /// To KFD, how long waves may go on, in 1000 clocks.
        grace_period: u32,
    }

    /// `args` of `RESUME_QUEUES`.
    DbgTrapResumeQueues = "struct kfd_ioctl_dbg_trap_resume_queues_args" {
        /// To and from KFD, array of `u32` queue ids, or 0 for all queues.
        queue_array_ptr: u64,
        /// To KFD.
        num_queues: u32,
        /// Padding.
        pad: u32,
    }

    /// `args` of `SET_NODE_ADDRESS_WATCH`.
    DbgTrapSetNodeAddressWatch = "struct kfd_ioctl_dbg_trap_set_node_address_watch_args" {
        /// To KFD.
        address: u64,
        /// To KFD, `KFD_DBG_TRAP_ADDRESS_WATCH_MODE_*`.
        mode: u32,
        /// To KFD.
        mask: u32,
        /// To KFD.
        gpu_id: u32,
        /// From KFD.
        id: u32,
    }

    /// `args` of `CLEAR_NODE_ADDRESS_WATCH`.
    DbgTrapClearNodeAddressWatch = "struct kfd_ioctl_dbg_trap_clear_node_address_watch_args" {
        /// To KFD.
        gpu_id: u32,
        /// To KFD.
        id: u32,
    }

    /// `args` of `SET_FLAGS`.
    DbgTrapSetFlags = "struct kfd_ioctl_dbg_trap_set_flags_args" {
        /// To KFD the new ones, from KFD the former ones.
        flags: u32,
        /// Padding.
        pad: u32,
    }

    /// `args` of `QUERY_DEBUG_EVENT`.
    DbgTrapQueryDebugEvent = "struct kfd_ioctl_dbg_trap_query_debug_event_args" {
        /// To KFD what to clear, from KFD what was raised.
        exception_mask: u64,
        /// From KFD.
        gpu_id: u32,
        /// From KFD.
        queue_id: u32,
    }

    /// `args` of `QUERY_EXCEPTION_INFO`.
    DbgTrapQueryExceptionInfo = "struct kfd_ioctl_dbg_trap_query_exception_info_args" {
        /// To KFD, where the information goes.
        info_ptr: u64,
        /// To KFD the room, from KFD the size; bytes.
        info_size: u32,
        /// To KFD, a queue or a device.
        source_id: u32,
        /// To KFD, an `EC_*`.
        exception_code: u32,
        /// To KFD, non-zero takes the exception back.
        clear_exception: u32,
    }

    /// `args` of `GET_QUEUE_SNAPSHOT`.
    DbgTrapQueueSnapshot = "struct kfd_ioctl_dbg_trap_queue_snapshot_args" {
        /// To KFD, exceptions to clear.
        exception_mask: u64,
        /// To KFD, where [`QueueSnapshotEntry`]s go.
        snapshot_buf_ptr: u64,
        /// To KFD the room, from KFD how many there are.
        num_queues: u32,
        /// To KFD from one to the next, from KFD how much of each is written; bytes.
        entry_size: u32,
    }

    /// `args` of `GET_DEVICE_SNAPSHOT`.
    DbgTrapDeviceSnapshot = "struct kfd_ioctl_dbg_trap_device_snapshot_args" {
        /// To KFD, exceptions to clear.
        exception_mask: u64,
        /// To KFD, where [`DeviceInfoEntry`]s go.
        snapshot_buf_ptr: u64,
        /// To KFD the room, from KFD how many there are.
        num_devices: u32,
        /// To KFD from one to the next, from KFD how much of each is written; bytes.
        entry_size: u32,
    }

    /// A queue as a debugger sees it.
    QueueSnapshotEntry = "struct kfd_queue_snapshot_entry" {
        /// What it has raised.
        exception_status: u64,
        /// GPU address of its ring.
        ring_base_address: u64,
        /// Where its write index lies.
        write_pointer_address: u64,
        /// Where its read index lies.
        read_pointer_address: u64,
        /// Where its waves are saved.
        ctx_save_restore_address: u64,
        /// Its id.
        queue_id: u32,
        /// Its device.
        gpu_id: u32,
        /// Bytes of its ring.
        ring_size: u32,
        /// `QUEUE_TYPE_*`.
        queue_type: u32,
        /// Bytes of the area its waves are saved in.
        ctx_save_restore_area_size: u32,
        /// Padding.
        reserved: u32,
    }

    /// A device as a debugger sees it.
    DeviceInfoEntry = "struct kfd_dbg_device_info_entry" {
        /// What it has raised.
        exception_status: u64,
        /// First byte of the LDS window.
        lds_base: u64,
        /// Last byte of the LDS window.
        lds_limit: u64,
        /// First byte of the scratch window.
        scratch_base: u64,
        /// Last byte of the scratch window.
        scratch_limit: u64,
        /// First byte of the process's memory.
        gpuvm_base: u64,
        /// Last byte of the process's memory.
        gpuvm_limit: u64,
        /// Its id.
        gpu_id: u32,
        /// Bus, slot and function.
        location_id: u32,
        /// PCI vendor.
        vendor_id: u32,
        /// PCI device.
        device_id: u32,
        /// PCI revision.
        revision_id: u32,
        /// PCI subsystem's vendor.
        subsystem_vendor_id: u32,
        /// PCI subsystem.
        subsystem_device_id: u32,
        /// Version of the compute microcode.
        fw_version: u32,
        /// major × 10000 + minor × 100 + stepping.
        gfx_target_version: u32,
        /// SIMDs.
        simd_count: u32,
        /// Waves a SIMD holds.
        max_waves_per_simd: u32,
        /// Shader arrays.
        array_count: u32,
        /// Shader arrays of an engine.
        simd_arrays_per_engine: u32,
        /// Compute dies.
        num_xcc: u32,
        /// `HSA_CAP_*`.
        capability: u32,
        /// `HSA_DBG_*`.
        debug_prop: u32,
    }

    /// The head of a queue's save area.
    ContextSaveAreaHeader = "struct kfd_context_save_area_header" {
        /// Offset and size of the control stack, offset and size of the waves.
        wave_state: [u32; 4],
        /// Where the runtime's own part begins.
        debug_offset: u32,
        /// Bytes of that part.
        debug_size: u32,
        /// Where exceptions of this queue go for the runtime, 64 bits.
        err_payload_addr: u64,
        /// The event to set then.
        err_event_id: u32,
        /// Padding.
        reserved1: u32,
    }
}
