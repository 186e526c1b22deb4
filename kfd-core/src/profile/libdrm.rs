//! What a device answers to libdrm: `drm_amdgpu_info_device` and the registers that can be read.

use super::DeviceProfile;
use crate::abi::drm::DeviceInfo;

/// GB_ADDR_CONFIG, in words (gc/gc_9_0_offset.h: segment 0x2000 + 0x63e).
const GB_ADDR_CONFIG: u32 = 0x263e;

impl DeviceProfile {
    /// The answer to AMDGPU_INFO's DEV_INFO, as `amdgpu_info_ioctl` (amdgpu/amdgpu_kms.c) makes it.
    #[must_use]
    pub fn device_info(&self) -> DeviceInfo {
        let (compute, display, vram) = (&self.compute, &self.display, &self.vram);
        let mut cu_bitmap = [[0; 4]; 4];
        for engine in cu_bitmap.iter_mut().take(compute.shader_engines as usize) {
            for array in engine.iter_mut().take(compute.arrays_per_engine as usize) {
                *array = u32::MAX >> (32 - compute.cus_per_array);
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

    /// The value of a register that READ_MMR_REG may read, by its word offset; `None` is EINVAL.
    #[must_use]
    pub fn register(&self, dword_offset: u32) -> Option<u32> {
        (dword_offset == GB_ADDR_CONFIG).then_some(self.display.gb_addr_config)
    }
}
