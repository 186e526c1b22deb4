//! AMDGPU_INFO: one call with many queries (drm/amdgpu_drm.h).

use crate::abi::layout::wire_struct;

/// `AMDGPU_INFO_ACCEL_WORKING`: a `u32`, non-zero when it works.
pub const INFO_ACCEL_WORKING: u32 = 0x00;
/// `AMDGPU_INFO_HW_IP_INFO`: [`HwIp`].
pub const INFO_HW_IP_INFO: u32 = 0x02;
/// `AMDGPU_INFO_HW_IP_COUNT`: a `u32`.
pub const INFO_HW_IP_COUNT: u32 = 0x03;
/// `AMDGPU_INFO_TIMESTAMP`: a `u64`, ticks of the device's clock.
pub const INFO_TIMESTAMP: u32 = 0x05;
/// `AMDGPU_INFO_FW_VERSION`: [`Firmware`].
pub const INFO_FW_VERSION: u32 = 0x0e;
/// `AMDGPU_INFO_VRAM_USAGE`: a `u64`, bytes.
pub const INFO_VRAM_USAGE: u32 = 0x10;
/// `AMDGPU_INFO_GTT_USAGE`: a `u64`, bytes.
pub const INFO_GTT_USAGE: u32 = 0x11;
/// `AMDGPU_INFO_VRAM_GTT`: [`VramGtt`].
pub const INFO_VRAM_GTT: u32 = 0x14;
/// `AMDGPU_INFO_READ_MMR_REG`: as many `u32` as [`ReadMmrReg`] asks for.
pub const INFO_READ_MMR_REG: u32 = 0x15;
/// `AMDGPU_INFO_DEV_INFO`: [`DeviceInfo`](super::DeviceInfo).
pub const INFO_DEV_INFO: u32 = 0x16;
/// `AMDGPU_INFO_VIS_VRAM_USAGE`: a `u64`, bytes.
pub const INFO_VIS_VRAM_USAGE: u32 = 0x17;
/// `AMDGPU_INFO_MEMORY`: [`MemoryInfo`].
pub const INFO_MEMORY: u32 = 0x19;
/// `AMDGPU_INFO_RAS_ENABLED_FEATURES`: a `u64`, a bit for each block with RAS; in the upper half as the device has it, in
/// the lower as it is in use.
pub const INFO_RAS_ENABLED_FEATURES: u32 = 0x20;

/// `AMDGPU_INFO_NUM_BYTES_MOVED`: a `u64`, bytes.
pub const INFO_NUM_BYTES_MOVED: u32 = 0x0f;
/// `AMDGPU_INFO_NUM_EVICTIONS`: a `u64`.
pub const INFO_NUM_EVICTIONS: u32 = 0x18;
/// `AMDGPU_INFO_VBIOS`: [`VbiosInfo`], for [`VBIOS_INFO`].
pub const INFO_VBIOS: u32 = 0x1b;
/// `AMDGPU_INFO_SENSOR`: a `u32`.
pub const INFO_SENSOR: u32 = 0x1d;
/// `AMDGPU_INFO_NUM_VRAM_CPU_PAGE_FAULTS`: a `u64`.
pub const INFO_NUM_VRAM_CPU_PAGE_FAULTS: u32 = 0x1e;
/// `AMDGPU_INFO_VRAM_LOST_COUNTER`: a `u32`.
pub const INFO_VRAM_LOST_COUNTER: u32 = 0x1f;

/// `AMDGPU_INFO_VBIOS_INFO`.
pub const VBIOS_INFO: u32 = 0x3;

/// `AMDGPU_INFO_SENSOR_GFX_SCLK`: MHz.
pub const SENSOR_GFX_SCLK: u32 = 0x1;
/// `AMDGPU_INFO_SENSOR_GFX_MCLK`: MHz.
pub const SENSOR_GFX_MCLK: u32 = 0x2;
/// `AMDGPU_INFO_SENSOR_GPU_TEMP`: millidegrees.
pub const SENSOR_GPU_TEMP: u32 = 0x3;
/// `AMDGPU_INFO_SENSOR_GPU_LOAD`: percent.
pub const SENSOR_GPU_LOAD: u32 = 0x4;
/// `AMDGPU_INFO_SENSOR_GPU_AVG_POWER`: W.
pub const SENSOR_GPU_AVG_POWER: u32 = 0x5;
/// `AMDGPU_INFO_SENSOR_VDDGFX`: mV.
pub const SENSOR_VDDGFX: u32 = 0x7;
/// `AMDGPU_INFO_SENSOR_STABLE_PSTATE_GFX_SCLK`: MHz.
pub const SENSOR_STABLE_PSTATE_GFX_SCLK: u32 = 0x8;
/// `AMDGPU_INFO_SENSOR_STABLE_PSTATE_GFX_MCLK`: MHz.
pub const SENSOR_STABLE_PSTATE_GFX_MCLK: u32 = 0x9;
/// `AMDGPU_INFO_SENSOR_PEAK_PSTATE_GFX_SCLK`: MHz.
pub const SENSOR_PEAK_PSTATE_GFX_SCLK: u32 = 0xa;
/// `AMDGPU_INFO_SENSOR_PEAK_PSTATE_GFX_MCLK`: MHz.
pub const SENSOR_PEAK_PSTATE_GFX_MCLK: u32 = 0xb;
/// `AMDGPU_INFO_SENSOR_GPU_INPUT_POWER`: W.
pub const SENSOR_GPU_INPUT_POWER: u32 = 0xc;

/// The most registers of one READ_MMR_REG; more is EINVAL (amdgpu/amdgpu_kms.c).
pub const READ_MMR_REG_MAX: u32 = 128;

/// `AMDGPU_HW_IP_COMPUTE`.
pub const HW_IP_COMPUTE: u32 = 1;
/// `AMDGPU_HW_IP_DMA`.
pub const HW_IP_DMA: u32 = 2;

wire_struct! {
    /// A query.
    Info = "struct drm_amdgpu_info" {
        /// To the driver, where the answer goes; 0 is EINVAL.
        return_pointer: u64,
        /// To the driver, the room there in bytes; a longer answer is cut, 0 is EINVAL.
        return_size: u32,
        /// To the driver, `INFO_*`.
        query: u32,
        /// To the driver: a union, read through the methods.
        args: [u32; 4] = "read_mmr_reg",
    }

    /// What VRAM and GTT there is.
    VramGtt = "struct drm_amdgpu_info_vram_gtt" {
        /// Bytes.
        vram_size: u64,
        /// Bytes.
        vram_cpu_accessible_size: u64,
        /// Bytes.
        gtt_size: u64,
    }

    /// One heap.
    HeapInfo = "struct drm_amdgpu_heap_info" {
        /// Bytes.
        total_heap_size: u64,
        /// Bytes.
        usable_heap_size: u64,
        /// Bytes.
        heap_usage: u64,
        /// Bytes of the largest allocation.
        max_allocation: u64,
    }

    /// All heaps.
    MemoryInfo = "struct drm_amdgpu_memory_info" {
        /// VRAM.
        vram: HeapInfo,
        /// The part of it that the host can map.
        cpu_accessible_vram: HeapInfo,
        /// GTT.
        gtt: HeapInfo,
    }

    /// A microcode.
    Firmware = "struct drm_amdgpu_info_firmware" {
        /// Version.
        ver: u32,
        /// Feature version.
        feature: u32,
    }

    /// What a device's BIOS says of itself; strings end with a NUL.
    VbiosInfo = "struct drm_amdgpu_info_vbios" {
        /// What it is.
        name: [u8; 64],
        /// Part number.
        vbios_pn: [u8; 64],
        /// Version.
        version: u32,
        /// Padding.
        pad: u32,
        /// Version, as a string.
        vbios_ver_str: [u8; 32],
        /// When it was made.
        date: [u8; 32],
    }

    /// A kind of engine.
    HwIp = "struct drm_amdgpu_info_hw_ip" {
        /// Version.
        hw_ip_version_major: u32,
        /// Version.
        hw_ip_version_minor: u32,
        /// Flags.
        capabilities_flags: u64,
        /// Bytes.
        ib_start_alignment: u32,
        /// Bytes.
        ib_size_alignment: u32,
        /// A bit for each ring.
        available_rings: u32,
        /// Padding.
        pad: u32 = "_pad",
    }
}

/// `read_mmr_reg` of the union in [`Info`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadMmrReg {
    /// The first register, in words.
    pub dword_offset: u32,
    /// How many.
    pub count: u32,
    /// Which engine's: two bytes, 0xff in each for all.
    pub instance: u32,
    /// 0.
    pub flags: u32,
}

impl Info {
    /// What READ_MMR_REG asks for.
    #[must_use]
    pub fn read_mmr_reg(&self) -> ReadMmrReg {
        let [dword_offset, count, instance, flags] = self.args;
        ReadMmrReg { dword_offset, count, instance, flags }
    }

    /// What HW_IP_INFO and HW_IP_COUNT ask for: `AMDGPU_HW_IP_*` and which of them.
    #[must_use]
    pub fn query_hw_ip(&self) -> (u32, u32) {
        (self.args[0], self.args[1])
    }

    /// Whether the answer says how much memory is in use.
    #[must_use]
    pub fn tells_memory(&self) -> bool {
        matches!(self.query, INFO_VRAM_USAGE | INFO_VIS_VRAM_USAGE | INFO_GTT_USAGE | INFO_MEMORY)
    }

    /// What SENSOR asks for: `SENSOR_*`.
    #[must_use]
    pub fn sensor(&self) -> u32 {
        self.args[0]
    }

    /// What VBIOS asks for.
    #[must_use]
    pub fn vbios(&self) -> u32 {
        self.args[0]
    }

    /// What FW_VERSION asks for: `AMDGPU_INFO_FW_*`.
    #[must_use]
    pub fn firmware(&self) -> u32 {
        self.args[0]
    }
}
