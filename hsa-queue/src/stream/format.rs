//! What a packet decodes to, whatever its format.

use crate::error::QueueError;
use crate::memory::GpuVa;
use crate::signal::EventId;
use crate::stream::op::Op;
use crate::stream::transfer::Transfer;

/// What a packet asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Work {
    /// Nothing that memory could show.
    Nothing,
    Op(Op),
    /// The packet's own dwords, `dwords` from dword `first` on, to memory.
    Payload {
        dst: GpuVa,
        /// First dword, counted from the header.
        first: u64,
        dwords: u64,
    },
    /// The packet's own dwords from dword `first` to its end, to consecutive registers.
    Registers {
        /// Number of the first register, in dwords of the register space.
        register: u32,
        /// First dword, counted from the header.
        first: u64,
    },
    /// Go on in an indirect buffer.
    Indirect {
        /// Where it is.
        base: GpuVa,
        dwords: u64,
        /// Whether control stays there instead of coming back.
        chain: bool,
    },
    Dispatch {
        /// Work-groups in x, y, z.
        groups: [u32; 3],
        /// The initiator register's value.
        initiator: u32,
    },
    /// Run waves; the groups are three dwords in memory.
    DispatchIndirect {
        /// Where they are.
        va: GpuVa,
        /// The initiator register's value.
        initiator: u32,
    },
    /// Leave out the next `skip` dwords when the dword at `va` is what it says.
    SkipIf {
        va: GpuVa,
        /// Compared with it.
        reference: u32,
        /// Leave out when it equals (and not when it differs).
        equal: bool,
        /// Dwords after this packet.
        skip: u64,
    },
}

/// A decoded packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Dwords, the header included.
    pub total: u64,
    /// What it asks for.
    pub work: Work,
    /// The second half of it, done after `work`.
    pub after: Option<Transfer>,
    /// The event to raise when it is done.
    pub raise: Option<EventId>,
}

impl Packet {
    /// A packet that only asks for `work`.
    #[must_use]
    pub const fn new(total: u64, work: Work) -> Self {
        Self { total, work, after: None, raise: None }
    }
}

/// A packet format.
pub trait Format {
    /// How many dwords, the header included, [`Format::decode`] has to see of a packet with this header; at least 1,
    /// at most [`crate::stream::feed::WINDOW`].
    ///
    /// # Errors
    /// There is no such packet.
    fn fixed(&self, header: u32) -> Result<u64, QueueError>;

    /// Decodes a packet of which `words` are the first, as many as [`Format::fixed`] asked for. Changes nothing: it
    /// may be asked again.
    ///
    /// # Errors
    /// What is wrong with it.
    fn decode(&self, words: &[u32]) -> Result<Packet, QueueError>;

    /// Takes a register's value.
    fn set_register(&mut self, register: u32, value: u32);

    /// Runs waves.
    ///
    /// # Errors
    /// Why it does not.
    fn dispatch(&mut self, groups: [u32; 3], initiator: u32) -> Result<(), QueueError>;
}

/// Two dwords of a packet as an address.
#[must_use]
pub const fn address(low: u32, high: u32) -> GpuVa {
    GpuVa(wide(low, high))
}

/// Two dwords of a packet as one value.
#[must_use]
pub const fn wide(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}
