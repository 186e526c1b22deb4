//! What the tree tells of the host, as its `/proc` says it.

use super::device_path::Numbers;
use crate::ids::Bytes;

/// The facts about the host that the tree tells and no profile knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The number of logical processors.
    pub cpus: u32,
    /// The APIC id of the first of them, by which libhsakmt finds the processor's name in `/proc/cpuinfo`.
    pub first_apic_id: u32,
    /// The size of system memory.
    pub memory: Bytes,
    /// The system memory that devices may use through GTT.
    pub gtt: Bytes,
    /// The highest clock of a processor, MHz.
    pub mhz: u32,
    /// The host's own `/proc/modules`, whose lines stay; empty to show `amdgpu` alone.
    pub modules: String,
    /// The first card and hwmon numbers that the host has not given.
    pub numbers: Numbers,
}

impl Default for Host {
    /// A host with one processor and 4 GiB, for trees that nobody reads through the real `/proc`.
    fn default() -> Self {
        Self {
            cpus: 1,
            first_apic_id: 0,
            memory: Bytes(4 << 30),
            gtt: Bytes(4 << 30),
            mhz: 0,
            modules: String::new(),
            numbers: Numbers::default(),
        }
    }
}

impl Host {
    /// Reads the texts of `/proc/cpuinfo`, `/proc/meminfo` and `/proc/modules`. A fact that a text does not have is
    /// taken from [`Host::default`].
    #[must_use]
    pub fn from_proc(cpuinfo: &str, meminfo: &str, modules: &str) -> Self {
        let fallback = Self::default();
        let field = |text: &str, name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                (key.trim() == name).then(|| value.trim().split(' ').next().unwrap_or_default().to_owned())
            })
        };
        let processors = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
        Self {
            cpus: u32::try_from(processors).ok().filter(|n| *n > 0).unwrap_or(fallback.cpus),
            first_apic_id: field(cpuinfo, "apicid").and_then(|id| id.parse().ok()).unwrap_or_default(),
            memory: field(meminfo, "MemTotal")
                .and_then(|kib| kib.parse::<u64>().ok())
                .and_then(|kib| kib.checked_mul(1024))
                .map_or(fallback.memory, Bytes),
            mhz: field(cpuinfo, "cpu MHz")
                .and_then(|mhz| mhz.split('.').next()?.parse().ok())
                .unwrap_or(fallback.mhz),
            modules: modules.to_owned(),
            ..fallback
        }
    }
}
