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
//! Lock order: `Shares` is a leaf, inside the process mutex. Not for: which process may import, which its knowledge of
//! the key decides; what the range costs, which its arena keeps.

mod key;
mod sys;
mod token;

pub(crate) use key::ShareKey;

use crate::account::Charge;
use crate::arena::Arena;
use crate::call::{Errno, FileIdentity};
use crate::core::Core;
use crate::ids::{Bytes, GpuId, ProcessId, RenderMinor, Tgid, Uid};
use crate::render::Metadata;
use crate::sync::{Arc, Mutex, OnceLock};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Weak;
use token::Token;

/// How many dma-bufs a call looks at, and the end of a process.
pub(crate) const SWEPT_BY_CALL: usize = 4;
pub(crate) const SWEPT_BY_DEATH: usize = 64;

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
    /// What the exporter said of it, to be told to whoever imports it by key.
    told: OnceLock<u32>,
    /// What its maker wrote on it.
    written: Mutex<Metadata>,
    /// The file by which descriptors mean it.
    token: OnceLock<Token>,
    shares: Arc<Shares>,
}

impl Share {
    /// By what it is found.
    pub(crate) fn key(&self) -> ShareKey {
        self.key
    }

    /// The exporter says something of it. The first word stands.
    pub(crate) fn tell(&self, flags: u32) {
        // Said before: then that is what importers are told.
        let _ = self.told.set(flags);
    }

    /// Reads or changes what its maker wrote on it.
    pub(crate) fn written<T>(&self, change: impl FnOnce(&mut Metadata) -> T) -> T {
        change(&mut self.written.lock())
    }

    /// What the exporter said of it.
    pub(crate) fn told(&self) -> u32 {
        self.told.get().copied().unwrap_or(0)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.forget(self);
        self.range.arena.give_shared(self.range.offset);
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share({} bytes of {})", self.size, self.owner.process)
    }
}

/// Every share by its key and by its token. Those that descriptors may mean are held; what nobody holds is gone, and
/// nothing finds it.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<Index>);

#[derive(Debug, Default)]
struct Index {
    by_key: HashMap<ShareKey, Weak<Share>>,
    by_file: HashMap<FileIdentity, Weak<Share>>,
    /// Those of whose tokens a descriptor was given away and not yet found closed.
    held: VecDeque<Arc<Share>>,
}

impl FileIdentity {
    /// Which file a descriptor leads to, an `O_PATH` one too. Asks the kernel only: neither the file nor whoever serves it.
    ///
    /// # Errors
    /// The kernel's own refusal.
    pub fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        sys::identity(fd)
    }
}

/// What becomes a share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) owner: Owner,
    pub(crate) range: Range,
    pub(crate) size: u64,
    pub(crate) flags: u32,
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
        let Shared { owner, range, size, flags } = shared;
        let (told, token, shares) = (OnceLock::new(), OnceLock::new(), Arc::clone(self));
        let written = Mutex::default();
        let share = Arc::new(Share { key, owner, range, size, flags, told, written, token, shares });
        self.0.lock().by_key.insert(key, Arc::downgrade(&share));
        share
    }

    /// The share with this key, held.
    pub(crate) fn find(&self, key: ShareKey) -> Option<Arc<Share>> {
        self.0.lock().by_key.get(&key)?.upgrade()
    }

    /// The share that this file is the token of, held.
    pub(crate) fn behind(&self, file: &FileIdentity) -> Option<Arc<Share>> {
        self.0.lock().by_file.get(file)?.upgrade()
    }

    /// A descriptor of the token of a share, which is made now if it has none; `charge` pays for that.
    ///
    /// # Errors
    /// That of `charge`; the kernel's own refusal of a file.
    pub(crate) fn token(
        &self,
        share: &Arc<Share>,
        charge: impl FnOnce() -> Result<Charge, Errno>,
    ) -> Result<OwnedFd, Errno> {
        let refused = |error: io::Error| Errno(error.raw_os_error().unwrap_or(libc::EIO));
        // Under the lock, so that two first exports make one token.
        let mut index = self.0.lock();
        if share.token.get().is_none() {
            let charge = charge()?;
            let token = Token::new(share.size).map_err(refused)?;
            share.range.arena.charge_shared(share.range.offset, charge);
            index.by_file.insert(token.identity(), Arc::downgrade(share));
            let set = share.token.set(token);
            debug_assert!(set.is_ok(), "set under the lock only");
        }
        let token = share.token.get().ok_or(Errno::IO)?;
        let descriptor = token.descriptor().map_err(refused)?;
        if !index.held.iter().any(|held| Arc::ptr_eq(held, share)) {
            index.held.push_back(Arc::clone(share));
        }
        Ok(descriptor)
    }

    /// Looks at `most` of what descriptors hold, those first that were looked at longest ago, and takes out what none
    /// that is open means any more.
    fn closed(&self, most: usize) -> Vec<Arc<Share>> {
        let mut index = self.0.lock();
        let mut gone = Vec::new();
        for _ in 0..most.min(index.held.len()) {
            let Some(share) = index.held.pop_front() else { break };
            if share.token.get().is_some_and(Token::is_open) {
                index.held.push_back(share);
            } else {
                gone.push(share);
            }
        }
        gone
    }

    fn all_held(&self) -> Vec<Arc<Share>> {
        self.0.lock().held.drain(..).collect()
    }

    fn is_held(&self, share: &Arc<Share>) -> bool {
        self.0.lock().held.iter().any(|held| Arc::ptr_eq(held, share))
    }

    fn forget(&self, share: &Share) {
        let mut index = self.0.lock();
        index.by_key.remove(&share.key);
        if let Some(token) = share.token.get() {
            index.by_file.remove(&token.identity());
        }
    }

    fn all(&self) -> Vec<Arc<Share>> {
        // Upgraded under the lock, dropped outside: a drop takes it.
        let found: Vec<_> = self.0.lock().by_key.values().filter_map(Weak::upgrade).collect();
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
    /// Buffer objects that hold it, the owner's own among them; 0 when a descriptor alone does.
    pub holders: u64,
    /// Its owner has been freed: importers alone hold it.
    pub orphaned: bool,
}

impl Core {
    /// Looks whether anybody still has a descriptor of some dma-bufs, at most of `most` of them: each look is a system call.
    /// A descriptor's end tells nobody, so everybody looks at a few who wants memory or gives some back, and whoever lists
    /// looks at all.
    pub(crate) fn sweep_descriptors(&self, most: usize) {
        self.let_go(self.vitals.shares.closed(most));
    }

    /// Lets everything go that descriptors alone hold: the core ends before they do.
    pub(crate) fn end_descriptors(&self) {
        self.let_go(self.vitals.shares.all_held());
    }

    fn let_go(&self, gone: Vec<Arc<Share>>) {
        if !gone.is_empty() {
            self.domain().retire(Box::new(gone));
        }
    }

    /// Every range that a process has exported and somebody still holds, by owner.
    #[must_use]
    pub fn shares(&self) -> Vec<ShareRow> {
        self.sweep_descriptors(usize::MAX);
        let row = |share: &Arc<Share>| ShareRow {
            tgid: share.owner.tgid,
            uid: share.owner.uid,
            process: share.owner.process,
            minor: share.owner.minor,
            bytes: Bytes(share.range.len),
            // Without this listing's own, and that of a descriptor.
            holders: (Arc::strong_count(share) as u64)
                .saturating_sub(1 + u64::from(self.vitals.shares.is_held(share))),
            orphaned: share.range.arena.is_orphaned(share.range.offset),
        };
        let shares = self.vitals.shares.all();
        let mut rows: Vec<_> = shares.iter().map(row).collect();
        rows.sort_by_key(|row| (row.process, row.minor, row.bytes));
        rows
    }
}
