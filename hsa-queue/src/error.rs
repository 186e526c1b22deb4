//! Why a queue stopped by its client's own fault, and how the client is told.
//!
//! gfx9's command processor reports a packet that it cannot run as a bit in the value of the queue's inactive
//! signal. ROCR waits for that value to become non-zero, maps the lowest bit it knows to an `hsa_status_t` and
//! calls the queue's error callback (`AqlQueue::DynamicScratchHandler`, `amd_aql_queue.cpp`, ROCR 4 to 6). A
//! runtime that was told that the driver debugs exceptions (`AMDKFD_IOC_RUNTIME_ENABLE`) finds those bits there too,
//! clears them unread and waits for the driver to deliver an exception code instead ([`QueueError::exception_code`]);
//! libhsakmt 5.2.3 speaks an older number for that call, so with it the signal is what counts.
//!
//! Not for: memory faults, which are the process's memory exception ([`crate::memory::Fault`]).

/// What the packet processor found wrong with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum QueueError {
    /// A dispatch whose grid or work-group has no dimensions, or a zero or excess one.
    #[error("dispatch dimensions are invalid")]
    DispatchDimensions,
    /// A dispatch that asks for more group memory than there is.
    #[error("group segment size is invalid")]
    GroupSegmentSize,
    /// A dispatch of code that this agent cannot run (or of none).
    #[error("no code that this agent can run")]
    DispatchCode,
    /// A packet of a type that this queue does not take.
    #[error("packet type is not supported by this queue")]
    PacketType,
    /// A dispatch whose work-group has more work-items than there may be.
    #[error("work-group is too large")]
    WorkGroupSize,
    /// A vendor-specific packet of an unknown or malformed kind.
    #[error("vendor-specific packet is not supported")]
    VendorPacket,
    /// A PM4 or SDMA packet with an opcode that there is not, or that this queue does not take (`CP_BAD_OPCODE`,
    /// which the driver answers with a hardware exception event: `event_interrupt_wq_v9`, `kfd_int_process_v9.c`).
    #[error("opcode is not supported by this queue")]
    Opcode,
    /// A PM4 or SDMA packet that is too short or too long, or has a field with a value that means nothing.
    #[error("packet is malformed")]
    Malformed,
    /// An indirect buffer that is not valid, ends inside a packet, or lies too deep in others.
    #[error("indirect buffer is invalid")]
    IndirectBuffer,
}

impl QueueError {
    /// The value that the inactive signal takes, as in `AqlQueue::DynamicScratchHandler`. In its words: 2
    /// invalid dim, 4 invalid group memory, 8 invalid (or NULL) code, 32 invalid format, 64 group is too
    /// large, 256 vendor specific packets.
    #[must_use]
    pub const fn inactive_code(self) -> u64 {
        match self {
            Self::DispatchDimensions => 2,
            Self::GroupSegmentSize => 4,
            Self::DispatchCode => 8,
            Self::PacketType | Self::Opcode | Self::Malformed | Self::IndirectBuffer => 32,
            Self::WorkGroupSize => 64,
            Self::VendorPacket => 256,
        }
    }

    /// The driver's exception code for the same (`enum kfd_dbg_trap_exception_code`, `linux/kfd_ioctl.h`);
    /// a mask of exceptions has bit `code - 1` set (`KFD_EC_MASK`).
    #[must_use]
    pub const fn exception_code(self) -> u32 {
        match self {
            Self::DispatchDimensions => 16,
            Self::GroupSegmentSize => 17,
            Self::DispatchCode => 18,
            Self::PacketType | Self::Opcode | Self::Malformed | Self::IndirectBuffer => 20,
            Self::WorkGroupSize => 21,
            Self::VendorPacket => 23,
        }
    }

    /// What the client's error callback receives, an `hsa_status_t` (`hsa.h`).
    #[must_use]
    pub const fn hsa_status(self) -> u32 {
        match self {
            Self::DispatchDimensions => 0x100d, // INCOMPATIBLE_ARGUMENTS
            Self::GroupSegmentSize => 0x1003,   // INVALID_ALLOCATION
            Self::DispatchCode => 0x1010,       // INVALID_CODE_OBJECT
            Self::PacketType | Self::VendorPacket | Self::Opcode | Self::Malformed | Self::IndirectBuffer => {
                0x1009
            } // INVALID_PACKET_FORMAT
            Self::WorkGroupSize => 0x1001,      // INVALID_ARGUMENT
        }
    }
}
