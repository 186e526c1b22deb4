//! How a queue in error tells its client, as a small resumable machine.
//!
//! ```text
//! Index ──► Base ──► Handle ──► Signal ──► done (the event to raise, if any)
//!             │         └─(null handle)──► done, nobody told
//!             └─(not in an amd_queue_t)──► done, nobody told
//! ```
//!
//! First the read index is brought up to date, so that it names the packet in error (ROCR's handler looks there),
//! then the error code goes to the queue's inactive signal. `amd_queue_t` is found as the command processor finds
//! it, from the address of the read index and the offset that the client left beside it; and not before there is
//! something to report, since ROCR fills the structure in after it has created the queue.
//!
//! Not for: what is wrong ([`QueueError`]), or stopping the queue.

use crate::error::QueueError;
use crate::layout::amd_queue;
use crate::memory::{Access, GpuVa, MemoryView};
use crate::signal::{EventId, SignalUpdate};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Index { id: u64 },
    Base,
    Handle,
    Signal(SignalUpdate),
}

/// One report, possibly under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    error: QueueError,
    read_index: GpuVa,
    stage: Stage,
}

impl Report {
    /// Reports `error` of the packet `id` on the queue whose read index is at `read_index`.
    #[must_use]
    pub const fn new(error: QueueError, read_index: GpuVa, id: u64) -> Self {
        Self { error, read_index, stage: Stage::Index { id } }
    }

    /// What is reported.
    #[must_use]
    pub const fn error(&self) -> QueueError {
        self.error
    }

    /// Goes on until the client has been told as far as it can be (`Ready` with the event to raise) or an access
    /// is not answered. After `Ready` it must not be stepped again; after `Fault` it is over.
    pub fn step<V: MemoryView>(&mut self, view: &mut V) -> Access<Option<EventId>> {
        let field = |offset| self.read_index.offset(offset - amd_queue::READ_DISPATCH_ID);
        loop {
            match &mut self.stage {
                Stage::Index { id } => match view.store_u64(self.read_index, *id) {
                    Access::Ready(()) => self.stage = Stage::Base,
                    other => return other.map(|()| None),
                },
                Stage::Base => match view.load_u32(field(amd_queue::READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET))
                {
                    Access::Ready(offset) if u64::from(offset) == amd_queue::READ_DISPATCH_ID => {
                        self.stage = Stage::Handle;
                    }
                    // A client that speaks to the driver without a runtime: its index lies in no amd_queue_t. It
                    // has no inactive signal, and what lies where one would be is not ours to write through.
                    Access::Ready(_) => return Access::Ready(None),
                    other => return other.map(|_| None),
                },
                Stage::Handle => match view.load_u64(field(amd_queue::QUEUE_INACTIVE_SIGNAL)) {
                    Access::Ready(0) => return Access::Ready(None),
                    Access::Ready(handle) => {
                        let update = SignalUpdate::store(GpuVa(handle), self.error.inactive_code());
                        self.stage = Stage::Signal(update);
                    }
                    other => return other.map(|_| None),
                },
                Stage::Signal(update) => return update.step(view),
            }
        }
    }
}
