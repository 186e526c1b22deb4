//! What a device answers to libdrm's AMDGPU_INFO, as `amdgpu_info_ioctl` (amdgpu/amdgpu_kms.c) does.
//!
//! A render node here takes commands for its copy engines; every other kind of engine has no ring. A query that is not
//! answered is EINVAL, as one that the kernel does not know.

use super::DeviceProfile;
use super::sensors;
use crate::abi::drm::{self as abi, DeviceInfo};
use crate::ids::Bytes;
use libc::{EFAULT, EINVAL};
use zerocopy::IntoBytes;

/// `AMDGPU_INFO_FW_GFX_MEC` (drm/amdgpu_drm.h), the query for the compute microcode.
const FW_GFX_MEC: u32 = 0x08;
/// `AMDGPU_INFO_FW_SDMA` (drm/amdgpu_drm.h), the query for the SDMA microcode.
const FW_SDMA: u32 = 0x0b;

/// `SDMA0_HWID` (amdgpu/soc15_hw_ip.h), the SDMA engines in a discovery table.
const SDMA0_HWID: u16 = 42;
/// The version of the SDMA engines of a device without a discovery table (`sdma_v4_0_ip_block`, amdgpu/sdma_v4_0.c).
const SDMA_BEFORE_DISCOVERY: [u8; 3] = [4, 0, 0];
/// The SDMA rings that a context can name (`amdgpu_ctx_num_entities`, amdgpu/amdgpu_ctx.c).
pub const DMA_RINGS: u32 = 2;

/// The register GB_ADDR_CONFIG by its word offset (gc/gc_9_0_offset.h: segment 0x2000 + 0x63e).
const GB_ADDR_CONFIG: u32 = 0x263e;

/// The registers GRBM_STATUS and GRBM_STATUS2 by word offset (0x2000 + 0x4, 0x2000 + 0x2), which radeontop samples.
const GRBM_STATUS: u32 = 0x2004;
const GRBM_STATUS2: u32 = 0x2002;
/// The bits of GRBM_STATUS that say busy: `GRBM_STATUS__CP_BUSY_MASK`, `GRBM_STATUS__GUI_ACTIVE_MASK`
/// (gc/gc_9_0_sh_mask.h).
const CP_BUSY: u32 = 1 << 29;
const GUI_ACTIVE: u32 = 1 << 31;

/// The name that the BIOS of every device gives itself.
const NAME_OF_BIOS: &str = "kfdd";

/// The figures that some queries ask for and no profile knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// The VRAM in use.
    pub vram_used: Bytes,
    /// The GTT memory in use.
    pub gtt_used: Bytes,
    /// The GTT memory that may be used.
    pub gtt_total: Bytes,
    /// The ticks of the device's clock.
    pub counter: u64,
    /// The share of the last second in which queues ran, percent.
    pub busy: u32,
    /// Whether a queue has something to do at this moment.
    pub running: bool,
    /// The number of evictions of processes for VRAM.
    pub evictions: u64,
    /// The number of resets of the device.
    pub resets: u32,
}

impl DeviceProfile {
    /// The answer to a query, cut to the room that the client gives.
    ///
    /// # Errors
    /// EINVAL for no room or a query that is not answered, EFAULT for a register that may not be read.
    pub fn answer(&self, query: &abi::Info, now: &Now) -> Result<Vec<u8>, i32> {
        if query.return_pointer == 0 || query.return_size == 0 {
            return Err(EINVAL);
        }
        let mut answer = match query.query {
            abi::INFO_ACCEL_WORKING => 1u32.as_bytes().to_vec(),
            abi::INFO_DEV_INFO => self.device_info().as_bytes().to_vec(),
            abi::INFO_READ_MMR_REG => self.registers(&query.read_mmr_reg(), now)?.as_bytes().to_vec(),
            abi::INFO_HW_IP_INFO => self.engines(query.query_hw_ip())?.as_bytes().to_vec(),
            abi::INFO_HW_IP_COUNT => match query.query_hw_ip() {
                (abi::HW_IP_DMA, _) => 1u32.as_bytes().to_vec(),
                (kind, _) if kind < abi::HW_IP_NUM => 0u32.as_bytes().to_vec(),
                _ => return Err(EINVAL),
            },
            abi::INFO_TIMESTAMP => now.counter.as_bytes().to_vec(),
            abi::INFO_VRAM_USAGE => now.vram_used.0.as_bytes().to_vec(),
            abi::INFO_VIS_VRAM_USAGE => now.vram_used.0.min(self.vram.visible_bytes.0).as_bytes().to_vec(),
            abi::INFO_GTT_USAGE => now.gtt_used.0.as_bytes().to_vec(),
            abi::INFO_VRAM_GTT => {
                let vram_gtt = abi::VramGtt {
                    vram_size: self.vram.bytes.0,
                    vram_cpu_accessible_size: self.vram.visible_bytes.0,
                    gtt_size: now.gtt_total.0,
                };
                vram_gtt.as_bytes().to_vec()
            }
            abi::INFO_MEMORY => self.memory_info(now).as_bytes().to_vec(),
            abi::INFO_SENSOR => self.sensor(query.sensor(), now)?.as_bytes().to_vec(),
            abi::INFO_NUM_EVICTIONS => now.evictions.as_bytes().to_vec(),
            // An eviction moves a charge and copies no bytes, and no page fault moves any.
            abi::INFO_NUM_BYTES_MOVED | abi::INFO_NUM_VRAM_CPU_PAGE_FAULTS => 0u64.as_bytes().to_vec(),
            abi::INFO_VRAM_LOST_COUNTER => now.resets.as_bytes().to_vec(),
            abi::INFO_VBIOS if query.vbios() == abi::VBIOS_INFO => self.bios().as_bytes().to_vec(),
            abi::INFO_FW_VERSION => {
                let ver = match query.firmware() {
                    FW_GFX_MEC => self.compute.firmware,
                    FW_SDMA => self.queues.sdma_firmware,
                    _ => return Err(EINVAL),
                };
                abi::Firmware { ver, feature: 0 }.as_bytes().to_vec()
            }
            abi::INFO_RAS_ENABLED_FEATURES if !self.ras.is_empty() => {
                let blocks = self.ras.iter().fold(0u64, |mask, block| mask | 1 << *block as u32);
                (blocks << 32 | blocks).as_bytes().to_vec()
            }
            _ => return Err(EINVAL),
        };
        answer.truncate(query.return_size as usize);
        Ok(answer)
    }

    /// The answer to HW_IP_INFO about one instance of a kind of engine (`amdgpu_hw_ip_info`).
    fn engines(&self, (kind, instance): (u32, u32)) -> Result<abi::HwIp, i32> {
        if kind >= abi::HW_IP_NUM || instance != 0 {
            return Err(EINVAL);
        }
        if kind != abi::HW_IP_DMA {
            return Ok(abi::HwIp::default());
        }
        let of_table = self.ip_blocks.iter().find(|block| block.hw_id == SDMA0_HWID);
        let [major, minor, _] = of_table.map_or(SDMA_BEFORE_DISCOVERY, |block| block.version);
        Ok(abi::HwIp {
            hw_ip_version_major: major.into(),
            hw_ip_version_minor: minor.into(),
            ib_start_alignment: 256,
            ib_size_alignment: 4,
            available_rings: (1 << self.queues.sdma_engines.min(DMA_RINGS)) - 1,
            ..abi::HwIp::default()
        })
    }

    fn memory_info(&self, now: &Now) -> abi::MemoryInfo {
        let heap = |total: Bytes, used: Bytes| abi::HeapInfo {
            total_heap_size: total.0,
            usable_heap_size: total.0,
            heap_usage: used.0.min(total.0),
            // The largest allocation is three quarters of the heap, as in amdgpu_kms.c.
            max_allocation: total.0 / 4 * 3,
        };
        abi::MemoryInfo {
            vram: heap(self.vram.bytes, now.vram_used),
            cpu_accessible_vram: heap(self.vram.visible_bytes, now.vram_used),
            gtt: heap(now.gtt_total, now.gtt_used),
        }
    }

    /// The values of the registers that a READ_MMR_REG asks for.
    fn registers(&self, asked: &abi::ReadMmrReg, now: &Now) -> Result<Vec<u32>, i32> {
        // The instance has an engine and an array, a byte each; 0xff is all of them.
        let outside = |byte: u32, count: u32| byte & 0xff != 0xff && byte & 0xff >= count;
        if asked.count == 0
            || asked.count > abi::READ_MMR_REG_MAX
            || outside(asked.instance, self.compute.shader_engines)
            || outside(asked.instance >> 8, self.compute.arrays_per_engine)
        {
            return Err(EINVAL);
        }
        let offset = |i: u32| asked.dword_offset.checked_add(i).and_then(|offset| self.register(offset, now));
        (0..asked.count).map(|i| offset(i).ok_or(EFAULT)).collect()
    }

    /// The answer to DEV_INFO.
    #[must_use]
    pub fn device_info(&self) -> DeviceInfo {
        let (compute, display, vram) = (&self.compute, &self.display, &self.vram);
        // The map of one die. Engines above the fourth take the columns that engines of two arrays leave free
        // (`gfx_v11_0_get_cu_info`, amdgpu/gfx_v11_0.c).
        let mut cu_bitmap = [[0; 4]; 4];
        for engine in 0..compute.shader_engines {
            for array in 0..compute.arrays_per_engine {
                let column = array + engine / 4 * 2;
                cu_bitmap[(engine % 4) as usize][column as usize] =
                    compute.cu_mask(engine * compute.arrays_per_engine + array);
            }
        }
        DeviceInfo {
            device_id: self.pci.device.into(),
            chip_rev: display.chip_revision,
            external_rev: display.external_revision,
            pci_rev: self.pci.revision.into(),
            family: display.family,
            num_shader_engines: compute.shader_engines,
            num_shader_arrays_per_engine: compute.arrays_per_engine,
            gpu_counter_freq: compute.counter_khz,
            max_engine_clock: u64::from(compute.engine_mhz) * 1000,
            max_memory_clock: u64::from(vram.clock_mhz) * 1000,
            cu_active_number: compute.cus(),
            cu_bitmap,
            cu_ao_bitmap: cu_bitmap,
            enabled_rb_pipes_mask: u32::MAX >> (32 - display.render_backends),
            num_rb_pipes: display.render_backends,
            num_hw_gfx_contexts: 8,
            ids_flags: display.ids_flags,
            virtual_address_offset: display.va_start,
            virtual_address_max: display.va_end,
            virtual_address_alignment: 4096,
            pte_fragment_size: display.pte_fragment_bytes,
            gart_page_size: 4096,
            ce_ram_size: display.ce_ram_bytes,
            vram_type: vram.kind as u32,
            vram_bit_width: vram.bus_bits,
            gc_double_offchip_lds_buf: 1,
            wave_front_size: compute.wave_size,
            num_shader_visible_vgprs: 256,
            num_cu_per_sh: compute.cus_per_array,
            num_tcc_blocks: display.tcc_blocks,
            gs_vgt_table_depth: display.gs_vgt_table_depth,
            gs_prim_buffer_depth: display.gs_prim_buffer_depth,
            max_gs_waves_per_vgt: display.max_gs_waves_per_vgt,
            high_va_offset: display.high_va_start,
            high_va_max: display.high_va_end,
            ..DeviceInfo::default()
        }
    }

    /// The value of a register that READ_MMR_REG may read; `None` for any other.
    #[must_use]
    pub fn register(&self, dword_offset: u32, now: &Now) -> Option<u32> {
        match dword_offset {
            GB_ADDR_CONFIG => Some(self.display.gb_addr_config),
            GRBM_STATUS => Some(if now.running { CP_BUSY | GUI_ACTIVE } else { 0 }),
            GRBM_STATUS2 => Some(0),
            _ => None,
        }
    }

    /// The value of a sensor in MHz, millidegrees, percent, W or mV (`amdgpu_info_sensor`).
    fn sensor(&self, sensor: u32, now: &Now) -> Result<u32, i32> {
        match sensor {
            abi::SENSOR_GFX_SCLK | abi::SENSOR_STABLE_PSTATE_GFX_SCLK | abi::SENSOR_PEAK_PSTATE_GFX_SCLK => {
                Ok(self.compute.engine_mhz)
            }
            abi::SENSOR_GFX_MCLK | abi::SENSOR_STABLE_PSTATE_GFX_MCLK | abi::SENSOR_PEAK_PSTATE_GFX_MCLK => {
                Ok(self.vram.clock_mhz)
            }
            abi::SENSOR_GPU_TEMP => Ok(sensors::EDGE_C * 1000),
            abi::SENSOR_GPU_LOAD => Ok(now.busy),
            abi::SENSOR_GPU_AVG_POWER | abi::SENSOR_GPU_INPUT_POWER => Ok(sensors::watts(self)),
            abi::SENSOR_VDDGFX => Ok(sensors::GFX_MV),
            _ => Err(EINVAL),
        }
    }

    fn bios(&self) -> abi::VbiosInfo {
        let mut told = abi::VbiosInfo::default();
        let part = self.board.vbios.as_bytes();
        let room = part.len().min(told.vbios_pn.len() - 1);
        told.vbios_pn[..room].copy_from_slice(&part[..room]);
        told.vbios_ver_str[..room.min(31)].copy_from_slice(&part[..room.min(31)]);
        let name = NAME_OF_BIOS.as_bytes();
        told.name[..name.len()].copy_from_slice(name);
        told
    }
}
