//! The caches of a node: amdkfd's `fill_in_l1_pcache` and `fill_in_l2_l3_pcache` (kfd_topology.c, kfd_crat.c).
//!
//! A kind at level 1 is repeated in every shader array, one for each `cus` compute units and one for the rest; a kind
//! above level 1 is there once. The map says which compute units share a cache, counted from the first of them (level
//! 1) or four bytes for each array (above).

use super::properties::Properties;
use crate::device::profile::{self, CacheKind, Compute};

/// The first `processor_id_low` of a device: `gpu_processor_id_low` (amdkfd/kfd_crat.c).
pub(super) const FIRST_PROCESSOR_ID: u32 = 0x8000_1000;

/// HSA_CACHE_TYPE_CPU (linux/kfd_sysfs.h), set for a CPU's cache.
const OF_CPU: u32 = 4;
/// HSA_CACHE_TYPE_HSACU (linux/kfd_sysfs.h), set for a device's cache.
const OF_COMPUTE_UNIT: u32 = 8;

/// One cache of a node.
pub(super) struct Cache {
    processor: u32,
    level: u32,
    kib: u32,
    line: u32,
    kind: u32,
    shared_by: Vec<u8>,
}

impl Cache {
    fn new(kind: &profile::Cache, of: u32, processor: u32, shared_by: Vec<u8>) -> Self {
        let holds = match kind.kind {
            CacheKind::Data => CacheKind::Data as u32,
            CacheKind::Instruction => CacheKind::Instruction as u32,
        };
        let profile::Cache { level, kib, line, .. } = *kind;
        Self { processor, level, kib, line, kind: holds | of, shared_by }
    }

    pub(super) fn properties(&self) -> Properties {
        Properties::default()
            .with("processor_id_low", self.processor)
            .with("level", self.level)
            .with("size", self.kib)
            .with("cache_line_size", self.line)
            .with("cache_lines_per_tag", 0u32)
            .with("association", 0u32)
            .with("latency", 0u32)
            .with("type", self.kind)
            .with_bits("sibling_map", &self.shared_by)
    }
}

/// The caches of a CPU's node, one of each kind, for its first processor.
pub(super) fn of_cpu(kinds: &[profile::Cache]) -> Vec<Cache> {
    kinds.iter().map(|kind| Cache::new(kind, OF_CPU, 0, vec![1, 0, 0, 0])).collect()
}

/// The caches of a device whose first compute unit has the processor id `first`.
pub(super) fn of_device(compute: &Compute, first: u32) -> Vec<Cache> {
    let per_array = compute.cus_per_array;
    let mut caches = Vec::new();
    for kind in &compute.caches {
        if kind.level > 1 {
            let sharers = |array| compute.cu_mask(array) & ones(kind.cus);
            let map = (0..compute.arrays()).flat_map(|array| sharers(array).to_le_bytes()).collect();
            caches.push(Cache::new(kind, OF_COMPUTE_UNIT, first, map));
            continue;
        }
        for array in 0..compute.arrays() {
            for unit in (0..per_array).step_by(kind.cus as usize) {
                let sharers = (compute.cu_mask(array) >> unit) & ones(kind.cus.min(per_array - unit));
                // A cache is not listed when none of the compute units that share it works.
                if sharers == 0 {
                    continue;
                }
                let processor = first + array * per_array + unit + sharers.trailing_zeros();
                caches.push(Cache::new(kind, OF_COMPUTE_UNIT, processor, sharers.to_le_bytes().to_vec()));
            }
        }
    }
    caches
}

/// A word whose lowest `n` bits are set.
fn ones(n: u32) -> u32 {
    u32::MAX.checked_shr(32 - n.min(32)).unwrap_or(0)
}
