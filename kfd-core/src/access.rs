//! Accesses to client memory, which memory workers make for the core: what is asked of them and what they answer.
//!
//! Not for: who makes them, and how (a door).

use crate::ids::{CallId, ProcessId, QueueKey, Tgid, UserVa};

/// A request to the memory workers, made for a queue whose packet or signal lies in USERPTR memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryRequest {
    /// Whose memory.
    pub process: ProcessId,
    /// Which queue sleeps until the answer comes; the answer goes to `Core::memory_answer`.
    pub queue: QueueKey,
    /// The ticket the queue sleeps on; an answer with another ticket is stale and dropped.
    pub ticket: u64,
    /// What to do.
    pub access: UserAccess,
}

/// A request to the memory workers, made for a CROSS_MEMORY_COPY; the answer goes to `Core::copy_answer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRequest {
    /// Whose memory.
    pub memory: ProcessId,
    /// Whose call.
    pub process: ProcessId,
    /// Which call.
    pub call: CallId,
    /// What to do. A read of no bytes is a pause.
    pub access: UserAccess,
}

/// One access to a client's memory by a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAccess {
    /// Read `len` bytes at `va`.
    Read {
        /// Where.
        va: UserVa,
        /// How many bytes, at most 64 KiB.
        len: u32,
    },
    /// Write the bytes at `va`.
    Write {
        /// Where.
        va: UserVa,
        /// What, at most 64 KiB.
        bytes: Vec<u8>,
    },
    /// Read eight bytes, subtract, write back; not atomic against the client. Answers the old value.
    FetchSub {
        /// Where, aligned to eight.
        va: UserVa,
        /// How much.
        by: u64,
    },
    /// Make the first two bytes of so many packets of 64 bytes those of an INVALID one; then read packets up to the first
    /// that is INVALID, each header before its packet. Answers these packets. To be asked of slots only that are the
    /// queue's own until it says otherwise, so that doing it twice does no harm.
    Packets {
        /// The packets to be made INVALID.
        retired: UserSlots,
        /// Those to be read.
        wanted: UserSlots,
    },
    /// Look which parts of a range are no memory, or memory that may not be read or not be written; touches none of it.
    /// Answers the first [`LACKS_MAX`] of them, as [`Lack::encode`] has them.
    Survey {
        /// Whose address space, as the daemon numbers it.
        tgid: Tgid,
        /// Where.
        va: UserVa,
        /// How many bytes.
        bytes: u64,
    },
}

/// Packets in a client's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserSlots {
    /// The first.
    pub va: UserVa,
    /// How many, at most [`UserSlots::MAX`].
    pub count: u32,
}

impl UserSlots {
    /// Bytes of a packet.
    pub const BYTES: usize = 64;
    /// The most at once: 64 KiB.
    pub const MAX: u32 = 1024;
    /// The first two bytes of an INVALID one; the type is the first.
    pub const INVALID: u16 = hsa_queue::aql::packet::INVALID_HEADER;
}

/// The most that one [`UserAccess::Survey`] is told of.
pub const LACKS_MAX: usize = 32;

/// Why a part of a client's address space is not memory to be read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nothing is mapped there.
    Memory,
    /// Its client may not write it.
    Write,
    /// Its client may not read it.
    Read,
}

/// A part of a client's address space that is not memory to be read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lack {
    /// Where.
    pub va: UserVa,
    /// How many bytes.
    pub bytes: u64,
    /// What is missing there.
    pub what: Missing,
}

impl Lack {
    /// Bytes of one in an answer.
    pub const BYTES: usize = 3 * size_of::<u64>();

    /// As it stands in an answer: three words, little endian.
    #[must_use]
    pub fn encode(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let what = match self.what {
            Missing::Memory => 0,
            Missing::Write => 1,
            Missing::Read => 2,
        };
        for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip([self.va.0, self.bytes, what]) {
            *to = u64::to_le_bytes(word);
        }
        bytes
    }

    /// What an answer to a survey says; nothing where it failed.
    #[must_use]
    pub fn of(answer: &UserAnswer) -> Vec<Self> {
        let UserAnswer::Done(bytes) = answer else { return Vec::new() };
        let words: Vec<u64> = bytes.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let lack = |[va, bytes, what]: &[u64; 3]| {
            let what = match what {
                0 => Missing::Memory,
                1 => Missing::Write,
                _ => Missing::Read,
            };
            Self { va: UserVa(*va), bytes: *bytes, what }
        };
        words.as_chunks().0.iter().map(lack).collect()
    }

    /// Whether nothing is mapped there.
    #[must_use]
    pub fn is_hole(&self) -> bool {
        self.what == Missing::Memory
    }
}

/// A worker's answer to a [`MemoryRequest`], to a [`CopyRequest`] or to a door's own gather.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAnswer {
    /// The bytes read (for a `FetchSub` the old value, little endian); empty for a write.
    Done(Vec<u8>),
    /// The access failed or was short: an error of that access, never zeros.
    Failed,
}
