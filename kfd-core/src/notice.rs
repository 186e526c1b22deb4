//! What the core decides, as messages to whoever embeds it.
//!
//! The core never calls a door, a worker or the kernel on behalf of a client: it posts a [`Notice`] and goes on. An
//! [`Outbox`] is called with no lock and no read section held, from any thread that was inside the core; it must not
//! block and may call back into the core.

pub use crate::access::{
    CopyRequest, LACKS_MAX, Lack, MemoryRequest, Missing, UserAccess, UserAnswer, UserSlots,
};
use crate::call::Outcome;
use crate::event::smi::{SmiEvent, Stream};
use crate::ids::{CallId, GpuVa, ProcessId, QueueKey};
use crate::process::obituary::Obituary;
use crate::sync::Arc;
use std::os::fd::OwnedFd;

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
