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

/// A process's arena, made when it is first asked for. Lock order: inside the process mutex; nothing is called with it
/// held.
#[derive(Debug, Default)]
pub(crate) struct ArenaSlot(Mutex<Option<Arc<Arena>>>);

impl ArenaSlot {
    /// The arena, made now if there was none, of so many bytes.
    pub(crate) fn get(&self, bytes: u64, count: &Arc<AtomicU64>) -> io::Result<Arc<Arena>> {
        let mut slot = self.0.lock();
        if let Some(arena) = &*slot {
            return Ok(Arc::clone(arena));
        }
        let arena = Arc::new(Arena::new(bytes, Arc::clone(count))?);
        *slot = Some(Arc::clone(&arena));
        Ok(arena)
    }

    /// The process is being freed: the arena, if others hold a part of it. Its cost has left the purse.
    pub(crate) fn orphan(&self) -> Option<Arc<Arena>> {
        let arena = self.0.lock().as_ref().map(Arc::clone)?;
        arena.orphan().then_some(arena)
    }

    /// Whether it was made.
    pub(crate) fn is_there(&self) -> bool {
        self.0.lock().is_some()
    }

    /// The process is being freed: the arena, which goes with its last holder.
    pub(crate) fn take(&self) -> Option<Arc<Arena>> {
        self.0.lock().take()
    }

    /// Bytes of memory behind the arena.
    pub(crate) fn resident(&self) -> u64 {
        self.0.lock().as_ref().map_or(0, |arena| arena.resident())
    }

    /// Bytes of it that cost nothing any more and are there still.
    pub(crate) fn parting(&self) -> u64 {
        self.0.lock().as_ref().map_or(0, |arena| arena.parting())
    }
}

/// The part that engines read.
#[derive(Debug, Default)]
pub(crate) struct Pdd {
    /// What GPU addresses mean. The file whose address space it is (`render`) changes it too.
    pub(crate) map: Arc<AddressMap>,
}

/// The part that ioctls change, under the process mutex.
#[derive(Debug, Default)]
pub(crate) struct Binding {
    /// ACQUIRE_VM was called: everything else about the device needs it.
    pub(crate) vm: bool,
    /// Its buffer objects.
    pub(crate) bos: Bos,
    /// Nanoseconds in which copy queues ran that are no more (`sdma_past_activity_counter`, amdkfd/kfd_priv.h).
    pub(crate) copied: u64,
    /// SET_SCRATCH_BACKING_VA.
    pub(crate) scratch: u64,
    /// SET_TRAP_HANDLER: code and data.
    pub(crate) trap_handler: (u64, u64),
    /// SET_MEMORY_POLICY: default, alternate.
    pub(crate) policy: (u32, u32),
}
