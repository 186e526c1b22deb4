//! One directory below `topology/nodes`: amdkfd's `node_show`, `mem_show` (kfd_topology.c).

use super::Tree;
use super::cache::Cache;
use super::host::Host;
use super::link::Links;
use super::properties::Properties;
use crate::device::profile::{DeviceProfile, Profile};

/// HSA_MEM_HEAP_TYPE_SYSTEM (linux/kfd_sysfs.h), host memory.
const HEAP_SYSTEM: u32 = 0;
/// HSA_MEM_HEAP_TYPE_FB_PUBLIC (linux/kfd_sysfs.h), VRAM that the host can map.
const HEAP_FB_PUBLIC: u32 = 1;
/// HSA_MEM_HEAP_TYPE_FB_PRIVATE (linux/kfd_sysfs.h), VRAM that the host cannot map.
const HEAP_FB_PRIVATE: u32 = 2;

/// One memory bank of a node.
struct Bank {
    heap: u32,
    bytes: u64,
    width: u32,
    clock_mhz: u32,
}

/// A topology node with its memory banks, caches and links.
pub(super) struct Node {
    gpu_id: u32,
    name: String,
    properties: Properties,
    bank: Bank,
    caches: Vec<Cache>,
    links: Links,
}

impl Node {
    pub(super) fn cpu(host: &Host, caches: Vec<Cache>, links: Links) -> Self {
        let properties = Properties::default()
            .with("cpu_cores_count", host.cpus)
            .with("simd_count", 0u32)
            .with("mem_banks_count", 1u32)
            .with("caches_count", count(&caches))
            .with("io_links_count", count(&links.io))
            .with("p2p_links_count", count(&links.p2p))
            .with("cpu_core_id_base", host.first_apic_id)
            .with("simd_id_base", 0u32)
            .with("max_waves_per_simd", 0u32)
            .with("lds_size_in_kb", 0u32)
            .with("gds_size_in_kb", 0u32)
            .with("num_gws", 0u32)
            .with("wave_front_size", 0u32)
            .with("array_count", 0u32)
            .with("simd_arrays_per_engine", 0u32)
            .with("cu_per_simd_array", 0u32)
            .with("simd_per_cu", 0u32)
            .with("max_slots_scratch_cu", 0u32)
            .with("gfx_target_version", 0u32)
            .with("vendor_id", 0u32)
            .with("device_id", 0u32)
            .with("location_id", 0u32)
            .with("domain", 0u32)
            .with("drm_render_minor", 0u32)
            .with("hive_id", 0u32)
            .with("num_sdma_engines", 0u32)
            .with("num_sdma_xgmi_engines", 0u32)
            .with("num_sdma_queues_per_engine", 0u32)
            .with("num_cp_queues", 0u32)
            .with("max_engine_clk_ccompute", host.mhz);
        let bank = Bank { heap: HEAP_SYSTEM, bytes: host.memory.0, width: 64, clock_mhz: 0 };
        Self { gpu_id: 0, name: String::new(), properties, bank, caches, links }
    }

    pub(super) fn gpu(
        profile: &Profile,
        device: &DeviceProfile,
        first_processor: u32,
        caches: Vec<Cache>,
        links: Links,
    ) -> Self {
        let (compute, queues, pci) = (&device.compute, &device.queues, &device.pci);
        let buffers = device.queue_buffers();
        let properties = Properties::default()
            .with("cpu_cores_count", 0u32)
            .with("simd_count", compute.simds())
            .with("mem_banks_count", 1u32)
            .with("caches_count", count(&caches))
            .with("io_links_count", count(&links.io))
            .with("p2p_links_count", count(&links.p2p))
            .with("cpu_core_id_base", 0u32)
            .with("simd_id_base", first_processor)
            .with("max_waves_per_simd", compute.waves_per_simd)
            .with("lds_size_in_kb", compute.lds_kib)
            .with("gds_size_in_kb", compute.gds_kib)
            .with("num_gws", compute.gws)
            .with("wave_front_size", compute.wave_size)
            // The arrays of the whole device, not of an engine: libhsakmt calls the figure NumShaderBanks.
            .with("array_count", compute.arrays())
            .with("simd_arrays_per_engine", compute.arrays_per_engine)
            .with("cu_per_simd_array", compute.cus_per_array)
            .with("simd_per_cu", compute.simds_per_cu)
            .with("max_slots_scratch_cu", compute.scratch_slots_per_cu)
            .with("gfx_target_version", device.gfx_target_version)
            .with("vendor_id", pci.vendor)
            .with("device_id", pci.device)
            .with("location_id", pci.location_id())
            .with("domain", pci.domain)
            .with("drm_render_minor", device.render_minor.0)
            .with("hive_id", device.xgmi.as_ref().map_or(0, |xgmi| xgmi.hive_id))
            .with("num_sdma_engines", queues.sdma_engines)
            .with("num_sdma_xgmi_engines", queues.sdma_xgmi_engines)
            .with("num_sdma_queues_per_engine", queues.sdma_queues_per_engine)
            .with("num_cp_queues", queues.slots)
            .with_if(profile.tells_queue_buffers(), "cwsr_size", buffers.save_area)
            .with_if(profile.tells_queue_buffers(), "ctl_stack_size", buffers.control_stack)
            .with("max_engine_clk_fcompute", compute.engine_mhz)
            // The kernel writes 0 here and tells the memory in `mem_banks`.
            .with("local_mem_size", 0u32)
            .with("fw_version", compute.firmware)
            .with("capability", profile.capability(device))
            .with_if(profile.tells_debugging(), "debug_prop", compute.debug_properties)
            .with("sdma_fw_version", queues.sdma_firmware)
            .with("unique_id", device.unique_id)
            .with_if(profile.tells_dies(), "num_xcc", compute.xccs)
            .with("max_engine_clk_ccompute", 0u32);
        let vram = &device.vram;
        let heap = if vram.visible_bytes == vram.bytes { HEAP_FB_PUBLIC } else { HEAP_FB_PRIVATE };
        let bank = Bank { heap, bytes: vram.bytes.0, width: vram.bus_bits, clock_mhz: vram.clock_mhz };
        Self { gpu_id: device.gpu_id.0, name: device.name.clone(), properties, bank, caches, links }
    }

    /// Adds the node's directory at `path`. The empty directories are there because the kernel has them.
    pub(super) fn plant(&self, tree: &mut Tree, path: &str) {
        tree.file(format!("{path}/gpu_id"), format!("{}\n", self.gpu_id));
        tree.file(format!("{path}/name"), format!("{}\n", self.name));
        tree.file(format!("{path}/properties"), self.properties.text());
        let bank = Properties::default()
            .with("heap_type", self.bank.heap)
            .with("size_in_bytes", self.bank.bytes)
            .with("flags", 0u32)
            .with("width", self.bank.width)
            .with("mem_clk_max", self.bank.clock_mhz);
        tree.file(format!("{path}/mem_banks/0/properties"), bank.text());
        for (number, cache) in self.caches.iter().enumerate() {
            tree.file(format!("{path}/caches/{number}/properties"), cache.properties().text());
        }
        self.links.plant(tree, path);
        tree.directory(format!("{path}/perf"));
    }
}

fn count<T>(things: &[T]) -> u32 {
    u32::try_from(things.len()).expect("a node has fewer than 2^32 of anything")
}
