//! What the core decides, as messages to whoever embeds it.
//!
//! The core never calls a door, a worker or the kernel on behalf of a client: it posts a [`Notice`] and goes on. An
//! [`Outbox`] is called with no lock and no read section held, from any thread that was inside the core; it must not
//! block and may call back into the core.

pub use crate::access::{
    CopyRequest, LACKS_MAX, Lack, MemoryRequest, Missing, UserAccess, UserAnswer, UserSlots,
};
use crate::call::Outcome;
pub use crate::dispatch::{DispatchOrder, WaveAnswer, Wish};
use crate::event::smi::{SmiEvent, Stream};
use crate::ids::{CallId, GpuVa, ProcessId, QueueKey, Uid};
use crate::process::obituary::Obituary;
use crate::sync::Arc;
use std::os::fd::OwnedFd;

/// A decision of the core that its embedder acts on.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "the common notice, Complete, is the large one: a box would cost each completion an allocation"
)]
pub enum Notice {
    /// A parked call has ended: scatter its writes and reply.
    Complete {
        /// The call that has ended.
        call: CallId,
        /// The process that made the call.
        process: ProcessId,
        /// The end of the call: `Done` or `Refused`, never `Parked`.
        outcome: Outcome,
    },
    /// A queue can run: an engine that sleeps should wake and ask `Core::run_next`.
    Runnable,
    /// A queue needs an access to client memory.
    Memory(MemoryRequest),
    /// A copy between two processes needs an access to client memory.
    Copy(CopyRequest),
    /// Doorbell pages `[offset, offset + len)` of this process's kfd node went quiet: drop them (NOTIFY_INVAL_INODE)
    /// and then call `Core::rearmed`.
    Rearm {
        /// The process whose kfd node it is.
        process: ProcessId,
        /// The offset of the first page in the kfd node, bytes.
        offset: u64,
        /// The length of the pages, bytes.
        len: u64,
    },
    /// A deadline is earlier than all before: ask `Core::next_due` when, and call `Core::tick` then.
    Deadline,
    /// A process object was freed by the reclaimer.
    Freed(Obituary),
    /// An exception that a debugger subscribes to was raised: write one byte into its pipe, or drop the byte when the
    /// pipe is full. The descriptor has an open file description of its own and does not block.
    DebugEvent {
        /// The writing end of the debugger's pipe.
        pipe: Arc<OwnedFd>,
    },
    /// An event happened on a device: send its line to each of these streams that wants it, or drop the line when the
    /// stream is full.
    Smi {
        /// The event to send.
        event: SmiEvent,
        /// The streams of that device's events.
        streams: Vec<Arc<Stream>>,
    },
    /// A queue came to a dispatch and waits for it: an engine of waves is to run it, if `Core::wave_wish` says so, and to
    /// answer by `Core::wave_answer`.
    Dispatch(DispatchOrder),
    /// What is wished of a dispatch has changed: its engine is to ask `Core::wave_wish`. It may not have heard of the
    /// dispatch yet, and may not hear of it.
    Wish {
        /// The queue that came to the dispatch.
        queue: QueueKey,
        /// The ticket of the dispatch.
        ticket: u64,
    },
    /// A queue stopped because it accessed memory that its process does not have mapped.
    MemoryException {
        /// The queue that stopped.
        queue: QueueKey,
        /// The user of its process.
        uid: Uid,
        /// The address that it accessed.
        va: GpuVa,
    },
}

/// The receiver of notices. The module's head has the rules.
pub trait Outbox: Send + Sync + 'static {
    /// Takes one notice and must not block.
    fn post(&self, notice: Notice);
}

/// Notices collected while locks are held, to be posted when they are not.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Post(Vec<Notice>);

impl Post {
    /// Adds [`Notice::Runnable`], once.
    pub(crate) fn runnable(&mut self) {
        if !self.0.iter().any(|notice| matches!(notice, Notice::Runnable)) {
            self.0.push(Notice::Runnable);
        }
    }

    /// Whether there is nothing to post.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a notice.
    pub(crate) fn add(&mut self, notice: Notice) {
        self.0.push(notice);
    }

    /// The collected notices, in order.
    pub(crate) fn into_notices(self) -> impl Iterator<Item = Notice> {
        self.0.into_iter()
    }
}
