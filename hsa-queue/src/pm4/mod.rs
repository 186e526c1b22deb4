//! PM4 compute queues: the command processor's packets.
//!
//! [`opcode`] is the table of packets, [`packet`] decodes one, [`registers`] are what they set. The ring, its indices,
//! indirect buffers and the order of things are [`crate::stream`].
//!
//! The write index counts dwords in 64 bits and never wraps; the read index is 32 bits, in dwords, modulo the ring.

pub mod opcode;
pub mod packet;
pub mod registers;

use crate::memory::GpuVa;
use crate::queue_regs::QueueRegs;
use crate::ring::RingError;
use crate::stream::Machine;
use crate::stream::feed::Index;
use crate::wave::Waves;
pub use packet::Pm4;

/// The packet processor of one PM4 queue.
pub type Processor = Machine<Pm4>;

impl Machine<Pm4> {
    /// A processor for a new queue. `regs` are the ring and the addresses of the indices that CREATE_QUEUE was given.
    ///
    /// # Errors
    /// [`RingError`] when the ring's geometry is not one.
    pub fn new(regs: QueueRegs, waves: Waves) -> Result<Self, RingError> {
        Self::with_format(regs, Index::Dwords, Pm4::new(waves))
    }

    /// A processor for one indirect buffer, as an AQL queue names it: empty when it is done.
    #[must_use]
    pub fn indirect(base: GpuVa, dwords: u64, waves: Waves) -> Self {
        Self::over_buffer(base, dwords, Pm4::new(waves))
    }
}
