//! AMDGPU_INFO: one call with many queries (drm/amdgpu_drm.h).

use crate::abi::layout::wire_struct;

/// `AMDGPU_INFO_ACCEL_WORKING`: answers a `u32`, non-zero when the engines work.
pub const INFO_ACCEL_WORKING: u32 = 0x00;
/// `AMDGPU_INFO_HW_IP_INFO`: answers [`HwIp`] about a kind of engine.
pub const INFO_HW_IP_INFO: u32 = 0x02;
/// `AMDGPU_INFO_HW_IP_COUNT`: answers a `u32`, the instances of a kind of engine.
pub const INFO_HW_IP_COUNT: u32 = 0x03;
/// `AMDGPU_INFO_TIMESTAMP`: answers a `u64`, ticks of the device's clock.
pub const INFO_TIMESTAMP: u32 = 0x05;
/// `AMDGPU_INFO_FW_VERSION`: answers [`Firmware`] about a microcode.
pub const INFO_FW_VERSION: u32 = 0x0e;
/// `AMDGPU_INFO_VRAM_USAGE`: answers a `u64`, bytes of VRAM in use.
pub const INFO_VRAM_USAGE: u32 = 0x10;
/// `AMDGPU_INFO_GTT_USAGE`: answers a `u64`, bytes of GTT in use.
pub const INFO_GTT_USAGE: u32 = 0x11;
/// `AMDGPU_INFO_VRAM_GTT`: answers [`VramGtt`], the sizes of VRAM and GTT.
pub const INFO_VRAM_GTT: u32 = 0x14;
/// `AMDGPU_INFO_READ_MMR_REG`: answers as many `u32` as [`ReadMmrReg`] asks for, the values of registers.
pub const INFO_READ_MMR_REG: u32 = 0x15;
/// `AMDGPU_INFO_DEV_INFO`: answers [`DeviceInfo`](super::DeviceInfo).
pub const INFO_DEV_INFO: u32 = 0x16;
/// `AMDGPU_INFO_VIS_VRAM_USAGE`: answers a `u64`, bytes in use of the VRAM that the host can map.
pub const INFO_VIS_VRAM_USAGE: u32 = 0x17;
/// `AMDGPU_INFO_MEMORY`: answers [`MemoryInfo`] about every heap.
pub const INFO_MEMORY: u32 = 0x19;
/// `AMDGPU_INFO_RAS_ENABLED_FEATURES`: answers a `u64`, a bit for each block with RAS: in the upper half those that the
/// device has, in the lower those in use.
pub const INFO_RAS_ENABLED_FEATURES: u32 = 0x20;

/// `AMDGPU_INFO_NUM_BYTES_MOVED`: answers a `u64`, bytes of buffers that were moved.
pub const INFO_NUM_BYTES_MOVED: u32 = 0x0f;
/// `AMDGPU_INFO_NUM_EVICTIONS`: answers a `u64`, evictions of buffers from VRAM.
pub const INFO_NUM_EVICTIONS: u32 = 0x18;
/// `AMDGPU_INFO_VBIOS`: answers [`VbiosInfo`], when asked for [`VBIOS_INFO`].
pub const INFO_VBIOS: u32 = 0x1b;
/// `AMDGPU_INFO_SENSOR`: answers a `u32`, the value of a sensor.
pub const INFO_SENSOR: u32 = 0x1d;
/// `AMDGPU_INFO_NUM_VRAM_CPU_PAGE_FAULTS`: answers a `u64`, page faults of the host on VRAM.
pub const INFO_NUM_VRAM_CPU_PAGE_FAULTS: u32 = 0x1e;
/// `AMDGPU_INFO_VRAM_LOST_COUNTER`: answers a `u32`, how often VRAM was lost.
pub const INFO_VRAM_LOST_COUNTER: u32 = 0x1f;

/// `AMDGPU_INFO_VBIOS_INFO`: the query of VBIOS that is answered.
pub const VBIOS_INFO: u32 = 0x3;

/// `AMDGPU_INFO_SENSOR_GFX_SCLK`: the engine clock, MHz.
pub const SENSOR_GFX_SCLK: u32 = 0x1;
/// `AMDGPU_INFO_SENSOR_GFX_MCLK`: the memory clock, MHz.
pub const SENSOR_GFX_MCLK: u32 = 0x2;
/// `AMDGPU_INFO_SENSOR_GPU_TEMP`: the temperature, millidegrees.
pub const SENSOR_GPU_TEMP: u32 = 0x3;
/// `AMDGPU_INFO_SENSOR_GPU_LOAD`: the busy time, percent.
pub const SENSOR_GPU_LOAD: u32 = 0x4;
/// `AMDGPU_INFO_SENSOR_GPU_AVG_POWER`: the average power, W.
pub const SENSOR_GPU_AVG_POWER: u32 = 0x5;
/// `AMDGPU_INFO_SENSOR_VDDGFX`: the voltage of the engines, mV.
pub const SENSOR_VDDGFX: u32 = 0x7;
/// `AMDGPU_INFO_SENSOR_STABLE_PSTATE_GFX_SCLK`: the engine clock of the stable power state, MHz.
pub const SENSOR_STABLE_PSTATE_GFX_SCLK: u32 = 0x8;
/// `AMDGPU_INFO_SENSOR_STABLE_PSTATE_GFX_MCLK`: the memory clock of the stable power state, MHz.
pub const SENSOR_STABLE_PSTATE_GFX_MCLK: u32 = 0x9;
/// `AMDGPU_INFO_SENSOR_PEAK_PSTATE_GFX_SCLK`: the engine clock of the peak power state, MHz.
pub const SENSOR_PEAK_PSTATE_GFX_SCLK: u32 = 0xa;
/// `AMDGPU_INFO_SENSOR_PEAK_PSTATE_GFX_MCLK`: the memory clock of the peak power state, MHz.
pub const SENSOR_PEAK_PSTATE_GFX_MCLK: u32 = 0xb;
/// `AMDGPU_INFO_SENSOR_GPU_INPUT_POWER`: the input power, W.
pub const SENSOR_GPU_INPUT_POWER: u32 = 0xc;

/// The most registers of one READ_MMR_REG; more is EINVAL (amdgpu/amdgpu_kms.c).
pub const READ_MMR_REG_MAX: u32 = 128;

/// `AMDGPU_HW_IP_COMPUTE`: the compute engines.
pub const HW_IP_COMPUTE: u32 = 1;
/// `AMDGPU_HW_IP_DMA`: the copy engines (SDMA).
pub const HW_IP_DMA: u32 = 2;

wire_struct! {
    /// A query about the device or the driver.
    Info = "struct drm_amdgpu_info" {
        /// To the driver, the address where the answer goes; 0 is EINVAL.
        return_pointer: u64,
        /// To the driver, the room for the answer in bytes; a longer answer is cut, 0 is EINVAL.
        return_size: u32,
        /// To the driver, the query, `INFO_*`.
        query: u32,
        /// To the driver, the arguments of the query: a union, read through the methods.
        args: [u32; 4] = "read_mmr_reg",
    }

    /// The sizes of VRAM and GTT.
    VramGtt = "struct drm_amdgpu_info_vram_gtt" {
        /// The VRAM of the device, bytes.
        vram_size: u64,
        /// The VRAM that the host can map, bytes.
        vram_cpu_accessible_size: u64,
        /// The system memory that devices may use through GTT, bytes.
        gtt_size: u64,
    }

    /// The sizes of one heap.
    HeapInfo = "struct drm_amdgpu_heap_info" {
        /// The size of the heap, bytes.
        total_heap_size: u64,
        /// The part of the heap that clients can use, bytes.
        usable_heap_size: u64,
        /// The part of the heap that is in use, bytes.
        heap_usage: u64,
        /// The largest possible allocation, bytes.
        max_allocation: u64,
    }

    /// The sizes of every heap.
    MemoryInfo = "struct drm_amdgpu_memory_info" {
        /// The VRAM of the device.
        vram: HeapInfo,
        /// The part of the VRAM that the host can map.
        cpu_accessible_vram: HeapInfo,
        /// The system memory that devices may use through GTT.
        gtt: HeapInfo,
    }

    /// The version of a microcode.
    Firmware = "struct drm_amdgpu_info_firmware" {
        /// The version number.
        ver: u32,
        /// The number of the feature set.
        feature: u32,
    }

    /// The facts that a device's BIOS tells of itself; strings end with a NUL.
    VbiosInfo = "struct drm_amdgpu_info_vbios" {
        /// The name of the BIOS.
        name: [u8; 64],
        /// The part number of the BIOS.
        vbios_pn: [u8; 64],
        /// The version as a number.
        version: u32,
        pad: u32,
        /// The version as a string.
        vbios_ver_str: [u8; 32],
        /// The date of its making, a string.
        date: [u8; 32],
    }

    /// A kind of engine (IP block).
    HwIp = "struct drm_amdgpu_info_hw_ip" {
        /// The major version of the block.
        hw_ip_version_major: u32,
        /// The minor version of the block.
        hw_ip_version_minor: u32,
        /// The capability flags, 0 here.
        capabilities_flags: u64,
        /// The alignment of an indirect buffer's address, bytes.
        ib_start_alignment: u32,
        /// The alignment of an indirect buffer's size, bytes.
        ib_size_alignment: u32,
        /// The rings that take submissions, a bit each.
        available_rings: u32,
        pad: u32 = "_pad",
    }
}

/// The arguments of READ_MMR_REG, `read_mmr_reg` of the union in [`Info`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadMmrReg {
    /// The offset of the first register in words.
    pub dword_offset: u32,
    /// The number of registers.
    pub count: u32,
    /// The shader engine and array of the registers, a byte each; 0xff means all.
    pub instance: u32,
    /// The flags, always 0.
    pub flags: u32,
}

impl Info {
    /// The arguments of a READ_MMR_REG.
    #[must_use]
    pub fn read_mmr_reg(&self) -> ReadMmrReg {
        let [dword_offset, count, instance, flags] = self.args;
        ReadMmrReg { dword_offset, count, instance, flags }
    }

    /// The arguments of HW_IP_INFO and HW_IP_COUNT: the kind of engine (`AMDGPU_HW_IP_*`) and the instance.
    #[must_use]
    pub fn query_hw_ip(&self) -> (u32, u32) {
        (self.args[0], self.args[1])
    }

    /// Whether the answer tells how much memory is in use.
    #[must_use]
    pub fn tells_memory(&self) -> bool {
        matches!(self.query, INFO_VRAM_USAGE | INFO_VIS_VRAM_USAGE | INFO_GTT_USAGE | INFO_MEMORY)
    }

    /// The argument of SENSOR: the sensor, `SENSOR_*`.
    #[must_use]
    pub fn sensor(&self) -> u32 {
        self.args[0]
    }

    /// The argument of VBIOS: the query about the BIOS.
    #[must_use]
    pub fn vbios(&self) -> u32 {
        self.args[0]
    }

    /// The argument of FW_VERSION: the microcode, `AMDGPU_INFO_FW_*`.
    #[must_use]
    pub fn firmware(&self) -> u32 {
        self.args[0]
    }
}
