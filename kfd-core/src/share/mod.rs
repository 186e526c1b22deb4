//! Memory of one process that others have imported: a range of its owner's arena with a count of those who hold it.
//!
//! ```text
//! private BO ── EXPORT ──► shared (owner's BO + importers' BOs) ── the owner's BO or process goes ──► importers only
//!                              └───────────────── the last holder goes, a grace period ──────────────────┴──► given back
//! ```
//! The bytes never move: an importer's addresses lead into the owner's arena. They are charged to the owner for as long
//! as it lives, whether it still has the buffer object or not; afterwards to the owner's user, in a purse of the share's
//! own, and listed under the owner's name. An importer is charged for a buffer object.
//!
//! A share that a living process lets go is dropped behind a grace period: an engine's turn that found an address
//! before the unmapping may still be at it, and the range must not be its owner's again until that turn is over.
//!
//! Lock order: [`Shares`] is a leaf, inside the process mutex. Not for: which process may import, which its knowledge of
//! the key decides; what the range costs, which its arena keeps.

mod key;
mod sys;

pub(crate) use key::ShareKey;

use crate::arena::Arena;
use crate::core::Core;
use crate::ids::{Bytes, GpuId, ProcessId, RenderMinor, Tgid, Uid};
use crate::sync::{Arc, Mutex};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::sync::Weak;

/// Whose memory it is, and of which device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) process: ProcessId,
    pub(crate) tgid: Tgid,
    pub(crate) uid: Uid,
    pub(crate) gpu: GpuId,
    pub(crate) minor: RenderMinor,
}

/// A range of whole pages of an arena.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub(crate) arena: Arc<Arena>,
    /// First byte.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) len: u64,
}

/// See the module's head.
pub(crate) struct Share {
    key: ShareKey,
    pub(crate) owner: Owner,
    pub(crate) range: Range,
    /// Bytes as the owner asked.
    pub(crate) size: u64,
    /// `ALLOC_MEM_FLAGS_*` of the owner's BO.
    pub(crate) flags: u32,
    /// What the exporter said of it, to be told to whoever imports it.
    pub(crate) told: u32,
    shares: Arc<Shares>,
}

impl Share {
    /// By what it is found.
    pub(crate) fn key(&self) -> ShareKey {
        self.key
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.forget(self.key);
        self.range.arena.give_shared(self.range.offset);
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share({} bytes of {})", self.size, self.owner.process)
    }
}

/// Every share by its key. It holds none: what nobody holds is gone, and its key finds nothing.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<HashMap<ShareKey, Weak<Share>>>);

/// What becomes a share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) owner: Owner,
    pub(crate) range: Range,
    pub(crate) size: u64,
    pub(crate) flags: u32,
    pub(crate) told: u32,
}

impl Shares {
    /// A key that no share has.
    ///
    /// # Errors
    /// The kernel gives no random bytes.
    pub(crate) fn fresh_key() -> io::Result<ShareKey> {
        ShareKey::random()
    }

    /// Makes a share of a range that its arena knows to be shared, and lets `key` find it.
    pub(crate) fn add(self: &Arc<Self>, key: ShareKey, shared: Shared) -> Arc<Share> {
        let Shared { owner, range, size, flags, told } = shared;
        let share = Arc::new(Share { key, owner, range, size, flags, told, shares: Arc::clone(self) });
        self.0.lock().insert(key, Arc::downgrade(&share));
        share
    }

    /// The share with this key, held.
    pub(crate) fn find(&self, key: ShareKey) -> Option<Arc<Share>> {
        self.0.lock().get(&key)?.upgrade()
    }

    fn forget(&self, key: ShareKey) {
        self.0.lock().remove(&key);
    }

    fn all(&self) -> Vec<Arc<Share>> {
        // Upgraded under the lock, dropped outside: a drop takes it.
        let found: Vec<_> = self.0.lock().values().filter_map(Weak::upgrade).collect();
        found
    }
}

/// One shared range, for a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRow {
    /// Whose memory it is or was.
    pub tgid: Tgid,
    /// Who pays for it.
    pub uid: Uid,
    /// Whose memory it is or was.
    pub process: ProcessId,
    /// The render node of its device.
    pub minor: RenderMinor,
    /// Bytes, whole pages.
    pub bytes: Bytes,
    /// Buffer objects that hold it, the owner's own among them.
    pub holders: u64,
    /// Its owner has been freed: importers alone hold it.
    pub orphaned: bool,
}

impl Core {
    /// Every range that a process has exported and somebody still holds, by owner.
    #[must_use]
    pub fn shares(&self) -> Vec<ShareRow> {
        let row = |share: &Arc<Share>| ShareRow {
            tgid: share.owner.tgid,
            uid: share.owner.uid,
            process: share.owner.process,
            minor: share.owner.minor,
            bytes: Bytes(share.range.len),
            // Without this listing's own.
            holders: (Arc::strong_count(share) as u64).saturating_sub(1),
            orphaned: share.range.arena.is_orphaned(share.range.offset),
        };
        let shares = self.vitals.shares.all();
        let mut rows: Vec<_> = shares.iter().map(row).collect();
        rows.sort_by_key(|row| (row.process, row.minor, row.bytes));
        rows
    }
}
