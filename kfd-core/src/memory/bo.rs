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

/// Where a BO's bytes are.
#[derive(Debug)]
pub(crate) enum Backing {
    /// A range of the arena.
    Arena {
        /// The device's arena.
        arena: Arc<Arena>,
        /// First byte.
        offset: u64,
        /// Bytes taken, whole pages.
        len: u64,
    },
    /// A range of the arena of whoever exported it, this process or another; its cost is the share's.
    Shared(Hold),
    /// Memory of the client.
    User(UserVa),
    /// Doorbells or registers.
    Device,
}

/// A buffer object.
#[derive(Debug)]
pub(crate) struct Bo {
    /// Where it is mapped on every device.
    pub(crate) va: GpuVa,
    /// Bytes as the client asked.
    pub(crate) size: u64,
    /// `ALLOC_MEM_FLAGS_*`.
    pub(crate) flags: u32,
    /// Its bytes.
    pub(crate) backing: Backing,
    /// Indices of the devices that have it mapped, each with the queues there that need it.
    pub(crate) mapped: BTreeMap<usize, Pins>,
    /// What the object costs its owner, given back by drop.
    pub(crate) _charge: Charge,
    /// What its bytes cost, where they are this BO's alone.
    pub(crate) bytes: Option<Charge>,
}

impl Bo {
    /// Its range of an arena: the arena, the first byte, bytes.
    pub(crate) fn range(&self) -> Option<(&Arc<Arena>, u64, u64)> {
        match &self.backing {
            Backing::Arena { arena, offset, len } => Some((arena, *offset, *len)),
            Backing::Shared(share) => Some((&share.range.arena, share.range.offset, share.range.len)),
            Backing::User(_) | Backing::Device => None,
        }
    }

    /// Gives its memory back while the process lives on, what others may hold too behind a grace period. The rest goes
    /// by drop.
    pub(crate) fn release(self, domain: &Domain) {
        match self.backing {
            Backing::Arena { arena, offset, len } => arena.give(offset, len),
            Backing::Shared(share) => domain.retire(Box::new(share.part())),
            Backing::User(_) | Backing::Device => {}
        }
    }
}

/// Where the accounts have its bytes: VRAM can be another's for a while (`eviction`).
impl Bo {
    /// Bytes of VRAM that are this BO's alone.
    pub(crate) fn vram(&self) -> Option<u64> {
        let charge = self.bytes.as_ref()?;
        matches!(charge.resource(), Resource::Vram(_)).then_some(charge.amount())
    }

    /// Bytes that are to be VRAM and have been moved to system memory.
    pub(crate) fn moved_out(&self) -> Option<u64> {
        let charge = self.bytes.as_ref().filter(|_| self.flags & ALLOC_MEM_FLAGS_VRAM != 0)?;
        (charge.resource() == Resource::Gtt).then_some(charge.amount())
    }

    /// Its bytes cost this from now on.
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
    /// Adds one; its index. `None` when all indices are taken.
    pub(crate) fn insert(&mut self, bo: Bo) -> Option<u32> {
        let index = self.indices.take()?;
        self.by_index.insert(index, bo);
        Some(index)
    }

    /// Adds one under an index that must be free. False when it is not.
    pub(crate) fn insert_at(&mut self, index: u32, bo: Bo) -> bool {
        let free = self.indices.take_exactly(index);
        if free {
            self.by_index.insert(index, bo);
        }
        free
    }

    /// All, with their indices.
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

    /// All.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bo> {
        self.by_index.values()
    }

    /// All, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Bo> {
        self.by_index.values_mut()
    }

    /// Takes it out.
    pub(crate) fn remove(&mut self, index: u32) -> Option<Bo> {
        let bo = self.by_index.remove(&index)?;
        self.indices.give(index);
        Some(bo)
    }
}

/// Puts a handle together.
pub(crate) fn handle(gpu: GpuId, index: u32) -> Handle {
    Handle(u64::from(gpu.0) << 32 | u64::from(index))
}

/// Takes a handle apart.
pub(crate) fn split(handle: Handle) -> (GpuId, u32) {
    (GpuId((handle.0 >> 32) as u32), handle.0 as u32)
}
