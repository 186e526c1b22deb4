//! What a process has on one device.
//!
//! The address map and the arena are read by engines without the process mutex; the rest lies under it, in [`Binding`].
//!
//! The arena is the process's, one for all its devices: libdrm takes two render nodes that are regular files for one
//! device (`drmGetPrimaryDeviceNameFromFd` knows character devices only) and keeps the first one's file, so libhsakmt
//! from ROCm 5.7 on maps every device's memory through that. A range lies at the same offset of all render nodes.

use crate::memory::address::AddressMap;
use crate::memory::arena::Arena;
use crate::memory::bo::Bos;
use crate::sync::{Arc, AtomicU64, Mutex};
use std::io;

/// The arena of a process, made when it is first asked for. Lock order: inside the process mutex; nothing is called
/// with it held.
#[derive(Debug, Default)]
pub(crate) struct ArenaSlot(Mutex<Option<Arc<Arena>>>);

impl ArenaSlot {
    /// The arena; made now with `bytes` bytes if there was none.
    pub(crate) fn get(&self, bytes: u64, count: &Arc<AtomicU64>) -> io::Result<Arc<Arena>> {
        let mut slot = self.0.lock();
        if let Some(arena) = &*slot {
            return Ok(Arc::clone(arena));
        }
        let arena = Arc::new(Arena::new(bytes, Arc::clone(count))?);
        *slot = Some(Arc::clone(&arena));
        Ok(arena)
    }

    /// Moves the arena's charges out of the purse of a process that is being freed. Returns the arena if others hold a
    /// part of it.
    pub(crate) fn orphan(&self) -> Option<Arc<Arena>> {
        let arena = self.0.lock().as_ref().map(Arc::clone)?;
        arena.orphan().then_some(arena)
    }

    /// Whether this is the arena.
    pub(crate) fn is(&self, arena: &Arc<Arena>) -> bool {
        self.0.lock().as_ref().is_some_and(|own| Arc::ptr_eq(own, arena))
    }

    /// Whether the arena was made.
    pub(crate) fn is_there(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Takes the arena out for the free of its process; it is dropped with its last holder.
    pub(crate) fn take(&self) -> Option<Arc<Arena>> {
        self.0.lock().take()
    }

    /// The bytes of memory that the arena has now.
    pub(crate) fn resident(&self) -> u64 {
        self.0.lock().as_ref().map_or(0, |arena| arena.resident())
    }

    /// The bytes of shared ranges that are in their grace period: they cost nothing any more and are still resident.
    pub(crate) fn parting(&self) -> u64 {
        self.0.lock().as_ref().map_or(0, |arena| arena.parting())
    }
}

/// The part of a process's state on one device that engines read.
#[derive(Debug, Default)]
pub(crate) struct Pdd {
    /// The address map. A render file whose address space it has become (`process::render`) changes it too.
    pub(crate) map: Arc<AddressMap>,
}

/// The part of a process's state on one device that ioctls change, under the process mutex.
#[derive(Debug, Default)]
pub(crate) struct Binding {
    /// Whether ACQUIRE_VM was called, which everything else about the device needs.
    pub(crate) vm: bool,
    /// The process's buffer objects on the device.
    pub(crate) bos: Bos,
    /// The nanoseconds that destroyed copy queues ran (`sdma_past_activity_counter`, amdkfd/kfd_priv.h).
    pub(crate) copied: u64,
    /// The address set by SET_SCRATCH_BACKING_VA.
    pub(crate) scratch: u64,
    /// The addresses set by SET_TRAP_HANDLER: code and data.
    pub(crate) trap_handler: (u64, u64),
    /// The policies set by SET_MEMORY_POLICY: default and alternate.
    pub(crate) policy: (u32, u32),
}
