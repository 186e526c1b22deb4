//! Why a dispatch is refused, or ends before its end.

use crate::descriptor::DescriptorError;
use crate::device::SHARE;
use crate::stop::Stop;

/// See the module's head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DispatchError {
    /// The kernel descriptor.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// A work-group of no work-items, or of more than a device has room for.
    #[error("a work-group of {} x {} x {} work-items", .0[0], .0[1], .0[2])]
    WorkGroup([u32; 3]),
    /// A grid of no work-items.
    #[error("a grid of {} x {} x {} work-items", .0[0], .0[1], .0[2])]
    Grid([u32; 3]),
    /// More of the local data share than there is.
    #[error("{0} bytes of the local data share, of which there are {SHARE}")]
    Share(u32),
    /// More vector registers than a compute unit has for the waves of one group.
    #[error("{waves} waves of {vectors} vector registers, for which no compute unit has room together")]
    #[allow(missing_docs, reason = "the names say it")]
    Registers { waves: usize, vectors: usize },
    /// More scratch or registers than the engine has memory for.
    #[error("{0} bytes of scratch a work-item are more than the engine has room for")]
    Scratch(u32),
    /// Groups that wait for each other, of which some would have no room before others end.
    #[error("{groups} groups are to run at once, and there is room for {most}")]
    #[allow(missing_docs, reason = "the names say it")]
    Cooperative { groups: u64, most: u64 },
    /// The wave at `pc` does not go on.
    #[error("at {pc:#x}: {why}")]
    Stopped {
        /// The instruction's address.
        pc: u64,
        /// An illegal or unsupported instruction, or a trap.
        why: Stop,
    },
}
