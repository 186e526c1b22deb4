//! What the core decides, as messages to whoever embeds it.
//!
//! The core never calls a door, a worker or the kernel on behalf of a client: it posts a [`Notice`] and goes on. An
//! [`Outbox`] is called with no lock and no read section held, from any thread that was inside the core; it must not
//! block and may call back into the core.

use crate::call::Outcome;
use crate::event::smi::{SmiEvent, Stream};
use crate::ids::{CallId, GpuVa, ProcessId, QueueKey, Tgid, UserVa};
use crate::process::obituary::Obituary;
use crate::sync::Arc;
use std::os::fd::OwnedFd;

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

/// What the core tells its embedder.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "the common notice, Complete, is the large one: a box would cost each completion an allocation"
)]
pub enum Notice {
    /// A parked call has ended: scatter and reply.
    Complete {
        /// Which call.
        call: CallId,
        /// Whose.
        process: ProcessId,
        /// `Done` or `Refused`, never `Parked`.
        outcome: Outcome,
    },
    /// There is something to run: an engine that sleeps should wake and ask `Core::run_next`.
    Runnable,
    /// A queue needs client memory.
    Memory(MemoryRequest),
    /// A copy between two processes needs client memory.
    Copy(CopyRequest),
    /// Doorbell pages `[offset, offset + len)` of this process's kfd node went quiet: drop them (NOTIFY_INVAL_INODE) and then call `Core::rearmed`.
    Rearm {
        /// Whose node.
        process: ProcessId,
        /// Byte offset in the kfd node.
        offset: u64,
        /// Bytes.
        len: u64,
    },
    /// Something is due earlier than before: ask `Core::next_due` when, and call `Core::tick` then.
    Deadline,
    /// A process object was freed by the reclaimer.
    Freed(Obituary),
    /// Something was raised that a debugger asked for: one byte is to be written into its pipe, and lost when the pipe is
    /// full. The descriptor is a description of its own and does not block.
    DebugEvent {
        /// The writing end.
        pipe: Arc<OwnedFd>,
    },
    /// Something happened on a device: each of these streams that wants it is to be sent a line, or loses it when it is full.
    Smi {
        /// What.
        event: SmiEvent,
        /// The streams of that device's events.
        streams: Vec<Arc<Stream>>,
    },
    /// A queue stopped on memory that its process does not have mapped.
    MemoryException {
        /// Which queue.
        queue: QueueKey,
        /// Where.
        va: GpuVa,
    },
}

/// Where notices go. See the module's head for the rules.
pub trait Outbox: Send + Sync + 'static {
    /// Takes one notice. Must not block.
    fn post(&self, notice: Notice);
}

/// Notices collected while locks are held, to be posted when they are not.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Post(Vec<Notice>);

impl Post {
    /// An engine that sleeps should look.
    pub(crate) fn runnable(&mut self) {
        if !self.0.iter().any(|notice| matches!(notice, Notice::Runnable)) {
            self.0.push(Notice::Runnable);
        }
    }

    /// Whether there is nothing to post.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one.
    pub(crate) fn add(&mut self, notice: Notice) {
        self.0.push(notice);
    }

    /// What was collected, in order.
    pub(crate) fn into_notices(self) -> impl Iterator<Item = Notice> {
        self.0.into_iter()
    }
}
