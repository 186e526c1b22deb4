//! Why a wave does not go on.

use hsa_queue::memory::{Fault, Ticket};

/// See the module's head. Each names its place by what the wave's program counter is then: the instruction's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// S_ENDPGM.
    #[error("the wave has ended")]
    End,
    /// S_BARRIER: it waits for the other waves of its group.
    #[error("the wave waits at a barrier")]
    Barrier,
    /// S_SLEEP: others may go first.
    #[error("the wave sleeps")]
    Sleep,
    /// DS_GWS_BARRIER: it waits for waves of other groups, and is executed once more.
    #[error("the wave waits for other groups")]
    Meets,
    /// Memory that is not here yet.
    #[error("the wave waits for memory")]
    Pending(Ticket),
    /// No such memory, or not for this access.
    #[error("memory fault at {}", .0.va)]
    Fault(Fault),
    /// Words that are no instruction of this generation.
    #[error("illegal instruction: {0}")]
    Illegal(gcn::DecodeError),
    /// An instruction that the engine does not run.
    #[error("`{0}` is not run by this engine")]
    Unsupported(String),
    /// S_TRAP with this number.
    #[error("trap {0}")]
    Trap(u8),
}
