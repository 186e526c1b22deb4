//! What a worker that runs waves is given of its process, and what the addresses of its waves mean.
//!
//! The core's address maps are the truth. A worker asks ([`Core::wave_span`](crate::Core::wave_span)) and remembers, until
//! its device's epoch moves. It has the process's own arena; all other memory it reaches through the core
//! ([`Core::wave_reach`](crate::Core::wave_reach)).
//!
//! Not for: dispatches themselves (`dispatch`), and how a worker is made and spoken to (a door).

use crate::access::UserAccess;
use crate::account::Charge;
use crate::ids::{ProcessId, Uid, UserVa};
pub use crate::memory::epochs::{BYTES as EPOCH_BYTES, STRIDE as EPOCH_STRIDE};
use crate::process::Process;
pub use hsa_queue::AtomicKind;
pub use hsa_queue::memory::Width;
use notifier::Ref;
use std::os::fd::OwnedFd;

/// What a worker is made with.
#[derive(Debug)]
pub struct WaveClient {
    /// The process's arena.
    pub arena: OwnedFd,
    /// The page of its epochs, to be mapped for reading.
    pub epochs: OwnedFd,
    /// Held until the worker is gone.
    pub hold: WaveHold,
}

/// Keeps a process object: it is freed after its worker is gone, so that no byte is called free that is still mapped.
#[derive(Debug)]
pub struct WaveHold {
    /// For the worker; given back before the process is let go.
    pub(crate) _charge: Charge,
    pub(crate) process: Ref<Process>,
}

impl WaveHold {
    /// The process.
    #[must_use]
    pub fn process(&self) -> ProcessId {
        self.process.id()
    }

    /// The user of the process.
    #[must_use]
    pub fn uid(&self) -> Uid {
        self.process.uid()
    }
}

/// Where an interval of addresses leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The process's own arena, from this offset on.
    Own(u64),
    /// Memory that only the core reaches.
    Far,
    /// Doorbells: a store rings one, a load is a fault.
    Rings,
    /// Registers: a store has no effect, a load is a fault.
    Sink,
}

/// What the addresses from `start` on mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct WaveSpan {
    pub start: u64,
    pub len: u64,
    pub writable: bool,
    /// Instructions may be fetched from it.
    pub executable: bool,
    pub place: Place,
}

impl WaveSpan {
    /// Whether the address is one of its.
    #[inline]
    #[must_use]
    pub fn holds(&self, va: u64) -> bool {
        va.wrapping_sub(self.start) < self.len
    }

    /// Bytes from an address of it to its end.
    #[inline]
    #[must_use]
    pub fn left(&self, va: u64) -> u64 {
        self.len - (va - self.start)
    }
}

/// An access to memory that only the core reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum WaveAccess<'a> {
    /// So many bytes.
    Load(usize),
    Store(&'a [u8]),
    Atomic {
        kind: AtomicKind,
        width: Width,
        operand: u64,
        comparand: u64,
    },
}

/// What came of such an access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// The bytes that were asked for, the old word of an atomic, nothing for a store.
    Done(Vec<u8>),
    /// It lies in the client's own memory, which a memory worker reaches by this.
    Client(ClientAccess),
    /// There is no such memory, or not for this access.
    Fault,
}

/// An access to the client's own memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAccess {
    /// In this order. The answer is what the worker answers to the last of them, if it could make all.
    Each(Vec<UserAccess>),
    /// A word is read, changed and written back.
    Change(Change),
}

/// A change of a word of the client's own memory. Nobody else of this process changes it so meanwhile, but the client's own
/// threads may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Change {
    pub va: UserVa,
    pub width: Width,
    pub kind: AtomicKind,
    pub operand: u64,
    pub comparand: u64,
}

impl Change {
    /// The word's bytes after it; a short word is filled up with zeros.
    #[must_use]
    pub fn apply(&self, old: &[u8]) -> Vec<u8> {
        let mut word = [0; 8];
        word.iter_mut().zip(old).for_each(|(to, from)| *to = *from);
        let new = self.kind.apply(self.width, u64::from_le_bytes(word), self.operand, self.comparand);
        new.to_le_bytes()[..self.width.bytes() as usize].to_vec()
    }
}
