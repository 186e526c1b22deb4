//! What the topology tells of a device: how large a queue's buffers are, and whether memory can be shared with it.
//!
//! Read when a queue first needs it: `properties` of the device's node (amdkfd/kfd_topology.c).

use kfd_core::queue_buffers::{QueueBuffers, Shape};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

/// Where the nodes are, from the folder with the device nodes on: `/sys` stands beside `/dev`, and a daemon's run directory
/// has both in the same way.
const NODES: &str = "../sys/devices/virtual/kfd/kfd/topology/nodes";

/// Nodes of a machine that are looked at.
const MOST: u32 = 128;

/// `HSA_CAP_SVMAPI_SUPPORTED` (linux/kfd_sysfs.h).
const SHARES_MEMORY: u64 = 1 << 27;

/// What is known of a device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    /// Sizes of a compute queue's buffers.
    pub buffers: QueueBuffers,
    /// Whether it has shared virtual memory.
    pub shares_memory: bool,
}

impl Node {
    /// The node of the device with that id, which is number `index` of the driver's list.
    pub(crate) fn read(dev: &Path, index: u32, gpu_id: u32) -> io::Result<Self> {
        let nodes = dev.join(NODES);
        // One CPU before the devices is what most machines have.
        let likely = std::iter::once(index + 1).chain(0..MOST);
        for node in likely {
            let folder = nodes.join(node.to_string());
            match fs::read_to_string(folder.join("gpu_id")) {
                Ok(id) if id.trim() == gpu_id.to_string() => {
                    return Ok(Self::of(&fs::read_to_string(folder.join("properties"))?));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn of(properties: &str) -> Self {
        let pairs = properties.lines().filter_map(|line| {
            let (name, value) = line.split_once(' ')?;
            Some((name, value.trim().parse::<u64>().ok()?))
        });
        let known: HashMap<&str, u64> = pairs.collect();
        let wide = |name| known.get(name).copied().unwrap_or(0);
        let number = |name| u32::try_from(wide(name)).unwrap_or(u32::MAX);
        let shape = Shape {
            gfx_target_version: number("gfx_target_version"),
            simds: number("simd_count"),
            simds_per_cu: number("simd_per_cu"),
            arrays: number("array_count"),
            arrays_per_engine: number("simd_arrays_per_engine"),
            dies: number("num_xcc"),
            lds_kib: number("lds_size_in_kb"),
        };
        let mut buffers = shape.queue_buffers();
        // Newer drivers tell what they ask for.
        for (told, of) in
            [("cwsr_size", &mut buffers.save_area), ("ctl_stack_size", &mut buffers.control_stack)]
        {
            if number(told) != 0 {
                *of = number(told);
            }
        }
        Self { buffers, shares_memory: wide("capability") & SHARES_MEMORY != 0 }
    }
}
