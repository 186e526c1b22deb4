//! Memory of one process that others have imported: a range of its owner's arena with a count of those who hold it.
//!
//! ```text
//! private BO ── EXPORT ──► shared (owner's BO + importers' BOs) ── the owner's BO or process goes ──► importers only
//!                              └── the last holder goes: its cost is returned ── a grace period ──► its range is given back
//! ```
//! The bytes never move: an importer's addresses lead into the owner's arena. They are charged to the owner for as long
//! as it lives, whether it still has the buffer object or not; afterwards to the owner's user, in a purse of the share's
//! own, and listed under the owner's name. An importer is charged for a buffer object.
//!
//! The range of a share that a living process lets go is given back behind a grace period: an engine's turn that found an
//! address before the unmapping may still be at it, and the range must not be its owner's again until that turn is over.
//!
//! A descriptor's end tells nobody. So whoever tells how much memory there is, or finds too little of it, looks first at
//! those that descriptors alone hold; whoever allocates or exports looks at a few, and a listing at all.
//!
//! Lock order: `Shares` is a leaf, inside the process mutex. Not for: which process may import, which its knowledge of
//! the key decides; what the range costs, which its arena keeps.

mod hold;
mod key;
mod metadata;
mod sys;
mod token;

pub(crate) use hold::Hold;
pub(crate) use key::ShareKey;
pub(crate) use metadata::Metadata;

use crate::account::Charge;
use crate::call::{Errno, FileIdentity};
use crate::ids::{GpuId, ProcessId, RenderMinor, Tgid, Uid};
use crate::memory::arena::Arena;
use crate::sync::{Arc, AtomicU64, Mutex, OnceLock, Ordering};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Weak;
use token::Token;

/// The dma-bufs to check for open descriptors: each check is a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// This number of dma-bufs, least recently checked first.
    Some(usize),
    /// The dma-bufs that only descriptors hold: no other check can free memory.
    Alone,
    /// Every dma-buf that a descriptor may lead to.
    All,
}

impl Look {
    /// The dma-bufs that an allocating or exporting call checks.
    pub(crate) const BY_CALL: Self = Self::Some(4);
    /// The dma-bufs that the end of a process checks.
    pub(crate) const BY_DEATH: Self = Self::Some(64);
}

/// The process that exported the memory, and the device the memory belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) process: ProcessId,
    pub(crate) tgid: Tgid,
    pub(crate) uid: Uid,
    pub(crate) gpu: GpuId,
    pub(crate) minor: RenderMinor,
}

/// A range of an arena, whole pages.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub(crate) arena: Arc<Arena>,
    /// The range's first byte, as an offset into the arena.
    pub(crate) offset: u64,
    /// The range's length in bytes.
    pub(crate) len: u64,
}

/// A shared range and who exported it.
pub(crate) struct Share {
    key: ShareKey,
    pub(crate) owner: Owner,
    pub(crate) range: Range,
    /// The size in bytes that the owner asked for.
    pub(crate) size: u64,
    /// `ALLOC_MEM_FLAGS_*` of the owner's BO.
    pub(crate) flags: u32,
    /// The flags word of IPC_EXPORT_HANDLE, answered to whoever imports by key.
    told: OnceLock<u32>,
    /// The metadata that the buffer's maker set (GEM_METADATA).
    written: Mutex<Metadata>,
    /// The token file that its dma-buf descriptors lead to, while any may be open. Changed only with the index locked.
    token: Mutex<Option<Token>>,
    /// The number of [`Hold`]s.
    pub(crate) holds: AtomicU64,
    shares: Arc<Shares>,
}

impl Share {
    /// The key that importers find the share by.
    pub(crate) fn key(&self) -> ShareKey {
        self.key
    }

    /// Sets the flags word that importers are answered; only the first export of a share sets it.
    pub(crate) fn tell(&self, flags: u32) {
        // A later export: importers keep being answered the flags of the first.
        let _ = self.told.set(flags);
    }

    /// Reads or changes the metadata.
    pub(crate) fn written<T>(&self, change: impl FnOnce(&mut Metadata) -> T) -> T {
        change(&mut self.written.lock())
    }

    /// The flags word of the first export by key; 0 without one.
    pub(crate) fn told(&self) -> u32 {
        self.told.get().copied().unwrap_or(0)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.range.arena.give_shared(self.range.offset);
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share({} bytes of {})", self.size, self.owner.process)
    }
}

/// Every share, by key and by token file. A share that descriptors may lead to is held here; one that nobody holds is
/// not found any more.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<Index>);

#[derive(Debug, Default)]
struct Index {
    by_key: HashMap<ShareKey, Weak<Share>>,
    by_file: HashMap<FileIdentity, Weak<Share>>,
    /// A hold for each share of which a descriptor was given away and not yet found closed.
    held: VecDeque<Hold>,
}

impl FileIdentity {
    /// The file that a descriptor leads to; an `O_PATH` descriptor's too. Only the kernel is asked, not whoever serves
    /// the file.
    ///
    /// # Errors
    /// The errno of statx(2).
    pub fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        sys::identity(fd)
    }
}

/// The parts of a share to be made.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) owner: Owner,
    pub(crate) range: Range,
    pub(crate) size: u64,
    pub(crate) flags: u32,
}

impl Shares {
    /// A random key, which no share has.
    ///
    /// # Errors
    /// The kernel gives no random bytes.
    pub(crate) fn fresh_key() -> io::Result<ShareKey> {
        ShareKey::random()
    }

    /// Makes a share of a range that its arena has marked as shared; `key` finds it from now on.
    pub(crate) fn add(self: &Arc<Self>, key: ShareKey, shared: Shared) -> Hold {
        let Shared { owner, range, size, flags } = shared;
        let (told, token, shares) = (OnceLock::new(), Mutex::default(), Arc::clone(self));
        let (written, holds) = (Mutex::default(), AtomicU64::new(0));
        let share = Arc::new(Share { key, owner, range, size, flags, told, written, token, holds, shares });
        let hold = Hold::of(&share);
        self.0.lock().by_key.insert(key, Arc::downgrade(&share));
        hold
    }

    /// Finds the share with this key and holds it.
    pub(crate) fn find(&self, key: ShareKey) -> Option<Hold> {
        let index = self.0.lock();
        index.by_key.get(&key)?.upgrade().map(|share| Hold::of(&share))
    }

    /// Finds the share whose token is this file and holds it.
    pub(crate) fn behind(&self, file: &FileIdentity) -> Option<Hold> {
        let index = self.0.lock();
        index.by_file.get(file)?.upgrade().map(|share| Hold::of(&share))
    }

    /// A descriptor of a share's token file. `charge` pays for a token where there is none yet; `None` when there is
    /// neither token nor charge.
    ///
    /// # Errors
    /// The errno of memfd_create(2) or of opening the file.
    pub(crate) fn token(&self, share: &Hold, charge: Option<Charge>) -> Result<Option<OwnedFd>, Errno> {
        let refused = |error: io::Error| Errno(error.raw_os_error().unwrap_or(libc::EIO));
        // Under the lock, so that two first exports make one token.
        let mut index = self.0.lock();
        let mut token = share.token.lock();
        if token.is_none() {
            let Some(charge) = charge else { return Ok(None) };
            let made = Token::new(share.size).map_err(refused)?;
            share.range.arena.charge_token(share.range.offset, charge);
            index.by_file.insert(made.identity(), Arc::downgrade(share.share()));
            *token = Some(made);
        }
        let descriptor = token.as_ref().ok_or(Errno::IO)?.descriptor().map_err(refused);
        drop(token);
        // A refused descriptor is held too: the next check finds no open descriptor and takes the token back.
        if !index.held.iter().any(|held| held.is(share)) {
            index.held.push_back(share.clone());
        }
        descriptor.map(Some)
    }

    /// Whether a share has a token.
    pub(crate) fn has_token(share: &Share) -> bool {
        share.token.lock().is_some()
    }

    /// Checks the dma-bufs that `look` says. Those with no open descriptor lose their token; the holds that stood for
    /// their descriptors are returned.
    pub(crate) fn closed(&self, look: Look) -> Vec<Hold> {
        let mut index = self.0.lock();
        let Index { held, by_file, .. } = &mut *index;
        let most = if let Look::Some(most) = look { most.min(held.len()) } else { held.len() };
        let mut gone = Vec::new();
        for _ in 0..most {
            let Some(hold) = held.pop_front() else { break };
            let alone = hold.holds.load(Ordering::Acquire) == 1;
            let mut token = hold.token.lock();
            if look == Look::Alone && !alone || token.as_ref().is_some_and(Token::is_open) {
                drop(token);
                held.push_back(hold);
                continue;
            }
            if let Some(token) = token.take() {
                by_file.remove(&token.identity());
                hold.range.arena.uncharge_token(hold.range.offset);
            }
            drop(token);
            gone.push(hold);
        }
        gone
    }

    /// Takes out and returns the holds of all descriptors.
    pub(crate) fn all_held(&self) -> Vec<Hold> {
        self.0.lock().held.drain(..).collect()
    }

    /// Whether a descriptor may hold the share.
    pub(crate) fn is_held(&self, share: &Arc<Share>) -> bool {
        self.0.lock().held.iter().any(|held| Arc::ptr_eq(held.share(), share))
    }

    /// Ends one hold. True for the last: the share is not found any more.
    fn let_go(&self, share: &Share) -> bool {
        let mut index = self.0.lock();
        let last = share.holds.fetch_sub(1, Ordering::AcqRel) == 1;
        if last {
            index.by_key.remove(&share.key);
            if let Some(token) = &*share.token.lock() {
                index.by_file.remove(&token.identity());
            }
        }
        last
    }

    /// Every share that somebody holds.
    pub(crate) fn all(&self) -> Vec<Arc<Share>> {
        // Upgraded under the lock, dropped outside: their arenas have locks of their own.
        let found: Vec<_> = self.0.lock().by_key.values().filter_map(Weak::upgrade).collect();
        found
    }
}
