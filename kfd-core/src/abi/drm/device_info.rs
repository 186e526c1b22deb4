//! The answer to DEV_INFO (drm/amdgpu_drm.h of libdrm 2.4.114, 368 bytes; newer headers only append).

use crate::abi::layout::wire_struct;

/// `AMDGPU_FAMILY_AI`: Vega 10, 12 and 20.
pub const FAMILY_AI: u32 = 141;

wire_struct! {
    /// The answer to DEV_INFO about one device.
    DeviceInfo = "struct drm_amdgpu_info_device" {
        /// The PCI device id.
        device_id: u32,
        /// The internal chip revision.
        chip_rev: u32,
        /// The external chip revision.
        external_rev: u32,
        /// The PCI revision id.
        pci_rev: u32,
        /// The chip family, `FAMILY_*`.
        family: u32,
        /// The shader engines of the device.
        num_shader_engines: u32,
        /// The shader arrays of an engine.
        num_shader_arrays_per_engine: u32,
        /// The frequency of the device's clock, kHz.
        gpu_counter_freq: u32,
        /// The highest engine clock, kHz.
        max_engine_clock: u64,
        /// The highest memory clock, kHz.
        max_memory_clock: u64,
        /// The working compute units of the device.
        cu_active_number: u32,
        /// Not valid; see `cu_ao_bitmap`.
        cu_ao_mask: u32,
        /// The working compute units by engine and array, a bit each.
        cu_bitmap: [[u32; 4]; 4],
        /// The enabled render backends, a bit each.
        enabled_rb_pipes_mask: u32,
        /// The number of render backends.
        num_rb_pipes: u32,
        /// The number of graphics contexts in hardware.
        num_hw_gfx_contexts: u32,
        /// The PCIe generation in newer headers.
        pad: u32 = "_pad",
        /// The device's properties, `AMDGPU_IDS_FLAGS_*`.
        ids_flags: u64,
        /// The first virtual address of user space.
        virtual_address_offset: u64,
        /// The end of user space's addresses below the hole.
        virtual_address_max: u64,
        /// The alignment of virtual addresses, bytes.
        virtual_address_alignment: u32,
        /// The size of a page table fragment, bytes.
        pte_fragment_size: u32,
        /// The size of a GART page, bytes.
        gart_page_size: u32,
        /// The RAM of the constant engine, bytes.
        ce_ram_size: u32,
        /// The kind of memory chips, `AMDGPU_VRAM_TYPE_*`.
        vram_type: u32,
        /// The width of the memory bus, bits.
        vram_bit_width: u32,
        /// The video engines that are fused off, a bit each.
        vce_harvest_config: u32,
        /// For graphics: non-zero when the off-chip LDS buffers are doubled.
        gc_double_offchip_lds_buf: u32,
        /// For graphics: the GPU address of the primitive buffer, 0 here.
        prim_buf_gpu_addr: u64,
        /// For graphics: the GPU address of the position buffer, 0 here.
        pos_buf_gpu_addr: u64,
        /// For graphics: the GPU address of the control sideband, 0 here.
        cntl_sb_buf_gpu_addr: u64,
        /// For graphics: the GPU address of the parameter buffer, 0 here.
        param_buf_gpu_addr: u64,
        /// For graphics: the size of the primitive buffer, 0 here.
        prim_buf_size: u32,
        /// For graphics: the size of the position buffer, 0 here.
        pos_buf_size: u32,
        /// For graphics: the size of the control sideband, 0 here.
        cntl_sb_buf_size: u32,
        /// For graphics: the size of the parameter buffer, 0 here.
        param_buf_size: u32,
        /// The work-items of a wave.
        wave_front_size: u32,
        /// The vector registers that a shader can have.
        num_shader_visible_vgprs: u32,
        /// The compute units of an array, working or not.
        num_cu_per_sh: u32,
        /// The channels of the L2 cache.
        num_tcc_blocks: u32,
        /// For graphics: the depth of the geometry shader's VGT table.
        gs_vgt_table_depth: u32,
        /// For graphics: the depth of the geometry shader's primitive buffer.
        gs_prim_buffer_depth: u32,
        /// For graphics: the most geometry shader waves of a vertex grouper (VGT).
        max_gs_waves_per_vgt: u32,
        /// The PCIe lanes in newer headers.
        pad1: u32 = "_pad1",
        /// The compute units that are always on, by engine and array, a bit each.
        cu_ao_bitmap: [[u32; 4]; 4],
        /// The first virtual address of user space above the hole.
        high_va_offset: u64,
        /// The end of user space's addresses above the hole.
        high_va_max: u64,
        /// For graphics: the tile steering override of the rasterizer, 0 here.
        pa_sc_tile_steering_override: u32,
        /// Padding that C adds.
        pad2: u32 = "",
        /// The channels of the L2 cache that are off, a bit each.
        tcc_disabled_mask: u64,
    }
}
