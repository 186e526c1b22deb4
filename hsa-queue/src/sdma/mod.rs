//! SDMA queues: the copy engine's packets.
//!
//! [`opcode`] is the table of packets, [`packet`] decodes one. The ring, its indices and the order of things are
//! [`crate::stream`].
//!
//! Both indices count bytes and never wrap. Zero dwords are NOPs, with which clients fill a ring to its end.

pub mod opcode;
pub mod packet;

use crate::queue_regs::QueueRegs;
use crate::ring::RingError;
use crate::stream::Machine;
use crate::stream::feed::Index;
pub use opcode::Generation;
pub use packet::Sdma;

/// The packet processor of one SDMA queue.
pub type Processor = Machine<Sdma>;

impl Machine<Sdma> {
    /// A processor for a new queue of an engine of this generation. `regs` are the ring and the addresses of the
    /// indices that CREATE_QUEUE was given.
    ///
    /// # Errors
    /// [`RingError`] when the ring's geometry is not one.
    pub fn new(regs: QueueRegs, generation: Generation) -> Result<Self, RingError> {
        Self::with_format(regs, Index::Bytes, Sdma::new(generation))
    }
}
