//! The answer to DEV_INFO (drm/amdgpu_drm.h of libdrm 2.4.114, 368 bytes; newer headers only append).

use crate::abi::layout::wire_struct;

/// `AMDGPU_FAMILY_AI`: Vega 10, 12 and 20.
pub const FAMILY_AI: u32 = 141;

wire_struct! {
    /// What a device is.
    DeviceInfo = "struct drm_amdgpu_info_device" {
        /// PCI device id.
        device_id: u32,
        /// Internal revision.
        chip_rev: u32,
        /// External revision.
        external_rev: u32,
        /// PCI revision.
        pci_rev: u32,
        /// `FAMILY_*`.
        family: u32,
        /// Shader engines.
        num_shader_engines: u32,
        /// Shader arrays of an engine.
        num_shader_arrays_per_engine: u32,
        /// kHz.
        gpu_counter_freq: u32,
        /// kHz.
        max_engine_clock: u64,
        /// kHz.
        max_memory_clock: u64,
        /// Compute units.
        cu_active_number: u32,
        /// Not valid.
        cu_ao_mask: u32,
        /// Compute units by engine and array.
        cu_bitmap: [[u32; 4]; 4],
        /// Render backends.
        enabled_rb_pipes_mask: u32,
        /// Render backends.
        num_rb_pipes: u32,
        /// Graphics contexts.
        num_hw_gfx_contexts: u32,
        /// PCIe generation in newer headers.
        pad: u32 = "_pad",
        /// `AMDGPU_IDS_FLAGS_*`.
        ids_flags: u64,
        /// First virtual address.
        virtual_address_offset: u64,
        /// End of virtual addresses below the hole.
        virtual_address_max: u64,
        /// Bytes.
        virtual_address_alignment: u32,
        /// Bytes.
        pte_fragment_size: u32,
        /// Bytes.
        gart_page_size: u32,
        /// Bytes.
        ce_ram_size: u32,
        /// `AMDGPU_VRAM_TYPE_*`.
        vram_type: u32,
        /// Bits.
        vram_bit_width: u32,
        /// Video engines that are fused off.
        vce_harvest_config: u32,
        /// Graphics.
        gc_double_offchip_lds_buf: u32,
        /// Graphics.
        prim_buf_gpu_addr: u64,
        /// Graphics.
        pos_buf_gpu_addr: u64,
        /// Graphics.
        cntl_sb_buf_gpu_addr: u64,
        /// Graphics.
        param_buf_gpu_addr: u64,
        /// Graphics.
        prim_buf_size: u32,
        /// Graphics.
        pos_buf_size: u32,
        /// Graphics.
        cntl_sb_buf_size: u32,
        /// Graphics.
        param_buf_size: u32,
        /// Work-items of a wave.
        wave_front_size: u32,
        /// Vector registers that a shader can have.
        num_shader_visible_vgprs: u32,
        /// Compute units of an array.
        num_cu_per_sh: u32,
        /// L2 channels.
        num_tcc_blocks: u32,
        /// Graphics.
        gs_vgt_table_depth: u32,
        /// Graphics.
        gs_prim_buffer_depth: u32,
        /// Graphics.
        max_gs_waves_per_vgt: u32,
        /// PCIe lanes in newer headers.
        pad1: u32 = "_pad1",
        /// Compute units that are always on, by engine and array.
        cu_ao_bitmap: [[u32; 4]; 4],
        /// First virtual address above the hole.
        high_va_offset: u64,
        /// End of virtual addresses above the hole.
        high_va_max: u64,
        /// Graphics.
        pa_sc_tile_steering_override: u32,
        /// Padding that C adds.
        pad2: u32 = "",
        /// L2 channels that are off.
        tcc_disabled_mask: u64,
    }
}
