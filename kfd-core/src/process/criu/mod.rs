//! What a checkpoint keeps of a process besides the buckets that the ABI names: the private data of CRIU_OP.
//!
//! The format is our own and means nothing to anybody else; a checkpoint of amdkfd is not taken, nor does amdkfd take this
//! one. All words are little endian and in this order:
//!
//! | part | how many |
//! |---|---|
//! | [`ProcessRecord`] | one; its mark and version come first and must be ours |
//! | [`DeviceRecord`] | one for each device bucket |
//! | [`BoRecord`] | one for each BO bucket |
//! | objects: [`QueueRecord`], [`EventRecord`], [`RangeRecord`] with its attributes | as many as the call says, each begins with its kind |
//!
//! The bytes of buffers are not here: whoever checkpoints copies them through the offsets in the buckets.
//!
//! A queue is kept at the packet that it has in hand: it is done again from its beginning when the process is restored.
//! What that packet had done before (a part of a copy, the beginning of an indirect buffer) is done twice.
//!
//! Not for: making the objects again, which `ioctl::criu` does.

mod record;

pub(crate) use record::{
    BoRecord, DeviceRecord, EventRecord, Kind, ProcessRecord, QueueRecord, RangeRecord, Reader,
};

/// The step of a checkpoint or a restore at which a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Step {
    /// The process is neither checkpointed nor restored.
    #[default]
    None,
    /// PROCESS_INFO has stopped its queues.
    Paused,
    /// RESTORE has made its objects; RESUME lets its queues run.
    Restored,
}
