//! Where a wave would run.
//!
//! One trait, two engines: [`Refuse`] says what an agent says that cannot run the code, [`Null`] completes a dispatch
//! without executing it, for stress. A processor is given one by [`Waves`] when it is made; AQL's KERNEL_DISPATCH and
//! PM4's DISPATCH_DIRECT and DISPATCH_INDIRECT come here and nowhere else.
//!
//! A dispatch's own fields are checked by both, so that a client with a wrong packet learns what is wrong with it.
//!
//! Not for: packet order and completion, which are the processors'.

use crate::aql::dispatch;
use crate::aql::packet::KernelDispatchPacket;
use crate::error::QueueError;
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

/// What is to run.
#[derive(Debug, Clone, Copy)]
pub enum Dispatch<'a> {
    /// A KERNEL_DISPATCH packet.
    Aql(&'a KernelDispatchPacket),
    /// A DISPATCH_DIRECT or DISPATCH_INDIRECT packet.
    Pm4(Pm4Dispatch<'a>),
}

/// What becomes of a dispatch: whoever runs its waves, or says why not.
pub trait WaveEngine: std::fmt::Debug + Sync {
    /// Runs a dispatch to its end.
    ///
    /// # Errors
    /// Why it does not run: the queue stops with it.
    fn dispatch(&self, dispatch: Dispatch<'_>) -> Result<(), QueueError>;
}

/// An agent that has no waves: each dispatch ends in the queue error that a real agent gives for code it cannot run.
#[derive(Debug, Clone, Copy)]
pub struct Refuse;

/// Completes each dispatch that is well formed, without executing it.
#[derive(Debug, Clone, Copy)]
pub struct Null;

impl WaveEngine for Refuse {
    fn dispatch(&self, dispatch: Dispatch<'_>) -> Result<(), QueueError> {
        check(&dispatch)?;
        Err(QueueError::DispatchCode)
    }
}

impl WaveEngine for Null {
    fn dispatch(&self, dispatch: Dispatch<'_>) -> Result<(), QueueError> {
        check(&dispatch)
    }
}

fn check(dispatch: &Dispatch<'_>) -> Result<(), QueueError> {
    match dispatch {
        Dispatch::Aql(packet) => dispatch::check(packet),
        Dispatch::Pm4(_) => Ok(()),
    }
}

/// The engines that there are, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Waves {
    /// [`Refuse`].
    #[default]
    Refuse,
    /// [`Null`].
    Null,
}

impl Waves {
    /// The engine of that name.
    #[must_use]
    pub fn engine(self) -> &'static dyn WaveEngine {
        match self {
            Self::Refuse => &Refuse,
            Self::Null => &Null,
        }
    }
}
