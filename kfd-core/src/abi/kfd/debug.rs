//! Calls of debuggers: the deprecated four, and those of interface 1.13.

use crate::abi::layout::wire_struct;

/// `KFD_RUNTIME_ENABLE_MODE_ENABLE_MASK`: the runtime comes (set) or goes (clear).
pub const RUNTIME_ENABLE_MODE_ENABLE_MASK: u32 = 1;
/// `KFD_RUNTIME_ENABLE_MODE_TTMP_SAVE_MASK`: save the trap temporaries.
pub const RUNTIME_ENABLE_MODE_TTMP_SAVE_MASK: u32 = 2;

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
}
