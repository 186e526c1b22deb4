//! What fdinfo says of an open file of a node of DRM (`drm_show_fdinfo`, drm/drm_file.c; `amdgpu_show_fdinfo`,
//! amdgpu/amdgpu_fdinfo.c): the lines that tools find processes by (Documentation/gpu/drm-usage-stats.rst).
//!
//! A file shows its own address space: the buffers of its handles, and of KFD's, if ACQUIRE_VM took it for its device, those
//! that are mapped there. Not for: how the text gets to a reader (a door, and the library `kfdd-device-nodes`).

use crate::abi::{drm, kfd};
use crate::call::Node;
use crate::core::Core;
use crate::core::procfs::FIRST_PASID;
use crate::device::Device;
use crate::ids::{FileId, ProcessId};
use crate::memory::bo::{Backing, Bo};
use crate::process::render::Gem;
use std::fmt::{self, Write};

/// The interface that came with Linux 6.5, from which on drm tells of the client before the driver tells of memory.
const CLIENT_FIRST_SINCE: u32 = 13;
/// The interface of the first kernel to tell of each region what is shared and what is resident (Linux 6.14) in memory.
const REGIONS_SINCE: u32 = 18;

/// A place of memory; placements of TTM in the order of their numbers, as `amdgpu_show_fdinfo` goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Region {
    Cpu,
    Gtt,
    Vram,
}

/// Each with its name, and those that nothing here is in.
const REGIONS: [(&str, Option<Region>); 7] = [
    ("cpu", Some(Region::Cpu)),
    ("gtt", Some(Region::Gtt)),
    ("vram", Some(Region::Vram)),
    ("gds", None),
    ("gws", None),
    ("oa", None),
    ("doorbell", None),
];

/// What lies in a region or is meant to, in bytes (`struct amdgpu_mem_stats`).
#[derive(Debug, Clone, Copy, Default)]
struct Stats {
    private: u64,
    shared: u64,
    resident: u64,
    purgeable: u64,
    /// Meant to be here, and elsewhere.
    evicted: u64,
}

impl Stats {
    fn total(&self) -> u64 {
        self.private + self.shared
    }
}

/// A buffer of an address space.
#[derive(Debug, Clone, Copy)]
struct Buffer {
    bytes: u64,
    preferred: Region,
    resident: Region,
    shared: bool,
    purgeable: bool,
}

impl Buffer {
    /// One of KFD's; doorbells and registers are no memory.
    fn of_bo(bo: &Bo) -> Option<Self> {
        let in_vram =
            |flags: u32| if flags & kfd::ALLOC_MEM_FLAGS_VRAM != 0 { Region::Vram } else { Region::Gtt };
        let (bytes, preferred, resident, shared) = match &bo.backing {
            Backing::Device => return None,
            // Made in the CPU's domain and bound to the GTT by its mapping (`init_user_pages`, amdgpu_amdkfd_gpuvm.c).
            Backing::User(_) => (bo.size, Region::Cpu, Region::Gtt, false),
            Backing::Shared(share) => (share.range.len, in_vram(share.flags), in_vram(share.flags), true),
            Backing::Arena { len, .. } => {
                let moved = bo.moved_out().is_some();
                (*len, in_vram(bo.flags), if moved { Region::Gtt } else { in_vram(bo.flags) }, false)
            }
        };
        Some(Self { bytes, preferred, resident, shared, purgeable: false })
    }

    /// One of graphics.
    fn of_gem(gem: &Gem) -> Self {
        let (preferred, resident) = gem.change(|changing| {
            let vram = changing.preferred & drm::GEM_DOMAIN_VRAM != 0;
            let preferred = if vram { Region::Vram } else { Region::Gtt };
            // A share is moved no more.
            let there = if gem.shared().is_some() { vram } else { changing.is_in_vram() };
            (preferred, if there { Region::Vram } else { Region::Gtt })
        });
        let purgeable = gem.flags & drm::GEM_CREATE_DISCARDABLE != 0;
        Self { bytes: gem.len, preferred, resident, shared: gem.shared().is_some(), purgeable }
    }
}

/// The memory of an address space, by region.
#[derive(Debug, Default)]
struct Memory([Stats; 3]);

impl Memory {
    fn of(&self, region: Region) -> Stats {
        self.0[region as usize]
    }

    /// One buffer more (`amdgpu_vm_update_stats_locked`, amdgpu/amdgpu_vm.c).
    fn add(&mut self, buffer: Buffer) {
        let meant = &mut self.0[buffer.preferred as usize];
        *(if buffer.shared { &mut meant.shared } else { &mut meant.private }) += buffer.bytes;
        if buffer.preferred != buffer.resident {
            meant.evicted += buffer.bytes;
        }
        let there = &mut self.0[buffer.resident as usize];
        there.resident += buffer.bytes;
        if buffer.purgeable {
            there.purgeable += buffer.bytes;
        }
    }
}

/// What there is to say of a file.
#[derive(Debug)]
struct Client {
    id: u64,
    pasid: u32,
    address: String,
    memory: Memory,
    /// Bytes of its VRAM that the host can map.
    visible: u64,
    /// Nanoseconds for which its submissions to copy engines ran.
    dma: u64,
}

impl Core {
    /// What fdinfo says of an open file; `None` when it is none of DRM, or closed.
    #[must_use]
    pub fn fdinfo(&self, file: FileId) -> Option<String> {
        let (process, node) = self.files.get(file)?;
        let device = self.device_behind(node.device()?)?;
        let client = self.drm_client(file, process, node, device)?;
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = client.write(self.profile.interface_minor, &mut text);
        Some(text)
    }

    fn drm_client(&self, id: FileId, process: ProcessId, node: Node, device: &Device) -> Option<Client> {
        let process = self.process(process)?;
        self.reclaim();
        let mut memory = Memory::default();
        let is_kfds = matches!(node, Node::Render(_)) && process.render.is_acquired(id, device.index);
        if is_kfds {
            let inner = process.inner.lock();
            let bos = inner.bindings[device.index].bos.iter();
            bos.filter(|bo| bo.mapped.contains_key(&device.index))
                .filter_map(Buffer::of_bo)
                .for_each(|buffer| memory.add(buffer));
        }
        let file = process.render.known(id);
        let gems = file.as_ref().map(|file| file.gems.known_to(id)).unwrap_or_default();
        gems.iter().for_each(|gem| memory.add(Buffer::of_gem(gem)));
        let dma = file.map_or(0, |file| file.state.lock().copied);
        let visible = memory.of(Region::Vram).resident.min(device.profile.vram.visible_bytes.0);
        let pasid = if is_kfds { FIRST_PASID + process.id().slot } else { own_pasid(id) };
        Some(Client { id: id.0, pasid, address: device.profile.pci.address(), memory, visible, dma })
    }
}

/// The number of an address space that is not KFD's: below KFD's, and so no process's.
fn own_pasid(file: FileId) -> u32 {
    1 + (file.0 % u64::from(FIRST_PASID - 1)) as u32
}

impl Client {
    fn write(&self, interface: u32, out: &mut String) -> fmt::Result {
        if interface >= CLIENT_FIRST_SINCE {
            writeln!(out, "drm-driver:\tamdgpu")?;
            writeln!(out, "drm-client-id:\t{}", self.id)?;
            writeln!(out, "drm-pdev:\t{}", self.address)?;
            writeln!(out, "pasid:\t{}", self.pasid)?;
        } else {
            writeln!(out, "pasid:\t{}", self.pasid)?;
            writeln!(out, "drm-driver:\tamdgpu")?;
            writeln!(out, "drm-pdev:\t{}", self.address)?;
            writeln!(out, "drm-client-id:\t{}", self.id)?;
        }
        if interface >= REGIONS_SINCE {
            for (name, region) in REGIONS {
                let stats = region.map(|region| self.memory.of(region)).unwrap_or_default();
                for (what, bytes) in [
                    ("total", stats.total()),
                    ("shared", stats.shared),
                    ("resident", stats.resident),
                    ("purgeable", stats.purgeable),
                ] {
                    writeln!(out, "drm-{what}-{name}:\t{}", size(bytes))?;
                }
            }
        }
        let (vram, gtt, cpu) =
            (self.memory.of(Region::Vram), self.memory.of(Region::Gtt), self.memory.of(Region::Cpu));
        let kib = |out: &mut String, name: &str, bytes: u64| writeln!(out, "{name}\t{} KiB", bytes >> 10);
        kib(out, "drm-memory-vram:", vram.resident)?;
        kib(out, "drm-memory-gtt: ", gtt.resident)?;
        kib(out, "drm-memory-cpu: ", cpu.resident)?;
        let older = interface < REGIONS_SINCE;
        let visible_evicted = if self.visible == vram.resident { vram.evicted } else { 0 };
        if older {
            kib(out, "amd-memory-visible-vram:", self.visible)?;
        }
        kib(out, "amd-evicted-vram:", vram.evicted)?;
        if older {
            kib(out, "amd-evicted-visible-vram:", visible_evicted)?;
        }
        kib(out, "amd-requested-vram:", vram.total())?;
        if older {
            kib(out, "amd-requested-visible-vram:", self.visible + visible_evicted)?;
        }
        kib(out, "amd-requested-gtt:", gtt.total())?;
        if self.dma != 0 {
            writeln!(out, "drm-engine-dma:\t{} ns", self.dma)?;
        }
        Ok(())
    }
}

/// A number of bytes as drm has it: in the largest unit of which it is a multiple (`print_size`, drm/drm_file.c).
fn size(bytes: u64) -> String {
    let (mut left, mut units) = (bytes, ["", " KiB", " MiB"].into_iter());
    let mut unit = units.next().unwrap_or_default();
    while left != 0
        && left.is_multiple_of(1 << 10)
        && let Some(next) = units.next()
    {
        (left, unit) = (left >> 10, next);
    }
    format!("{left}{unit}")
}

#[cfg(test)]
mod tests {
    use super::{FIRST_PASID, own_pasid, size};
    use crate::ids::FileId;

    // Keeps: fdinfo-memory
    #[test]
    fn a_size_is_told_in_the_largest_unit_that_it_is_a_multiple_of() {
        for (bytes, told) in [
            (0, "0"),
            (1, "1"),
            (4096, "4 KiB"),
            (48 << 20, "48 MiB"),
            (48 << 20 | 4096, "49156 KiB"),
            (3 << 30, "3072 MiB"),
        ] {
            assert_eq!(size(bytes), told);
        }
    }

    // Keeps: fdinfo-client
    #[test]
    fn an_address_space_of_graphics_has_no_number_of_kfds() {
        for file in [0, 1, u64::from(FIRST_PASID), u64::MAX] {
            assert!((1..FIRST_PASID).contains(&own_pasid(FileId(file))), "{file}");
        }
    }
}
