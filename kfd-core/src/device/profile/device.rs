//! One device of a profile, in the units its consumers want.

use super::bounds;
use crate::ids::{Bytes, GpuId, Nanos, RenderMinor};
use crate::queue::buffers::{QueueBuffers, Shape};
use serde::Deserialize;
use serde::de::IntoDeserializer;

/// One device as its clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceProfile {
    /// The ASIC's name, `name` of its topology node.
    pub name: String,
    /// The `gpu_id` by which ioctls name the device.
    #[serde(deserialize_with = "bounds::gpu_id")]
    pub gpu_id: GpuId,
    /// The minor number of its render node.
    #[serde(deserialize_with = "bounds::render_minor")]
    pub render_minor: RenderMinor,
    /// The ISA version, major × 10000 + minor × 100 + stepping: 90000 is gfx900.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub gfx_target_version: u32,
    /// The PCI identity and address.
    pub pci: Pci,
    /// The device memory.
    pub vram: Vram,
    /// The compute units and caches.
    pub compute: Compute,
    /// The queue hardware.
    pub queues: QueueHardware,
    /// The link to the CPU, the same both ways.
    pub link: Link,
    /// The hive whose devices it reaches without PCIe; without one, other devices are peers on the bus.
    #[serde(default)]
    pub xgmi: Option<Xgmi>,
    /// The serial number, by which runtimes name the device; 0 on devices that do not tell it.
    #[serde(default)]
    pub unique_id: u64,
    /// The IP blocks of its discovery table; empty on devices from before such tables.
    #[serde(default)]
    pub ip_blocks: Vec<IpBlock>,
    /// The blocks that report memory errors (RAS); empty on devices without RAS.
    #[serde(default)]
    pub ras: Vec<RasBlock>,
    /// The board's product name and sensors.
    #[serde(default)]
    pub board: Board,
    /// The values that only libdrm asks for.
    pub display: Display,
}

impl DeviceProfile {
    /// The sizes of the buffers that a compute queue needs.
    #[must_use]
    pub fn queue_buffers(&self) -> QueueBuffers {
        let compute = &self.compute;
        let shape = Shape {
            gfx_target_version: self.gfx_target_version,
            simds: compute.simds(),
            simds_per_cu: compute.simds_per_cu,
            arrays: compute.arrays(),
            arrays_per_engine: compute.arrays_per_engine,
            dies: compute.xccs,
            lds_kib: compute.lds_kib,
        };
        shape.queue_buffers()
    }
}

/// The PCI identity and address of a device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pci {
    /// The vendor id; AMD's is 0x1002.
    pub vendor: u16,
    /// The device id, by which libhsakmt 5.2.3 and amdgpu.ids know its name.
    pub device: u16,
    /// The vendor id of the board (subsystem).
    pub subsystem_vendor: u16,
    /// The device id of the board (subsystem).
    pub subsystem_device: u16,
    /// The revision id of the configuration header.
    pub revision: u8,
    /// The domain number of the address.
    pub domain: u16,
    /// The bus number of the address.
    pub bus: u8,
    /// The slot number of the address, 0 to 31.
    #[serde(deserialize_with = "bounds::slot")]
    pub slot: u8,
    /// The function number of the address, 0 to 7.
    #[serde(deserialize_with = "bounds::function")]
    pub function: u8,
}

impl Pci {
    /// The `location_id` of the topology: bus, slot and function in one number.
    #[must_use]
    pub fn location_id(&self) -> u32 {
        (u32::from(self.bus) << 8) | (u32::from(self.slot) << 3) | u32::from(self.function)
    }

    /// The address as sysfs spells it: `0000:2f:00.0`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{:04x}:{:02x}:{:02x}.{}", self.domain, self.bus, self.slot, self.function)
    }
}

/// A block with RAS: `enum amdgpu_ras_block` (amdgpu/amdgpu_ras.h), whose value is its bit in a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RasBlock {
    /// The memory controllers (UMC).
    Umc = 0,
    /// The copy engines (SDMA).
    Sdma = 1,
    /// The graphics and compute core (GFX).
    Gfx = 2,
    /// The hub between the engines and memory.
    Mmhub = 3,
    /// The hub between the engines and the host.
    Athub = 4,
    /// The PCIe bus interface.
    PcieBif = 5,
    /// The host data path.
    Hdp = 6,
    /// The XGMI links of a hive.
    XgmiWafl = 7,
    /// The data fabric.
    Df = 8,
}

impl RasBlock {
    /// The kernel's name of the block (`ras_block_string`, amdgpu/amdgpu_ras.c), which profiles use too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Umc => "umc",
            Self::Sdma => "sdma",
            Self::Gfx => "gfx",
            Self::Mmhub => "mmhub",
            Self::Athub => "athub",
            Self::PcieBif => "pcie_bif",
            Self::Hdp => "hdp",
            Self::XgmiWafl => "xgmi_wafl",
            Self::Df => "df",
        }
    }

    /// The block with this name (`ras_block_string`, amdgpu/amdgpu_ras.c).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
        Self::deserialize(name).ok()
    }
}

/// The board that a device sits on, which tools show and runtimes do not ask for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Board {
    /// The PCI class, subclass and interface, three bytes.
    #[serde(deserialize_with = "bounds::pci_class")]
    pub class: u32,
    /// The product name; empty where the board does not tell it.
    #[serde(deserialize_with = "bounds::line")]
    pub product: String,
    /// The BIOS version, a part number.
    #[serde(deserialize_with = "bounds::line")]
    pub vbios: String,
    /// The power limit, W.
    #[serde(deserialize_with = "bounds::watts")]
    pub power_cap_watts: u32,
    /// The highest speed of the fan in turns a minute; 0 without a fan.
    #[serde(deserialize_with = "bounds::rpm")]
    pub fan_rpm: u32,
}

impl Default for Board {
    /// A headless device without a product name.
    fn default() -> Self {
        Self {
            // Base class 03 (display), subclass 80 (other).
            class: 0x03_80_00,
            product: String::new(),
            vbios: "113-D0000000-000".to_owned(),
            power_cap_watts: 300,
            fan_rpm: 0,
        }
    }
}

/// The memory of a device (VRAM).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vram {
    /// The size of the VRAM.
    #[serde(deserialize_with = "bounds::pages")]
    pub bytes: Bytes,
    /// The part of the VRAM that the host can map; when it is all of it, the heap is a public one.
    #[serde(deserialize_with = "bounds::pages")]
    pub visible_bytes: Bytes,
    /// The width of the memory bus, bits.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub bus_bits: u32,
    /// The highest memory clock, MHz.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub clock_mhz: u32,
    /// The kind of memory chips.
    pub kind: VramKind,
}

/// A kind of device memory: `AMDGPU_VRAM_TYPE_*` (drm/amdgpu_drm.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VramKind {
    /// GDDR5 chips (`AMDGPU_VRAM_TYPE_GDDR5`).
    Gddr5 = 5,
    /// HBM stacks (`AMDGPU_VRAM_TYPE_HBM`).
    Hbm = 6,
    /// GDDR6 chips (`AMDGPU_VRAM_TYPE_GDDR6`).
    Gddr6 = 9,
}

/// The compute units of a device and what belongs to them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compute {
    /// The compute dies (XCC) that work as one device; the shader engines are those of one die.
    #[serde(default = "one", deserialize_with = "bounds::up_to_eight")]
    pub xccs: u32,
    /// The shader engines of a die; above four, each has at most two arrays.
    #[serde(deserialize_with = "bounds::up_to_eight")]
    pub shader_engines: u32,
    /// The shader arrays of an engine.
    #[serde(deserialize_with = "bounds::up_to_four")]
    pub arrays_per_engine: u32,
    /// The compute units of an array, working or not.
    #[serde(deserialize_with = "bounds::up_to_a_word")]
    pub cus_per_array: u32,
    /// The working compute units of all arrays; all of them when it is not given.
    #[serde(default)]
    pub active_cus: Option<u32>,
    /// The SIMDs of a compute unit.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub simds_per_cu: u32,
    /// The waves that a SIMD holds.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub waves_per_simd: u32,
    /// The work-items of a wave.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub wave_size: u32,
    /// The local data share of a compute unit, KiB.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub lds_kib: u32,
    /// The global data share of the device, KiB.
    pub gds_kib: u32,
    /// The global wave sync resources of the device.
    pub gws: u32,
    /// The waves of a compute unit that can have scratch.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub scratch_slots_per_cu: u32,
    /// The highest engine clock, MHz.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub engine_mhz: u32,
    /// The clock of GET_CLOCK_COUNTERS and of packet timestamps, kHz.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub counter_khz: u32,
    /// The capabilities in the topology, `HSA_CAP_*` (linux/kfd_sysfs.h).
    #[serde(deserialize_with = "bounds::capability")]
    pub capability: u32,
    /// The debug properties in the topology, `HSA_DBG_*` (linux/kfd_sysfs.h of newer kernels).
    pub debug_properties: u64,
    /// The version of the compute microcode (MEC).
    pub firmware: u32,
    /// The kinds of caches, at least one.
    #[serde(deserialize_with = "bounds::caches")]
    pub caches: Vec<Cache>,
}

impl Compute {
    /// The shader arrays of all engines of all dies.
    #[must_use]
    pub fn arrays(&self) -> u32 {
        self.xccs * self.shader_engines * self.arrays_per_engine
    }

    /// The compute units, working or not, which processor ids count.
    #[must_use]
    pub fn cu_places(&self) -> u32 {
        self.arrays() * self.cus_per_array
    }

    /// The working compute units of the device.
    #[must_use]
    pub fn cus(&self) -> u32 {
        self.active_cus.unwrap_or(self.cu_places())
    }

    /// The working compute units of an array, as a mask. Those that do not work are the last of each array, spread over
    /// the arrays.
    #[must_use]
    pub fn cu_mask(&self, array: u32) -> u32 {
        let up_to = |array: u32| u64::from(self.cus()) * u64::from(array) / u64::from(self.arrays());
        let working = up_to(array + 1) - up_to(array);
        u32::MAX.checked_shr(32 - u32::try_from(working).unwrap_or(32).min(32)).unwrap_or(0)
    }

    /// The SIMDs of all working compute units.
    #[must_use]
    pub fn simds(&self) -> u32 {
        self.cus() * self.simds_per_cu
    }
}

fn one() -> u32 {
    1
}

/// A kind of cache. Each cache of the kind is shared by `cus` compute units.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// The level, 1 nearest to the compute units. Above 1 there is one cache for the whole device.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub level: u32,
    /// The size, KiB.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub kib: u32,
    /// The line size, bytes.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub line: u32,
    /// The contents, data or instructions.
    pub kind: CacheKind,
    /// The compute units of an array that share one cache.
    #[serde(deserialize_with = "bounds::up_to_a_word")]
    pub cus: u32,
}

/// The contents of a cache: `HSA_CACHE_TYPE_*` (linux/kfd_sysfs.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheKind {
    /// A data cache (`HSA_CACHE_TYPE_DATA`).
    Data = 1,
    /// An instruction cache (`HSA_CACHE_TYPE_INSTRUCTION`).
    Instruction = 2,
}

/// The queue hardware of a device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueHardware {
    /// The compute queues that can be on the device at once, `num_cp_queues`.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub slots: u32,
    /// The time that a busy queue of normal priority keeps its slot while others wait, microseconds. The driver asks
    /// its schedulers for 1 ms: `KFD_MES_GANG_QUANTUM` (amdkfd/kfd_device_queue_manager.h), `CP_HQD_QUANTUM`
    /// (amdkfd/kfd_mqd_manager_v9.c).
    #[serde(default = "quantum_us", deserialize_with = "bounds::at_least_one")]
    pub quantum_us: u32,
    /// The kinds of queues that CREATE_QUEUE makes; all of them when it is not given.
    #[serde(default = "QueueFormat::all")]
    pub formats: Vec<QueueFormat>,
    /// The bytes of a doorbell.
    #[serde(deserialize_with = "bounds::doorbell_bytes")]
    pub doorbell_bytes: u32,
    /// The doorbells of a process: `KFD_MAX_NUM_OF_QUEUES_PER_PROCESS` (amdkfd/kfd_priv.h).
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub doorbells_per_process: u32,
    /// The SDMA engines for memory of this device and of the host.
    pub sdma_engines: u32,
    /// The SDMA engines for XGMI links to other devices.
    pub sdma_xgmi_engines: u32,
    /// The user queues that an SDMA engine can have.
    pub sdma_queues_per_engine: u32,
    /// The version of the SDMA microcode.
    pub sdma_firmware: u32,
}

fn quantum_us() -> u32 {
    1000
}

/// A kind of queue by its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueFormat {
    /// Packets of HSA's architected queuing language.
    Aql,
    /// PM4 packets, those of the command processor.
    Pm4,
    /// SDMA packets, those of the copy engines.
    Sdma,
}

impl QueueFormat {
    fn all() -> Vec<Self> {
        vec![Self::Aql, Self::Pm4, Self::Sdma]
    }
}

impl QueueHardware {
    /// The bytes of doorbells that a process has, whole pages: `kfd_doorbell_process_slice` (amdkfd/kfd_doorbell.c).
    #[must_use]
    pub fn doorbell_slice(&self) -> Bytes {
        Bytes((u64::from(self.doorbell_bytes) * u64::from(self.doorbells_per_process)).next_multiple_of(4096))
    }

    /// The time slice of a queue of normal priority.
    #[must_use]
    pub fn quantum(&self) -> Nanos {
        Nanos(u64::from(self.quantum_us) * 1000)
    }

    /// The SDMA queues that can be on the device at once: `get_num_sdma_queues` (amdkfd/kfd_device_queue_manager.c).
    #[must_use]
    pub fn sdma_slots(&self) -> u32 {
        self.sdma_engines * self.sdma_queues_per_engine
    }

    /// The queues that can be on the SDMA engines for XGMI links at once: `get_num_xgmi_sdma_queues`.
    #[must_use]
    pub fn sdma_xgmi_slots(&self) -> u32 {
        self.sdma_xgmi_engines * self.sdma_queues_per_engine
    }
}

/// A PCIe link between CPU and device, as the topology tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The NUMA-like distance; the kernel gives PCIe 20.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub weight: u32,
    /// The lowest bandwidth, MB/s.
    pub min_bandwidth: u32,
    /// The highest bandwidth, MB/s.
    pub max_bandwidth: u32,
}

/// The XGMI links to the other devices of a hive, one to each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Xgmi {
    /// The id of the hive, not 0.
    #[serde(deserialize_with = "bounds::hive_id")]
    pub hive_id: u64,
    /// The distance of one hop, 15 (`KFD_CRAT_XGMI_WEIGHT`, amdkfd/kfd_crat.h).
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub weight: u32,
    /// The bandwidth of a link, MB/s.
    pub bandwidth: u32,
}

/// A line of the device's discovery table: `struct ip_v4` (amdgpu/discovery.h).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IpBlock {
    /// The kind of block, `*_HWID` (amdgpu/soc15_hw_ip.h).
    pub hw_id: u16,
    /// The name of that constant without `_HWID`.
    #[serde(deserialize_with = "bounds::file_name")]
    pub name: String,
    /// The version: major, minor, revision.
    pub version: [u8; 3],
    /// The number of instances of the block.
    #[serde(default = "one", deserialize_with = "bounds::up_to_a_word")]
    pub instances: u32,
}

/// The values that only libdrm asks for, in `drm_amdgpu_info_device` and by register.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Display {
    /// The chip family, `AMDGPU_FAMILY_*` (drm/amdgpu_drm.h).
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub family: u32,
    /// The internal chip revision.
    pub chip_revision: u32,
    /// The external revision, by which user space tells chips of a family apart.
    pub external_revision: u32,
    /// The render backends, all enabled.
    #[serde(deserialize_with = "bounds::up_to_a_word")]
    pub render_backends: u32,
    /// The channels of the L2 cache.
    pub tcc_blocks: u32,
    /// The value of the register GB_ADDR_CONFIG.
    pub gb_addr_config: u32,
    /// The properties of the device, `AMDGPU_IDS_FLAGS_*` (drm/amdgpu_drm.h).
    pub ids_flags: u64,
    /// The first virtual address of user space.
    pub va_start: u64,
    /// The end of user space's addresses below the hole, exclusive.
    pub va_end: u64,
    /// The first virtual address of user space above the hole.
    pub high_va_start: u64,
    /// The end of user space's addresses above the hole, exclusive.
    pub high_va_end: u64,
    /// The bytes of a page table fragment.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub pte_fragment_bytes: u32,
    /// The RAM of the constant engine, bytes.
    pub ce_ram_bytes: u32,
    /// The depth of the geometry shader's VGT table.
    pub gs_vgt_table_depth: u32,
    /// The depth of the geometry shader's primitive buffer.
    pub gs_prim_buffer_depth: u32,
    /// The most geometry shader waves of a vertex grouper (VGT).
    pub max_gs_waves_per_vgt: u32,
}
