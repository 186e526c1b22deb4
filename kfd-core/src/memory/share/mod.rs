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

/// At which dma-bufs somebody looks whether a descriptor of them is open still: each look is a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// At so many, those first that were looked at longest ago.
    Some(usize),
    /// At those that nothing but descriptors holds: the only ones whose memory a look can free.
    Alone,
    /// At all.
    All,
}

impl Look {
    /// What a call that makes something looks at.
    pub(crate) const BY_CALL: Self = Self::Some(4);
    /// What the end of a process looks at.
    pub(crate) const BY_DEATH: Self = Self::Some(64);
}

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
    /// The file by which descriptors mean it, while there may be any. Set and taken under the index.
    token: Mutex<Option<Token>>,
    /// Who holds it: [`Hold`]s.
    pub(crate) holds: AtomicU64,
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
    held: VecDeque<Hold>,
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
    pub(crate) fn add(self: &Arc<Self>, key: ShareKey, shared: Shared) -> Hold {
        let Shared { owner, range, size, flags } = shared;
        let (told, token, shares) = (OnceLock::new(), Mutex::default(), Arc::clone(self));
        let (written, holds) = (Mutex::default(), AtomicU64::new(0));
        let share = Arc::new(Share { key, owner, range, size, flags, told, written, token, holds, shares });
        let hold = Hold::of(&share);
        self.0.lock().by_key.insert(key, Arc::downgrade(&share));
        hold
    }

    /// The share with this key, held.
    pub(crate) fn find(&self, key: ShareKey) -> Option<Hold> {
        let index = self.0.lock();
        index.by_key.get(&key)?.upgrade().map(|share| Hold::of(&share))
    }

    /// The share that this file is the token of, held.
    pub(crate) fn behind(&self, file: &FileIdentity) -> Option<Hold> {
        let index = self.0.lock();
        index.by_file.get(file)?.upgrade().map(|share| Hold::of(&share))
    }

    /// A descriptor of the token of a share. `charge` pays for the token where there is none yet; `None` when there is
    /// neither.
    ///
    /// # Errors
    /// The kernel's own refusal of a file.
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
        // Also where there is none: the next look takes the token back.
        if !index.held.iter().any(|held| held.is(share)) {
            index.held.push_back(share.clone());
        }
        descriptor.map(Some)
    }

    /// Whether a share has a token.
    pub(crate) fn has_token(share: &Share) -> bool {
        share.token.lock().is_some()
    }

    /// Looks at what descriptors hold, and takes out what none that is open means any more, and its token with it.
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

    /// Everything that descriptors hold, taken out.
    pub(crate) fn all_held(&self) -> Vec<Hold> {
        self.0.lock().held.drain(..).collect()
    }

    /// Whether a descriptor holds it.
    pub(crate) fn is_held(&self, share: &Arc<Share>) -> bool {
        self.0.lock().held.iter().any(|held| Arc::ptr_eq(held.share(), share))
    }

    /// One holds it less. With the last nothing finds it any more: says whether it was that.
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

    /// Every share.
    pub(crate) fn all(&self) -> Vec<Arc<Share>> {
        // Upgraded under the lock, dropped outside: their arenas have locks of their own.
        let found: Vec<_> = self.0.lock().by_key.values().filter_map(Weak::upgrade).collect();
        found
    }
}
