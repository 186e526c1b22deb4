//! Where waves run: who is asked about a dispatch, and what the answers are.
//!
//! | [`Waves`] | a dispatch |
//! |---|---|
//! | `Refuse` | ends at once in the error of an agent that cannot run its code |
//! | `Null` | completes at once, without being executed, for stress |
//! | `Run` | is handed to the [`WaveEngine`] behind the queue's view, which answers when its waves have ended |
//!
//! An engine is asked as memory is, by the re-ask rule of [`crate::memory`]: after `Pending(ticket)` the processor is left
//! alone until the engine knows how the dispatch ended, and then asks for the same dispatch again. A dispatch has a fault
//! where its waves had one. Beside it the view may have an access open, that of the read index.
//!
//! A dispatch's own fields are checked first, so that a client with a wrong packet learns what is wrong with it, and an
//! engine sees none. AQL's KERNEL_DISPATCH and PM4's DISPATCH_DIRECT and DISPATCH_INDIRECT come here and nowhere else;
//! those of PM4 have no stage to wait in, and are answered at once: where waves run, by refusal.
//!
//! Not for: packet order and completion, which are the processors'.

use crate::aql::dispatch;
use crate::aql::packet::KernelDispatchPacket;
use crate::error::QueueError;
use crate::memory::{Access, GpuVa};
use crate::pm4::registers::Registers;

/// A dispatch as PM4 describes it: the grid in the packet, everything else in registers set before.
#[derive(Debug, Clone, Copy)]
pub struct Pm4Dispatch<'a> {
    /// Work-groups in x, y, z; a grid with a zero is empty.
    pub groups: [u32; 3],
    /// `COMPUTE_DISPATCH_INITIATOR`.
    pub initiator: u32,
    /// The compute registers.
    pub registers: &'a Registers,
}

/// A dispatch as AQL describes it, and what its waves are told of where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct AqlDispatch<'a> {
    /// The packet as it was read; what is in its slot is the client's to change.
    pub packet: &'a KernelDispatchPacket,
    /// The address of its slot.
    pub slot: GpuVa,
    /// Its id, the queue's read index.
    pub id: u64,
    /// The address of the `amd_queue_t`, as the queue's read index lies in one.
    pub queue: GpuVa,
}

/// When the waves of a dispatch ran, as their engine says, in ticks of the queue's clock. What lies outside of the time between
/// hand-over and answer is cut to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// The first one began.
    pub began: u64,
    /// The last one ended.
    pub ended: u64,
}

impl Ran {
    /// All of the time until the answer.
    pub const ALL_THE_TIME: Self = Self { began: 0, ended: u64::MAX };
}

/// Who runs the waves of a queue's dispatches.
pub trait WaveEngine {
    /// How a well-formed dispatch ended; `Pending` until it has. The module's head has the rule.
    fn dispatch(&mut self, dispatch: &AqlDispatch<'_>) -> Access<Result<Ran, QueueError>>;
}

/// What becomes of dispatches. The module's head has the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs, reason = "the table says it")]
pub enum Waves {
    #[default]
    Refuse,
    Null,
    Run,
}

impl Waves {
    /// How an AQL dispatch ended, or will; without an `engine` none is run.
    pub fn aql(
        self,
        dispatch: &AqlDispatch<'_>,
        engine: Option<&mut dyn WaveEngine>,
    ) -> Access<Result<Ran, QueueError>> {
        if let Err(error) = dispatch::check(dispatch.packet) {
            return Access::Ready(Err(error));
        }
        match (self, engine) {
            (Self::Null, _) => Access::Ready(Ok(Ran::ALL_THE_TIME)),
            (Self::Run, Some(engine)) => engine.dispatch(dispatch),
            (Self::Refuse, _) | (Self::Run, None) => Access::Ready(Err(QueueError::DispatchCode)),
        }
    }

    /// How a PM4 dispatch ended.
    ///
    /// # Errors
    /// [`QueueError::DispatchCode`] unless dispatches complete unrun.
    pub fn pm4(self, _: &Pm4Dispatch<'_>) -> Result<(), QueueError> {
        if self == Self::Null { Ok(()) } else { Err(QueueError::DispatchCode) }
    }
}
