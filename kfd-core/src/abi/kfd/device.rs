//! Calls about devices: version, clocks, apertures, memory policy, scratch, tiling, trap handler.

use crate::abi::layout::wire_struct;

/// `NUM_OF_SUPPORTED_GPUS`: how many devices the old aperture call can tell of.
pub const OLD_APERTURES: usize = 7;

/// `KFD_IOC_CACHE_POLICY_COHERENT`.
pub const CACHE_POLICY_COHERENT: u32 = 0;
/// `KFD_IOC_CACHE_POLICY_NONCOHERENT`.
pub const CACHE_POLICY_NONCOHERENT: u32 = 1;

wire_struct! {
    /// The interface version.
    GetVersion = "struct kfd_ioctl_get_version_args" {
        /// From KFD.
        major_version: u32,
        /// From KFD.
        minor_version: u32,
    }

    /// Cache policy of a device's default and alternate apertures for this process.
    SetMemoryPolicy = "struct kfd_ioctl_set_memory_policy_args" {
        /// To KFD.
        alternate_aperture_base: u64,
        /// To KFD, bytes.
        alternate_aperture_size: u64,
        /// To KFD.
        gpu_id: u32,
        /// To KFD, `CACHE_POLICY_*`.
        default_policy: u32,
        /// To KFD, `CACHE_POLICY_*`.
        alternate_policy: u32,
        /// Padding; since interface 1.18 `misc_process_flag`.
        pad: u32,
    }

    /// The clocks of a device and of the host, read at about the same time.
    GetClockCounters = "struct kfd_ioctl_get_clock_counters_args" {
        /// From KFD, ticks of the device's clock.
        gpu_clock_counter: u64,
        /// From KFD, nanoseconds of `CLOCK_MONOTONIC_RAW`.
        cpu_clock_counter: u64,
        /// From KFD, nanoseconds of `CLOCK_BOOTTIME`.
        system_clock_counter: u64,
        /// From KFD, hertz of the two above.
        system_clock_freq: u64,
        /// To KFD; 0 leaves the device's counter at 0.
        gpu_id: u32,
        /// Padding.
        pad: u32,
    }

    /// The windows of the address space through which a device reaches LDS, scratch and GPUVM for this process.
    DeviceApertures = "struct kfd_process_device_apertures" {
        /// From KFD.
        lds_base: u64,
        /// From KFD, the last byte.
        lds_limit: u64,
        /// From KFD.
        scratch_base: u64,
        /// From KFD, the last byte.
        scratch_limit: u64,
        /// From KFD.
        gpuvm_base: u64,
        /// From KFD, the last byte.
        gpuvm_limit: u64,
        /// From KFD.
        gpu_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Apertures of at most seven devices.
    GetProcessApertures = "struct kfd_ioctl_get_process_apertures_args" {
        /// From KFD, `num_of_nodes` of them are meant.
        process_apertures: [DeviceApertures; OLD_APERTURES],
        /// From KFD.
        num_of_nodes: u32,
        /// Padding.
        pad: u32,
    }

    /// Apertures of any number of devices.
    GetProcessAperturesNew = "struct kfd_ioctl_get_process_apertures_new_args" {
        /// To KFD, where the array of `DeviceApertures` goes.
        kfd_process_device_apertures_ptr: u64,
        /// To KFD the room in the array (0 asks for the number only); from KFD how many there are.
        num_of_nodes: u32,
        /// Padding.
        pad: u32,
    }

    /// Where a device's scratch lies; only meant where the device has no GPUVM scratch of its own.
    SetScratchBackingVa = "struct kfd_ioctl_set_scratch_backing_va_args" {
        /// To KFD.
        va_addr: u64,
        /// To KFD.
        gpu_id: u32,
        /// Padding.
        pad: u32,
    }

    /// The tiling registers of a device.
    GetTileConfig = "struct kfd_ioctl_get_tile_config_args" {
        /// To KFD, where the array of `u32` goes.
        tile_config_ptr: u64,
        /// To KFD, where the array of `u32` goes.
        macro_tile_config_ptr: u64,
        /// To KFD the room, from KFD how many were written.
        num_tile_configs: u32,
        /// To KFD the room, from KFD how many were written.
        num_macro_tile_configs: u32,
        /// To KFD.
        gpu_id: u32,
        /// From KFD, the GB_ADDR_CONFIG register.
        gb_addr_config: u32,
        /// From KFD.
        num_banks: u32,
        /// From KFD.
        num_ranks: u32,
    }

    /// The trap handler of this process on a device.
    SetTrapHandler = "struct kfd_ioctl_set_trap_handler_args" {
        /// To KFD, code.
        tba_addr: u64,
        /// To KFD, data.
        tma_addr: u64,
        /// To KFD.
        gpu_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Binds the GPUVM of a render node's file to this process.
    AcquireVm = "struct kfd_ioctl_acquire_vm_args" {
        /// To KFD, a descriptor in the caller's table.
        drm_fd: u32,
        /// To KFD.
        gpu_id: u32,
    }

    /// How much memory an allocation on a device could get.
    GetAvailableMemory = "struct kfd_ioctl_get_available_memory_args" {
        /// From KFD, bytes.
        available: u64,
        /// To KFD.
        gpu_id: u32,
        /// Padding.
        pad: u32,
    }

    /// Whether faults of this process can be retried.
    SetXnackMode = "struct kfd_ioctl_set_xnack_mode_args" {
        /// To KFD 0 off, positive on, negative asks; from KFD the mode that holds.
        xnack_enabled: i32,
    }
}
