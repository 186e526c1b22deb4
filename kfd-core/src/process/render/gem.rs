//! A GEM buffer: a range of the arena, and where its bytes are charged.
//!
//! All memory is the host's, so what moves between VRAM and system memory is the charge. A buffer of VRAM may be moved out
//! when somebody else needs the room, and is moved back by a submission that finds some (`amdgpu_cs_bo_validate`).
//!
//! One that is passed as a dma-buf is a share from then on ([`crate::memory::share`]), and one that was made of a dma-buf is from
//! the first: the share has its cost and what is written on it, and it is moved no more.

use crate::abi::drm as abi;
use crate::account::{Charge, Resource};
use crate::memory::arena::Arena;
use crate::memory::share::{Hold, Metadata};
use crate::sync::{Arc, Mutex, OnceLock};

/// The part of a buffer that changes, under the buffer's lock.
#[derive(Debug)]
pub(crate) struct Changing {
    /// The charge for its bytes, as VRAM or GTT; `None` where a share has it.
    pub(crate) bytes: Option<Charge>,
    /// The domains that it was made for, `GEM_DOMAIN_*`.
    pub(crate) preferred: u64,
    /// The metadata, while the buffer is no share.
    metadata: Metadata,
}

/// A GEM buffer. Its handle and the lists that name it hold it.
#[derive(Debug)]
pub(crate) struct Gem {
    arena: Arc<Arena>,
    offset: u64,
    /// The buffer's bytes, whole pages.
    pub(crate) len: u64,
    /// The alignment that the client asked for, bytes.
    pub(crate) alignment: u64,
    /// The flags of its making, `GEM_CREATE_*`.
    pub(crate) flags: u64,
    changing: Mutex<Changing>,
    share: OnceLock<Hold>,
    _charge: Charge,
}

impl Gem {
    /// A buffer over a range that was taken from the arena.
    pub(crate) fn new(
        (arena, offset, len): (Arc<Arena>, u64, u64),
        (alignment, flags): (u64, u64),
        changing: Changing,
        charge: Charge,
    ) -> Self {
        let (changing, share) = (Mutex::new(changing), OnceLock::new());
        Self { arena, offset, len, alignment, flags, changing, share, _charge: charge }
    }

    /// A buffer over memory that somebody else has exported and is charged for.
    pub(crate) fn imported(share: Hold, preferred: u64, charge: Charge) -> Self {
        let (arena, offset, len) = (Arc::clone(&share.range.arena), share.range.offset, share.range.len);
        let changing = Changing { bytes: None, preferred, metadata: Metadata::default() };
        let (changing, share) = (Mutex::new(changing), OnceLock::from(share));
        Self { arena, offset, len, alignment: 0, flags: 0, changing, share, _charge: charge }
    }

    /// The hold on the share that the buffer is, if it is one.
    pub(crate) fn shared(&self) -> Option<&Hold> {
        self.share.get()
    }

    /// A hold on the share that the buffer is; `make` makes the share, of the buffer's charge, if it is none yet.
    pub(crate) fn share(&self, make: impl FnOnce(Option<Charge>) -> Hold) -> Hold {
        self.change(|changing| {
            let made = self.share.get_or_init(|| {
                let share = make(changing.bytes.take());
                share.written(|written| *written = std::mem::take(&mut changing.metadata));
                share
            });
            made.clone()
        })
    }

    /// Reads or changes the buffer's metadata.
    pub(crate) fn written<T>(&self, change: impl FnOnce(&mut Metadata) -> T) -> T {
        self.change(|changing| match self.share.get() {
            Some(share) => share.written(change),
            None => change(&mut changing.metadata),
        })
    }

    /// The changing part of a new buffer whose bytes cost `bytes`.
    pub(crate) fn placed(bytes: Charge, preferred: u64) -> Changing {
        Changing { bytes: Some(bytes), preferred, metadata: Metadata::default() }
    }

    /// The arena that the buffer's range is in.
    pub(crate) fn arena(&self) -> &Arc<Arena> {
        &self.arena
    }

    /// The offset of its first byte in the arena and so in a mapping of the node.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the host may map the buffer.
    pub(crate) fn is_mappable(&self) -> bool {
        self.flags & abi::GEM_CREATE_NO_CPU_ACCESS == 0
    }

    /// Reads or changes the changing part, under the buffer's lock.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Changing) -> T) -> T {
        change(&mut self.changing.lock())
    }

    /// Moves its charge out of VRAM, if it is there and `charge` finds room in system memory. True when it did.
    pub(crate) fn move_out(&self, charge: impl FnOnce(u64) -> Option<Charge>) -> bool {
        self.change(|changing| {
            let moved = changing.is_in_vram().then(|| charge(self.len)).flatten();
            moved.map(|bytes| changing.bytes = Some(bytes)).is_some()
        })
    }

    /// Moves its charge back to VRAM, if the client asked for VRAM and `charge` finds room.
    pub(crate) fn move_in(&self, charge: impl FnOnce(u64) -> Option<Charge>) {
        self.change(|changing| {
            if changing.bytes.is_some()
                && !changing.is_in_vram()
                && changing.preferred & abi::GEM_DOMAIN_VRAM != 0
                && let Some(bytes) = charge(self.len)
            {
                changing.bytes = Some(bytes);
            }
        });
    }
}

impl Changing {
    pub(crate) fn is_in_vram(&self) -> bool {
        self.bytes.as_ref().is_some_and(|bytes| matches!(bytes.resource(), Resource::Vram(_)))
    }
}

impl Drop for Gem {
    fn drop(&mut self) {
        // A share gives the range back itself, with its last hold.
        if self.share.get().is_none() {
            self.arena.give(self.offset, self.len);
        }
    }
}
