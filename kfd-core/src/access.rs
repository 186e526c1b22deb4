//! Accesses to client memory, which memory workers make for the core: what is asked of them and what they answer.
//!
//! Not for: who makes them, and how (a door).

use crate::ids::{CallId, ProcessId, QueueKey, Tgid, UserVa};

/// A request to the memory workers, made for a queue whose packet or signal lies in USERPTR memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryRequest {
    /// The process whose memory is accessed.
    pub process: ProcessId,
    /// The queue that sleeps until the answer comes by `Core::memory_answer`.
    pub queue: QueueKey,
    /// The ticket that the queue sleeps on; an answer with another ticket is stale and dropped.
    pub ticket: u64,
    /// The access to make.
    pub access: UserAccess,
}

/// A request to the memory workers, made for a CROSS_MEMORY_COPY; the answer goes to `Core::copy_answer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRequest {
    /// The process whose memory is accessed.
    pub memory: ProcessId,
    /// The process that made the call.
    pub process: ProcessId,
    /// The CROSS_MEMORY_COPY call.
    pub call: CallId,
    /// The access to make; a read of no bytes is a pause.
    pub access: UserAccess,
}

/// One access to a client's memory by a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAccess {
    /// Reads `len` bytes at `va`.
    Read {
        /// The address of the first byte.
        va: UserVa,
        /// The number of bytes, at most 64 KiB.
        len: u32,
    },
    /// Writes the bytes at `va`.
    Write {
        /// The address of the first byte.
        va: UserVa,
        /// The bytes to be written, at most 64 KiB.
        bytes: Vec<u8>,
    },
    /// Reads eight bytes, subtracts, writes back; not atomic against the client. The answer is the old value.
    FetchSub {
        /// The address, aligned to eight bytes.
        va: UserVa,
        /// The number to subtract.
        by: u64,
    },
    /// Makes the first two bytes of each packet of `retired` those of an INVALID packet; then reads packets of `wanted`
    /// up to the first that is INVALID, each header before its packet. The answer is these packets. Asked only of slots
    /// that are the queue's own until it says otherwise, so that making the access twice does no harm.
    Packets {
        /// The packets to be made INVALID.
        retired: UserSlots,
        /// The packets to be read.
        wanted: UserSlots,
    },
    /// Finds the parts of a range that are no memory, or memory that may not be read or not be written; touches none of
    /// it. The answer is the first [`LACKS_MAX`] parts, as [`Lack::encode`] writes them.
    Survey {
        /// The process whose address space is surveyed, as the daemon numbers it.
        tgid: Tgid,
        /// The address of the range's first byte.
        va: UserVa,
        /// The bytes of the range.
        bytes: u64,
    },
}

/// A series of packet slots in a client's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserSlots {
    /// The address of the first slot.
    pub va: UserVa,
    /// The number of slots, at most [`UserSlots::MAX`].
    pub count: u32,
}

impl UserSlots {
    /// The bytes of a slot.
    pub const BYTES: usize = 64;
    /// The most slots of one access: 64 KiB.
    pub const MAX: u32 = 1024;
    /// The first two bytes of an INVALID packet; the type is the first.
    pub const INVALID: u16 = hsa_queue::aql::packet::INVALID_HEADER;
}

/// The most parts that one [`UserAccess::Survey`] answers.
pub const LACKS_MAX: usize = 32;

/// The reason why a part of a client's address space is not memory to be read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Nothing is mapped there.
    Memory,
    /// The client may not write the memory.
    Write,
    /// The client may not read the memory.
    Read,
}

/// A part of a client's address space that cannot be both read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lack {
    /// The address of the part's first byte.
    pub va: UserVa,
    /// The part's length in bytes.
    pub bytes: u64,
    /// The reason why it cannot.
    pub what: Missing,
}

impl Lack {
    /// Bytes of one encoded part in an answer.
    pub const BYTES: usize = 3 * size_of::<u64>();

    /// The part as an answer has it: three words, little endian.
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

    /// The parts that the answer to a survey lists; none where the survey failed.
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
