//! Calls of debuggers: the deprecated four, and those of interface 1.13.

use crate::abi::layout::wire_struct;

/// `KFD_RUNTIME_ENABLE_MODE_ENABLE_MASK`: the runtime begins (set) or ends (clear).
pub const RUNTIME_ENABLE_MODE_ENABLE_MASK: u32 = 1;
/// `KFD_RUNTIME_ENABLE_MODE_TTMP_SAVE_MASK`: trap temporaries are to be saved.
pub const RUNTIME_ENABLE_MODE_TTMP_SAVE_MASK: u32 = 2;

/// `KFD_DBG_QUEUE_ERROR_MASK`: set in a queue id that could not be suspended or resumed.
pub const DBG_QUEUE_ERROR_MASK: u32 = 1 << 30;
/// `KFD_DBG_QUEUE_INVALID_MASK`: set in a queue id that names no queue, or one that is new or being destroyed.
pub const DBG_QUEUE_INVALID_MASK: u32 = 1 << 31;

/// `KFD_DBG_TRAP_OVERRIDE_OR`: traps are added to the wave's own.
pub const DBG_TRAP_OVERRIDE_OR: u32 = 0;
/// `KFD_DBG_TRAP_OVERRIDE_REPLACE`: traps replace the wave's own.
pub const DBG_TRAP_OVERRIDE_REPLACE: u32 = 1;
/// `KFD_DBG_TRAP_MASK_FP_INVALID` up to `KFD_DBG_TRAP_MASK_DBG_MEMORY_VIOLATION`: the traps that every device with
/// debugging supports.
pub const DBG_TRAP_MASK_COMMON: u32 = 0x1ff;
/// `KFD_DBG_TRAP_MASK_TRAP_ON_WAVE_START`: the trap at a wave's start.
pub const DBG_TRAP_MASK_TRAP_ON_WAVE_START: u32 = 1 << 30;
/// `KFD_DBG_TRAP_MASK_TRAP_ON_WAVE_END`: the trap at a wave's end.
pub const DBG_TRAP_MASK_TRAP_ON_WAVE_END: u32 = 1 << 31;

/// `KFD_DBG_TRAP_WAVE_LAUNCH_MODE_NORMAL`: waves are launched running.
pub const DBG_TRAP_WAVE_LAUNCH_MODE_NORMAL: u32 = 0;
/// `KFD_DBG_TRAP_WAVE_LAUNCH_MODE_HALT`: waves are launched halted.
pub const DBG_TRAP_WAVE_LAUNCH_MODE_HALT: u32 = 1;
/// `KFD_DBG_TRAP_WAVE_LAUNCH_MODE_DEBUG`: waves are launched in debug mode.
pub const DBG_TRAP_WAVE_LAUNCH_MODE_DEBUG: u32 = 3;

/// `KFD_DBG_TRAP_FLAG_SINGLE_MEM_OP`: waves wait for each memory operation.
pub const DBG_TRAP_FLAG_SINGLE_MEM_OP: u32 = 1;

/// `EC_QUEUE_NEW`: a queue was made.
pub const EC_QUEUE_NEW: u32 = 31;
/// `EC_DEVICE_QUEUE_DELETE`: a queue of the device was destroyed.
pub const EC_DEVICE_QUEUE_DELETE: u32 = 32;
/// `EC_DEVICE_MEMORY_VIOLATION`: the device accessed memory that is not mapped.
pub const EC_DEVICE_MEMORY_VIOLATION: u32 = 33;
/// `EC_PROCESS_RUNTIME`: the runtime began or ended.
pub const EC_PROCESS_RUNTIME: u32 = 48;
/// `EC_MAX`: the end of the exception codes.
pub const EC_MAX: u32 = 50;

/// `KFD_EC_MASK`: the bit of an exception code; 0 for `EC_NONE` and for a number that is no code.
#[must_use]
pub const fn ec_mask(code: u32) -> u64 {
    if code == 0 || code >= EC_MAX { 0 } else { 1 << (code - 1) }
}

/// `KFD_EC_MASK_QUEUE`: the exceptions of queues, codes 1 to 6, 16 to 18, 20 to 23, 30 and 31.
pub const EC_MASK_QUEUE: u64 = 0x607b_803f;
/// `KFD_EC_MASK_DEVICE`: the exceptions of devices, codes 32 to 36.
pub const EC_MASK_DEVICE: u64 = 0x1f << 31;
/// `KFD_EC_MASK_PROCESS`: the exceptions of processes, codes 48 and 49.
pub const EC_MASK_PROCESS: u64 = 0x3 << 47;

/// `DEBUG_RUNTIME_STATE_DISABLED`: the runtime has not enabled exceptions.
pub const DEBUG_RUNTIME_STATE_DISABLED: u32 = 0;
/// `DEBUG_RUNTIME_STATE_ENABLED`: the runtime has enabled exceptions.
pub const DEBUG_RUNTIME_STATE_ENABLED: u32 = 1;
/// `DEBUG_RUNTIME_STATE_ENABLED_BUSY`: a device could not be made ready for the debugger.
pub const DEBUG_RUNTIME_STATE_ENABLED_BUSY: u32 = 2;

/// `KFD_IOC_DBG_TRAP_*` (`enum kfd_dbg_trap_operations`), the values of `op`.
pub mod dbg_op {
    /// Begins a debug session.
    pub const ENABLE: u32 = 0;
    /// Ends the debug session.
    pub const DISABLE: u32 = 1;
    /// Passes exceptions on to the runtime.
    pub const SEND_RUNTIME_EVENT: u32 = 2;
    /// Sets the exceptions that the debugger subscribes to.
    pub const SET_EXCEPTIONS_ENABLED: u32 = 3;
    /// Sets traps that waves have besides their own.
    pub const SET_WAVE_LAUNCH_OVERRIDE: u32 = 4;
    /// Sets the mode in which waves are launched.
    pub const SET_WAVE_LAUNCH_MODE: u32 = 5;
    /// Suspends queues: takes them off their devices.
    pub const SUSPEND_QUEUES: u32 = 6;
    /// Resumes suspended queues.
    pub const RESUME_QUEUES: u32 = 7;
    /// Takes a watch point of a device.
    pub const SET_NODE_ADDRESS_WATCH: u32 = 8;
    /// Gives a watch point back.
    pub const CLEAR_NODE_ADDRESS_WATCH: u32 = 9;
    /// Sets flags for all waves.
    pub const SET_FLAGS: u32 = 10;
    /// Asks for a queue, device or process that has raised an exception.
    pub const QUERY_DEBUG_EVENT: u32 = 11;
    /// Asks for the data of one exception.
    pub const QUERY_EXCEPTION_INFO: u32 = 12;
    /// Lists the queues of the process.
    pub const GET_QUEUE_SNAPSHOT: u32 = 13;
    /// Lists the devices of the process.
    pub const GET_DEVICE_SNAPSHOT: u32 = 14;
}

wire_struct! {
    /// Registers a debugger of a device; deprecated.
    DbgRegister = "struct kfd_ioctl_dbg_register_args" {
        /// To KFD, the device.
        gpu_id: u32,
        pad: u32,
    }

    /// Unregisters a debugger of a device; deprecated.
    DbgUnregister = "struct kfd_ioctl_dbg_unregister_args" {
        /// To KFD, the device.
        gpu_id: u32,
        pad: u32,
    }

    /// Sets watch points of a device; deprecated.
    DbgAddressWatch = "struct kfd_ioctl_dbg_address_watch_args" {
        /// To KFD, the address of the content.
        content_ptr: u64,
        /// To KFD, the device.
        gpu_id: u32,
        /// To KFD, the bytes of the content and of these two fields.
        buf_size_in_bytes: u32,
    }

    /// Sends a command to the waves of a device; deprecated.
    DbgWaveControl = "struct kfd_ioctl_dbg_wave_control_args" {
        /// To KFD, the address of the content.
        content_ptr: u64,
        /// To KFD, the device.
        gpu_id: u32,
        /// To KFD, the bytes of the content and of these two fields.
        buf_size_in_bytes: u32,
    }

    /// The runtime's announcement that it begins or ends; interface 1.13.
    RuntimeEnable = "struct kfd_ioctl_runtime_enable_args" {
        /// To KFD, the address of the loader's `r_debug`; kept for a debugger, never read by KFD.
        r_debug: u64,
        /// To KFD, `RUNTIME_ENABLE_MODE_*`.
        mode_mask: u32,
        /// From KFD, the capabilities.
        capabilities_mask: u32,
    }

    /// A debugger's request; interface 1.13. `op` says what `args` holds.
    DbgTrap = "struct kfd_ioctl_dbg_trap_args" {
        /// To KFD, the process to debug.
        pid: u32,
        /// To KFD, the operation, [`dbg_op`].
        op: u32,
        /// The arguments of the operation: a union of 24 bytes.
        args: [u64; 3] = "enable",
    }

    /// The state that the runtime has told, for a debugger.
    RuntimeInfo = "struct kfd_runtime_info" {
        /// The address of the loader's `r_debug`.
        r_debug: u64,
        /// The state, `DEBUG_RUNTIME_STATE_*`.
        runtime_state: u32,
        /// Non-zero when trap temporaries are saved.
        ttmp_setup: u32,
    }

    /// `args` of `ENABLE`.
    DbgTrapEnable = "struct kfd_ioctl_dbg_trap_enable_args" {
        /// To KFD, the exceptions that the debugger subscribes to.
        exception_mask: u64,
        /// To KFD, the address where a [`RuntimeInfo`] goes.
        rinfo_ptr: u64,
        /// To KFD the room for it, from KFD its size; bytes.
        rinfo_size: u32,
        /// To KFD, a descriptor in the caller's table, into which a byte is written for each exception raised.
        dbg_fd: u32,
    }

    /// `args` of `SEND_RUNTIME_EVENT`.
    DbgTrapSendRuntimeEvent = "struct kfd_ioctl_dbg_trap_send_runtime_event_args" {
        /// To KFD, the exceptions to pass on.
        exception_mask: u64,
        /// To KFD, the device that raised them.
        gpu_id: u32,
        /// To KFD, the queue that raised them.
        queue_id: u32,
    }

    /// `args` of `SET_EXCEPTIONS_ENABLED`.
    DbgTrapSetExceptionsEnabled = "struct kfd_ioctl_dbg_trap_set_exceptions_enabled_args" {
        /// To KFD, the exceptions that the debugger subscribes to.
        exception_mask: u64,
    }

    /// `args` of `SET_WAVE_LAUNCH_OVERRIDE`.
    DbgTrapSetWaveLaunchOverride = "struct kfd_ioctl_dbg_trap_set_wave_launch_override_args" {
        /// To KFD, `DBG_TRAP_OVERRIDE_*`.
        override_mode: u32,
        /// To KFD the traps to set, from KFD the traps that were set.
        enable_mask: u32,
        /// To KFD the traps that are meant, from KFD the traps that are supported.
        support_request_mask: u32,
        pad: u32,
    }

    /// `args` of `SET_WAVE_LAUNCH_MODE`.
    DbgTrapSetWaveLaunchMode = "struct kfd_ioctl_dbg_trap_set_wave_launch_mode_args" {
        /// To KFD, `DBG_TRAP_WAVE_LAUNCH_MODE_*`.
        launch_mode: u32,
        pad: u32,
    }

    /// `args` of `SUSPEND_QUEUES`.
    DbgTrapSuspendQueues = "struct kfd_ioctl_dbg_trap_suspend_queues_args" {
        /// To KFD, the exceptions to clear.
        exception_mask: u64,
        /// To and from KFD, the address of an array of `u32` queue ids; ids that could not be suspended come back with
        /// a bit set.
        queue_array_ptr: u64,
        /// To KFD, the number of queue ids.
        num_queues: u32,
        /// To KFD, the time for which waves may go on, in 1000 clocks.
        grace_period: u32,
    }

    /// `args` of `RESUME_QUEUES`.
    DbgTrapResumeQueues = "struct kfd_ioctl_dbg_trap_resume_queues_args" {
        /// To and from KFD, the address of an array of `u32` queue ids, or 0 for all queues.
        queue_array_ptr: u64,
        /// To KFD, the number of queue ids.
        num_queues: u32,
        pad: u32,
    }

    /// `args` of `SET_NODE_ADDRESS_WATCH`.
    DbgTrapSetNodeAddressWatch = "struct kfd_ioctl_dbg_trap_set_node_address_watch_args" {
        /// To KFD, the address to watch.
        address: u64,
        /// To KFD, `KFD_DBG_TRAP_ADDRESS_WATCH_MODE_*`.
        mode: u32,
        /// To KFD, the bits of the address that are compared.
        mask: u32,
        /// To KFD, the device.
        gpu_id: u32,
        /// From KFD, the number of the watch point.
        id: u32,
    }

    /// `args` of `CLEAR_NODE_ADDRESS_WATCH`.
    DbgTrapClearNodeAddressWatch = "struct kfd_ioctl_dbg_trap_clear_node_address_watch_args" {
        /// To KFD, the device.
        gpu_id: u32,
        /// To KFD, the number of the watch point.
        id: u32,
    }

    /// `args` of `SET_FLAGS`.
    DbgTrapSetFlags = "struct kfd_ioctl_dbg_trap_set_flags_args" {
        /// To KFD the new flags, from KFD the former ones.
        flags: u32,
        pad: u32,
    }

    /// `args` of `QUERY_DEBUG_EVENT`.
    DbgTrapQueryDebugEvent = "struct kfd_ioctl_dbg_trap_query_debug_event_args" {
        /// To KFD the exceptions to clear, from KFD those that were raised.
        exception_mask: u64,
        /// From KFD, the device that raised them.
        gpu_id: u32,
        /// From KFD, the queue that raised them.
        queue_id: u32,
    }

    /// `args` of `QUERY_EXCEPTION_INFO`.
    DbgTrapQueryExceptionInfo = "struct kfd_ioctl_dbg_trap_query_exception_info_args" {
        /// To KFD, the address where the information goes.
        info_ptr: u64,
        /// To KFD the room for it, from KFD its size; bytes.
        info_size: u32,
        /// To KFD, the id of a queue or of a device.
        source_id: u32,
        /// To KFD, the exception's code, `EC_*`.
        exception_code: u32,
        /// To KFD, non-zero clears the exception.
        clear_exception: u32,
    }

    /// `args` of `GET_QUEUE_SNAPSHOT`.
    DbgTrapQueueSnapshot = "struct kfd_ioctl_dbg_trap_queue_snapshot_args" {
        /// To KFD, the exceptions to clear.
        exception_mask: u64,
        /// To KFD, the address where [`QueueSnapshotEntry`]s go.
        snapshot_buf_ptr: u64,
        /// To KFD the number of entries that fit, from KFD the number of queues.
        num_queues: u32,
        /// To KFD the bytes from one entry to the next, from KFD the bytes written of each.
        entry_size: u32,
    }

    /// `args` of `GET_DEVICE_SNAPSHOT`.
    DbgTrapDeviceSnapshot = "struct kfd_ioctl_dbg_trap_device_snapshot_args" {
        /// To KFD, the exceptions to clear.
        exception_mask: u64,
        /// To KFD, the address where [`DeviceInfoEntry`]s go.
        snapshot_buf_ptr: u64,
        /// To KFD the number of entries that fit, from KFD the number of devices.
        num_devices: u32,
        /// To KFD the bytes from one entry to the next, from KFD the bytes written of each.
        entry_size: u32,
    }

    /// A queue as a debugger sees it.
    QueueSnapshotEntry = "struct kfd_queue_snapshot_entry" {
        /// The exceptions that the queue has raised.
        exception_status: u64,
        /// The GPU address of the ring.
        ring_base_address: u64,
        /// The address of the write index.
        write_pointer_address: u64,
        /// The address of the read index.
        read_pointer_address: u64,
        /// The address of the area where waves are saved.
        ctx_save_restore_address: u64,
        /// The id of the queue within its process.
        queue_id: u32,
        /// The device of the queue.
        gpu_id: u32,
        /// The size of the ring, bytes.
        ring_size: u32,
        /// The type of the queue, `QUEUE_TYPE_*`.
        queue_type: u32,
        /// The size of the area where waves are saved, bytes.
        ctx_save_restore_area_size: u32,
        reserved: u32,
    }

    /// A device as a debugger sees it.
    DeviceInfoEntry = "struct kfd_dbg_device_info_entry" {
        /// The exceptions that the device has raised.
        exception_status: u64,
        /// The first byte of the LDS aperture.
        lds_base: u64,
        /// The last byte of the LDS aperture.
        lds_limit: u64,
        /// The first byte of the scratch aperture.
        scratch_base: u64,
        /// The last byte of the scratch aperture.
        scratch_limit: u64,
        /// The first byte of the GPUVM aperture, the process's memory.
        gpuvm_base: u64,
        /// The last byte of the GPUVM aperture.
        gpuvm_limit: u64,
        /// The id of the device.
        gpu_id: u32,
        /// The PCI bus, slot and function.
        location_id: u32,
        /// The PCI vendor id.
        vendor_id: u32,
        /// The PCI device id.
        device_id: u32,
        /// The PCI revision id.
        revision_id: u32,
        /// The PCI vendor id of the subsystem.
        subsystem_vendor_id: u32,
        /// The PCI device id of the subsystem.
        subsystem_device_id: u32,
        /// The version of the compute microcode.
        fw_version: u32,
        /// The ISA version: major × 10000 + minor × 100 + stepping.
        gfx_target_version: u32,
        /// The working SIMDs of the device.
        simd_count: u32,
        /// The waves that a SIMD holds.
        max_waves_per_simd: u32,
        /// The shader arrays of the device.
        array_count: u32,
        /// The shader arrays of an engine.
        simd_arrays_per_engine: u32,
        /// The compute dies of the device.
        num_xcc: u32,
        /// The capabilities, `HSA_CAP_*`.
        capability: u32,
        /// The debug properties, `HSA_DBG_*`.
        debug_prop: u32,
    }

    /// The head of a queue's save area.
    ContextSaveAreaHeader = "struct kfd_context_save_area_header" {
        /// The offset and size of the control stack, then the offset and size of the waves' state; bytes.
        wave_state: [u32; 4],
        /// The offset of the runtime's own part, bytes.
        debug_offset: u32,
        /// The size of the runtime's own part, bytes.
        debug_size: u32,
        /// The address of the 64-bit word that collects exceptions for the runtime.
        err_payload_addr: u64,
        /// The id of the event to be set with it.
        err_event_id: u32,
        reserved1: u32,
    }
}
