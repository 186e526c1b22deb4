//! Buffer objects of one process on one device, by handle.
//!
//! A handle is the device's `gpu_id` above and an index below (`MAKE_HANDLE`, amdkfd/kfd_chardev.c). The lowest free
//! index is taken, as amdkfd's idr does. Lives under the process mutex.

use crate::abi::kfd::ALLOC_MEM_FLAGS_VRAM;
use crate::account::{Charge, Resource};
use crate::idr::Idr;
use crate::ids::{GpuId, GpuVa, Handle, UserVa};
use crate::memory::arena::Arena;
use crate::memory::pins::Pins;
use crate::memory::share::Hold;
use crate::sync::Arc;
use notifier::srcu::Domain;
use std::collections::BTreeMap;

/// The place where a BO's bytes are.
#[derive(Debug)]
pub(crate) enum Backing {
    /// A range of the owner's arena that is this BO's alone.
    Arena {
        arena: Arc<Arena>,
        /// The range's first byte, as an offset into the arena.
        offset: u64,
        /// The range's bytes, whole pages.
        len: u64,
    },
    /// A range of the exporter's arena, this process's or another's; the share carries its cost.
    Shared(Hold),
    /// Client memory from this address on (USERPTR).
    User(UserVa),
    /// Doorbells or registers, which have no memory.
    Device,
}

/// A buffer object.
#[derive(Debug)]
pub(crate) struct Bo {
    /// The GPU address at which it is mapped on every device.
    pub(crate) va: GpuVa,
    /// The size in bytes that the client asked for.
    pub(crate) size: u64,
    /// The flags of the allocation, `ALLOC_MEM_FLAGS_*`.
    pub(crate) flags: u32,
    /// The place where its bytes are.
    pub(crate) backing: Backing,
    /// Indices of the devices that have it mapped, each with the queues there that need it.
    pub(crate) mapped: BTreeMap<usize, Pins>,
    /// The charge for the object itself, given back by drop.
    pub(crate) _charge: Charge,
    /// The charge for its bytes; `None` where they are shared or the client's.
    pub(crate) bytes: Option<Charge>,
}

impl Bo {
    /// The arena range behind it: the arena, the first byte's offset, bytes. `None` without arena memory.
    pub(crate) fn range(&self) -> Option<(&Arc<Arena>, u64, u64)> {
        match &self.backing {
            Backing::Arena { arena, offset, len } => Some((arena, *offset, *len)),
            Backing::Shared(share) => Some((&share.range.arena, share.range.offset, share.range.len)),
            Backing::User(_) | Backing::Device => None,
        }
    }

    /// Frees its arena memory while the process lives on: its own at once, a share's after a grace period, because
    /// engines may still be reading that. Charges are given back by drop.
    pub(crate) fn free(self, domain: &Domain) {
        match self.backing {
            Backing::Arena { arena, offset, len } => arena.give(offset, len),
            Backing::Shared(share) => domain.retire(Box::new(share.part())),
            Backing::User(_) | Backing::Device => {}
        }
    }
}

/// The resource that its bytes are charged as: VRAM, or GTT while an eviction has moved them out (`core::eviction`).
impl Bo {
    /// Bytes that are charged as VRAM and are this BO's alone.
    pub(crate) fn vram(&self) -> Option<u64> {
        let charge = self.bytes.as_ref()?;
        matches!(charge.resource(), Resource::Vram(_)).then_some(charge.amount())
    }

    /// Bytes that were asked for as VRAM and are charged as system memory since an eviction.
    pub(crate) fn moved_out(&self) -> Option<u64> {
        let charge = self.bytes.as_ref().filter(|_| self.flags & ALLOC_MEM_FLAGS_VRAM != 0)?;
        (charge.resource() == Resource::Gtt).then_some(charge.amount())
    }

    /// Replaces the charge for its bytes.
    pub(crate) fn moved(&mut self, cost: Charge) {
        self.bytes = Some(cost);
    }
}

/// The BOs of one process on one device.
#[derive(Debug)]
pub(crate) struct Bos {
    by_index: BTreeMap<u32, Bo>,
    indices: Idr,
}

impl Default for Bos {
    fn default() -> Self {
        Self { by_index: BTreeMap::new(), indices: Idr::new(0, i32::MAX as u32) }
    }
}

impl Bos {
    /// Adds a BO under the lowest free index and returns the index. `None` when all indices are taken.
    pub(crate) fn insert(&mut self, bo: Bo) -> Option<u32> {
        let index = self.indices.take()?;
        self.by_index.insert(index, bo);
        Some(index)
    }

    /// Adds a BO under `index`. False when that index is taken.
    pub(crate) fn insert_at(&mut self, index: u32, bo: Bo) -> bool {
        let free = self.indices.take_exactly(index);
        if free {
            self.by_index.insert(index, bo);
        }
        free
    }

    /// Every BO with its index.
    pub(crate) fn indexed(&self) -> impl Iterator<Item = (u32, &Bo)> {
        self.by_index.iter().map(|(index, bo)| (*index, bo))
    }

    /// The BO with this index.
    pub(crate) fn get(&self, index: u32) -> Option<&Bo> {
        self.by_index.get(&index)
    }

    /// The BO with this index, to be changed.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Bo> {
        self.by_index.get_mut(&index)
    }

    /// Every BO, in order of index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bo> {
        self.by_index.values()
    }

    /// Every BO, to be changed, in order of index.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Bo> {
        self.by_index.values_mut()
    }

    /// Takes the BO with this index out and frees the index.
    pub(crate) fn remove(&mut self, index: u32) -> Option<Bo> {
        let bo = self.by_index.remove(&index)?;
        self.indices.give(index);
        Some(bo)
    }
}

/// The handle of the BO with this index on the device `gpu`.
pub(crate) fn handle(gpu: GpuId, index: u32) -> Handle {
    Handle(u64::from(gpu.0) << 32 | u64::from(index))
}

/// The device and the index that a handle consists of.
pub(crate) fn split(handle: Handle) -> (GpuId, u32) {
    (GpuId((handle.0 >> 32) as u32), handle.0 as u32)
}
