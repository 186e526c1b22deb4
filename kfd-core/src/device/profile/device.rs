//! One device of a profile, in the units its consumers want.

use super::bounds;
use crate::ids::{Bytes, GpuId, Nanos, RenderMinor};
use crate::queue::buffers::{QueueBuffers, Shape};
use serde::Deserialize;
use serde::de::IntoDeserializer;

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceProfile {
    /// The ASIC's name, `name` of its topology node.
    pub name: String,
    /// The id that ioctls use.
    #[serde(deserialize_with = "bounds::gpu_id")]
    pub gpu_id: GpuId,
    /// Its render node.
    #[serde(deserialize_with = "bounds::render_minor")]
    pub render_minor: RenderMinor,
    /// major × 10000 + minor × 100 + stepping: 90000 is gfx900.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub gfx_target_version: u32,
    /// Where it sits and what it says it is.
    pub pci: Pci,
    /// Its memory.
    pub vram: Vram,
    /// Its compute units.
    pub compute: Compute,
    /// What it has for queues.
    pub queues: QueueHardware,
    /// Its link to the CPU, the same both ways.
    pub link: Link,
    /// The hive whose devices it reaches without PCIe; none, and other devices are peers on the bus.
    #[serde(default)]
    pub xgmi: Option<Xgmi>,
    /// Its serial number, by which runtimes name it; 0 on devices that do not tell.
    #[serde(default)]
    pub unique_id: u64,
    /// What its discovery table says it is made of; empty on devices from before there was one.
    #[serde(default)]
    pub ip_blocks: Vec<IpBlock>,
    /// The blocks whose memory errors it finds and tells of; empty on devices without RAS.
    #[serde(default)]
    pub ras: Vec<RasBlock>,
    /// What it is sold as, and what its sensors are like.
    #[serde(default)]
    pub board: Board,
    /// What only libdrm asks for.
    pub display: Display,
}

impl DeviceProfile {
    /// How large the buffers of a compute queue are.
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

/// PCI identity and place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pci {
    /// Vendor id.
    pub vendor: u16,
    /// Device id; libhsakmt 5.2.3 and amdgpu.ids know their names by it.
    pub device: u16,
    /// Subsystem vendor id.
    pub subsystem_vendor: u16,
    /// Subsystem id.
    pub subsystem_device: u16,
    /// Revision.
    pub revision: u8,
    /// Domain.
    pub domain: u16,
    /// Bus.
    pub bus: u8,
    /// Slot, 0 to 31.
    #[serde(deserialize_with = "bounds::slot")]
    pub slot: u8,
    /// Function, 0 to 7.
    #[serde(deserialize_with = "bounds::function")]
    pub function: u8,
}

impl Pci {
    /// `location_id` of the topology: bus, slot and function in one number.
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

/// Blocks with RAS: `enum amdgpu_ras_block` (amdgpu/amdgpu_ras.h), each the number of its bit in a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RasBlock {
    /// The memory controllers.
    Umc = 0,
    /// The copy engines.
    Sdma = 1,
    /// The compute units and what is around them.
    Gfx = 2,
    /// The hub to memory.
    Mmhub = 3,
    /// The hub to the host.
    Athub = 4,
    /// The bus interface.
    PcieBif = 5,
    /// The host data path.
    Hdp = 6,
    /// The links of a hive.
    XgmiWafl = 7,
    /// The data fabric.
    Df = 8,
}

impl RasBlock {
    /// Its name, which is the kernel's (`ras_block_string`, amdgpu/amdgpu_ras.c).
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

    /// The block of that name, which is the profile's and the kernel's (`ras_block_string`, amdgpu/amdgpu_ras.c).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = name.into_deserializer();
        Self::deserialize(name).ok()
    }
}

/// The board that a device sits on: what tools show of it and runtimes do not ask for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Board {
    /// PCI class, subclass and interface.
    #[serde(deserialize_with = "bounds::pci_class")]
    pub class: u32,
    /// What it is called; empty where its board does not tell.
    #[serde(deserialize_with = "bounds::line")]
    pub product: String,
    /// Version of its BIOS, a part number.
    #[serde(deserialize_with = "bounds::line")]
    pub vbios: String,
    /// Watts that it may draw.
    #[serde(deserialize_with = "bounds::watts")]
    pub power_cap_watts: u32,
    /// Highest speed of its fan, turns a minute; 0 without a fan.
    #[serde(deserialize_with = "bounds::rpm")]
    pub fan_rpm: u32,
}

impl Default for Board {
    /// A headless device of no known make.
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

/// Device memory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vram {
    /// All of it.
    #[serde(deserialize_with = "bounds::pages")]
    pub bytes: Bytes,
    /// How much of it the host could map; all of it makes its heap a public one.
    #[serde(deserialize_with = "bounds::pages")]
    pub visible_bytes: Bytes,
    /// Width of the memory bus, bits.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub bus_bits: u32,
    /// Highest memory clock, MHz.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub clock_mhz: u32,
    /// Kind.
    pub kind: VramKind,
}

/// Kinds of device memory: `AMDGPU_VRAM_TYPE_*` (drm/amdgpu_drm.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VramKind {
    /// GDDR5.
    Gddr5 = 5,
    /// HBM.
    Hbm = 6,
    /// GDDR6.
    Gddr6 = 9,
}

/// Compute units and what is in them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compute {
    /// Compute dies (XCC) that work as one device; the shader engines are those of one.
    #[serde(default = "one", deserialize_with = "bounds::up_to_eight")]
    pub xccs: u32,
    /// Shader engines; above four, with at most two arrays each.
    #[serde(deserialize_with = "bounds::up_to_eight")]
    pub shader_engines: u32,
    /// Shader arrays of an engine.
    #[serde(deserialize_with = "bounds::up_to_four")]
    pub arrays_per_engine: u32,
    /// Compute units of an array.
    #[serde(deserialize_with = "bounds::up_to_a_word")]
    pub cus_per_array: u32,
    /// Those of all arrays that work; without it all do.
    #[serde(default)]
    pub active_cus: Option<u32>,
    /// SIMDs of a compute unit.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub simds_per_cu: u32,
    /// Waves a SIMD holds.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub waves_per_simd: u32,
    /// Work-items of a wave.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub wave_size: u32,
    /// Local data share of a compute unit, KiB.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub lds_kib: u32,
    /// Global data share, KiB.
    pub gds_kib: u32,
    /// Global wave sync resources.
    pub gws: u32,
    /// Waves of a compute unit that can have scratch.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub scratch_slots_per_cu: u32,
    /// Highest engine clock, MHz.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub engine_mhz: u32,
    /// The clock of GET_CLOCK_COUNTERS and of packet timestamps, kHz.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub counter_khz: u32,
    /// `HSA_CAP_*` (linux/kfd_sysfs.h).
    #[serde(deserialize_with = "bounds::capability")]
    pub capability: u32,
    /// `HSA_DBG_*` (linux/kfd_sysfs.h of newer kernels).
    pub debug_properties: u64,
    /// Version of the compute microcode.
    pub firmware: u32,
    /// Kinds of caches; at least one.
    #[serde(deserialize_with = "bounds::caches")]
    pub caches: Vec<Cache>,
}

impl Compute {
    /// Arrays of all engines of all dies.
    #[must_use]
    pub fn arrays(&self) -> u32 {
        self.xccs * self.shader_engines * self.arrays_per_engine
    }

    /// Places for compute units; processor ids count these.
    #[must_use]
    pub fn cu_places(&self) -> u32 {
        self.arrays() * self.cus_per_array
    }

    /// Compute units that work.
    #[must_use]
    pub fn cus(&self) -> u32 {
        self.active_cus.unwrap_or(self.cu_places())
    }

    /// Which compute units of an array work. Those that do not are spread over the arrays, the last places of each.
    #[must_use]
    pub fn cu_mask(&self, array: u32) -> u32 {
        let up_to = |array: u32| u64::from(self.cus()) * u64::from(array) / u64::from(self.arrays());
        let working = up_to(array + 1) - up_to(array);
        u32::MAX.checked_shr(32 - u32::try_from(working).unwrap_or(32).min(32)).unwrap_or(0)
    }

    /// SIMDs.
    #[must_use]
    pub fn simds(&self) -> u32 {
        self.cus() * self.simds_per_cu
    }
}

fn one() -> u32 {
    1
}

/// A kind of cache, of which there are as many as compute units share one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// 1 is nearest. Above 1 there is one for the whole device.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub level: u32,
    /// KiB.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub kib: u32,
    /// Bytes of a line.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub line: u32,
    /// What it holds.
    pub kind: CacheKind,
    /// How many compute units of an array share one.
    #[serde(deserialize_with = "bounds::up_to_a_word")]
    pub cus: u32,
}

/// What a cache holds: `HSA_CACHE_TYPE_*` (linux/kfd_sysfs.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheKind {
    /// Data.
    Data = 1,
    /// Instructions.
    Instruction = 2,
}

/// What a device has for queues.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueHardware {
    /// Compute queues that can be on the device at once, `num_cp_queues`.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub slots: u32,
    /// How long a busy queue of normal priority keeps its slot while others wait, microseconds. 1 ms is what the driver
    /// asks of its schedulers: `KFD_MES_GANG_QUANTUM` (amdkfd/kfd_device_queue_manager.h), `CP_HQD_QUANTUM`
    /// (amdkfd/kfd_mqd_manager_v9.c).
    #[serde(default = "quantum_us", deserialize_with = "bounds::at_least_one")]
    pub quantum_us: u32,
    /// The kinds of queues that CREATE_QUEUE makes; all of them without it.
    #[serde(default = "QueueFormat::all")]
    pub formats: Vec<QueueFormat>,
    /// Bytes of a doorbell.
    #[serde(deserialize_with = "bounds::doorbell_bytes")]
    pub doorbell_bytes: u32,
    /// Doorbells of a process: `KFD_MAX_NUM_OF_QUEUES_PER_PROCESS` (amdkfd/kfd_priv.h).
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub doorbells_per_process: u32,
    /// SDMA engines.
    pub sdma_engines: u32,
    /// SDMA engines for links between devices.
    pub sdma_xgmi_engines: u32,
    /// User queues of an SDMA engine.
    pub sdma_queues_per_engine: u32,
    /// Version of the SDMA microcode.
    pub sdma_firmware: u32,
}

fn quantum_us() -> u32 {
    1000
}

/// A kind of queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueFormat {
    /// HSA's architected queuing language.
    Aql,
    /// The command processor's packets.
    Pm4,
    /// The copy engines' packets.
    Sdma,
}

impl QueueFormat {
    fn all() -> Vec<Self> {
        vec![Self::Aql, Self::Pm4, Self::Sdma]
    }
}

impl QueueHardware {
    /// Bytes of doorbells that a process has: `kfd_doorbell_process_slice` (amdkfd/kfd_doorbell.c), whole pages.
    #[must_use]
    pub fn doorbell_slice(&self) -> Bytes {
        Bytes((u64::from(self.doorbell_bytes) * u64::from(self.doorbells_per_process)).next_multiple_of(4096))
    }

    /// The slice of a queue of normal priority.
    #[must_use]
    pub fn quantum(&self) -> Nanos {
        Nanos(u64::from(self.quantum_us) * 1000)
    }

    /// SDMA queues that can be on the device at once: `get_num_sdma_queues` (amdkfd/kfd_device_queue_manager.c).
    #[must_use]
    pub fn sdma_slots(&self) -> u32 {
        self.sdma_engines * self.sdma_queues_per_engine
    }

    /// Those of the engines for links: `get_num_xgmi_sdma_queues`.
    #[must_use]
    pub fn sdma_xgmi_slots(&self) -> u32 {
        self.sdma_xgmi_engines * self.sdma_queues_per_engine
    }
}

/// A PCIe link between CPU and device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// NUMA-like distance; the kernel gives PCIe 20.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub weight: u32,
    /// MB/s.
    pub min_bandwidth: u32,
    /// MB/s.
    pub max_bandwidth: u32,
}

/// Links to the other devices of a hive, one to each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Xgmi {
    /// Which hive.
    #[serde(deserialize_with = "bounds::hive_id")]
    pub hive_id: u64,
    /// `KFD_CRAT_XGMI_WEIGHT` (amdkfd/kfd_crat.h), 15, for each hop.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub weight: u32,
    /// MB/s of a link.
    pub bandwidth: u32,
}

/// A line of the device's discovery table: `struct ip_v4` (amdgpu/discovery.h).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IpBlock {
    /// `*_HWID` (amdgpu/soc15_hw_ip.h).
    pub hw_id: u16,
    /// Its name there, without `_HWID`.
    #[serde(deserialize_with = "bounds::file_name")]
    pub name: String,
    /// Major, minor, revision.
    pub version: [u8; 3],
    /// How many there are.
    #[serde(default = "one", deserialize_with = "bounds::up_to_a_word")]
    pub instances: u32,
}

/// What only libdrm asks for, in `drm_amdgpu_info_device` and by register.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Display {
    /// `AMDGPU_FAMILY_*`.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub family: u32,
    /// Internal chip revision.
    pub chip_revision: u32,
    /// External revision, by which user space tells chips of a family apart.
    pub external_revision: u32,
    /// Render backends, all enabled.
    #[serde(deserialize_with = "bounds::up_to_a_word")]
    pub render_backends: u32,
    /// L2 channels.
    pub tcc_blocks: u32,
    /// The register GB_ADDR_CONFIG.
    pub gb_addr_config: u32,
    /// `AMDGPU_IDS_FLAGS_*`.
    pub ids_flags: u64,
    /// First virtual address of user space.
    pub va_start: u64,
    /// Last one, exclusive.
    pub va_end: u64,
    /// First virtual address above the hole.
    pub high_va_start: u64,
    /// Last one, exclusive.
    pub high_va_end: u64,
    /// Bytes of a page table fragment.
    #[serde(deserialize_with = "bounds::at_least_one")]
    pub pte_fragment_bytes: u32,
    /// Constant engine RAM, bytes.
    pub ce_ram_bytes: u32,
    /// Geometry shader table.
    pub gs_vgt_table_depth: u32,
    /// Geometry shader buffer.
    pub gs_prim_buffer_depth: u32,
    /// Geometry shader waves.
    pub max_gs_waves_per_vgt: u32,
}
