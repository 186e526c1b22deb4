//! Calls about devices: version, clocks, apertures, memory policy, scratch, tiling, trap handler.

use crate::abi::layout::wire_struct;

/// `NUM_OF_SUPPORTED_GPUS`: the most devices that the old aperture call can tell of.
pub const OLD_APERTURES: usize = 7;

/// `KFD_IOC_CACHE_POLICY_COHERENT`: caches are kept coherent with the host.
pub const CACHE_POLICY_COHERENT: u32 = 0;
/// `KFD_IOC_CACHE_POLICY_NONCOHERENT`: caches are not kept coherent with the host.
pub const CACHE_POLICY_NONCOHERENT: u32 = 1;

wire_struct! {
    /// The version of the interface.
    GetVersion = "struct kfd_ioctl_get_version_args" {
        /// From KFD, the major version.
        major_version: u32,
        /// From KFD, the minor version.
        minor_version: u32,
    }

    /// The cache policies of a device's default and alternate aperture for this process.
    SetMemoryPolicy = "struct kfd_ioctl_set_memory_policy_args" {
        /// To KFD, the first address of the alternate aperture.
        alternate_aperture_base: u64,
        /// To KFD, the size of the alternate aperture, bytes.
        alternate_aperture_size: u64,
        /// To KFD, the device.
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
        /// From KFD, the frequency of the two host clocks, Hz.
        system_clock_freq: u64,
        /// To KFD, the device; 0 leaves the device's counter at 0.
        gpu_id: u32,
        pad: u32,
    }

    /// The apertures through which a device reaches LDS, scratch and GPUVM for this process.
    DeviceApertures = "struct kfd_process_device_apertures" {
        /// From KFD, the first byte of the LDS aperture.
        lds_base: u64,
        /// From KFD, the last byte of the LDS aperture.
        lds_limit: u64,
        /// From KFD, the first byte of the scratch aperture.
        scratch_base: u64,
        /// From KFD, the last byte of the scratch aperture.
        scratch_limit: u64,
        /// From KFD, the first byte of the GPUVM aperture.
        gpuvm_base: u64,
        /// From KFD, the last byte of the GPUVM aperture.
        gpuvm_limit: u64,
        /// From KFD, the device.
        gpu_id: u32,
        pad: u32,
    }

    /// The apertures of at most seven devices.
    GetProcessApertures = "struct kfd_ioctl_get_process_apertures_args" {
        /// From KFD, the apertures, of which the first `num_of_nodes` are valid.
        process_apertures: [DeviceApertures; OLD_APERTURES],
        /// From KFD, the number of devices.
        num_of_nodes: u32,
        pad: u32,
    }

    /// The apertures of any number of devices.
    GetProcessAperturesNew = "struct kfd_ioctl_get_process_apertures_new_args" {
        /// To KFD, the address where the array of `DeviceApertures` goes.
        kfd_process_device_apertures_ptr: u64,
        /// To KFD the number of elements that fit (0 asks for the number only); from KFD the number of devices.
        num_of_nodes: u32,
        pad: u32,
    }

    /// The address of a device's scratch memory; used only where the device has no GPUVM scratch of its own.
    SetScratchBackingVa = "struct kfd_ioctl_set_scratch_backing_va_args" {
        /// To KFD, the address.
        va_addr: u64,
        /// To KFD, the device.
        gpu_id: u32,
        pad: u32,
    }

    /// The tiling registers of a device.
    GetTileConfig = "struct kfd_ioctl_get_tile_config_args" {
        /// To KFD, the address where the tile modes go, an array of `u32`.
        tile_config_ptr: u64,
        /// To KFD, the address where the macro tile modes go, an array of `u32`.
        macro_tile_config_ptr: u64,
        /// To KFD the number of tile modes that fit, from KFD the number written.
        num_tile_configs: u32,
        /// To KFD the number of macro tile modes that fit, from KFD the number written.
        num_macro_tile_configs: u32,
        /// To KFD, the device.
        gpu_id: u32,
        /// From KFD, the value of the register GB_ADDR_CONFIG.
        gb_addr_config: u32,
        /// From KFD, the number of memory banks.
        num_banks: u32,
        /// From KFD, the number of memory ranks.
        num_ranks: u32,
    }

    /// The trap handler of this process on a device.
    SetTrapHandler = "struct kfd_ioctl_set_trap_handler_args" {
        /// To KFD, the address of the handler's code.
        tba_addr: u64,
        /// To KFD, the address of the handler's data.
        tma_addr: u64,
        /// To KFD, the device.
        gpu_id: u32,
        pad: u32,
    }

    /// Binds the GPUVM of a render node's file to this process.
    AcquireVm = "struct kfd_ioctl_acquire_vm_args" {
        /// To KFD, a descriptor of the render node in the caller's table.
        drm_fd: u32,
        /// To KFD, the device.
        gpu_id: u32,
    }

    /// The memory that an allocation on a device could get.
    GetAvailableMemory = "struct kfd_ioctl_get_available_memory_args" {
        /// From KFD, the available memory in bytes.
        available: u64,
        /// To KFD, the device.
        gpu_id: u32,
        pad: u32,
    }

    /// The mode of retried faults of this process.
    SetXnackMode = "struct kfd_ioctl_set_xnack_mode_args" {
        /// To KFD 0 for off, positive for on, negative to ask; from KFD the mode in force.
        xnack_enabled: i32,
    }
}
