//! Why a queue stopped by its client's own fault, and how the client is told.
//!
//! gfx9's command processor reports a packet that it cannot run as a bit in the value of the queue's inactive
//! signal. ROCR waits for that value to become non-zero, maps the lowest bit it knows to an `hsa_status_t` and
//! calls the queue's error callback (`AqlQueue::DynamicScratchHandler`, `amd_aql_queue.cpp`, ROCR 4 to 6). A
//! runtime that was told that the driver debugs exceptions (`AMDKFD_IOC_RUNTIME_ENABLE`) finds those bits there too,
//! clears them unread and waits for the driver to deliver an exception code instead ([`QueueError::exception_code`]);
//! libhsakmt 5.2.3 speaks an older number for that call, so with it the signal is what counts.
//!
//! What is wrong, and how each of them is told (who is told the exception is `kfd-core`'s to know):
//!
//! | what | inactive signal | exception (`EC_QUEUE_`) | `hsa_status_t` |
//! |---|---|---|---|
//! | grid or work-group without a dimension | 2 | PACKET_DISPATCH_DIM_INVALID | INCOMPATIBLE_ARGUMENTS |
//! | group memory beyond the device's | 4 | PACKET_DISPATCH_GROUP_SEGMENT_SIZE_INVALID | INVALID_ALLOCATION |
//! | no code that can run | 8 | PACKET_DISPATCH_CODE_INVALID | INVALID_CODE_OBJECT |
//! | no such packet (PM4, SDMA: no signal) | 32 | PACKET_UNSUPPORTED | INVALID_PACKET_FORMAT |
//! | work-group of too many work-items | 64 | PACKET_DISPATCH_WORK_GROUP_SIZE_INVALID | INVALID_ARGUMENT |
//! | registers of a work-group beyond the device's | 128 | PACKET_DISPATCH_REGISTER_INVALID | INVALID_ISA |
//! | no such vendor packet | 256 | PACKET_VENDOR_UNSUPPORTED | INVALID_PACKET_FORMAT |
//! | an access beyond the apertures | 0x2000_0000 | WAVE_APERTURE_VIOLATION | MEMORY_APERTURE_VIOLATION |
//! | no instruction, or one that is not run | 0x4000_0000 | WAVE_ILLEGAL_INSTRUCTION | ILLEGAL_INSTRUCTION |
//! | `s_trap 2`; another trap | 0x8000_0000 | WAVE_ABORT; WAVE_TRAP | EXCEPTION |
//! | no room for scratch or for groups that meet; the engine lost | 0x8000_0000 | PREEMPTION_ERROR | EXCEPTION |
//!
//! Hardware says 1 where scratch is short, and takes the dispatch up again when the runtime has made more; an engine whose
//! scratch is its own memory has no use for more, so what it has no room for is an error.
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
    /// A dispatch of code that needs more registers than there are.
    #[error("code needs more registers than there are")]
    Registers,
    /// A dispatch whose waves need more memory of their own at once than the engine may have: scratch and registers of a
    /// work-group, or of all work-groups that wait for each other.
    #[error("the waves that have to run at once are more than there is room for")]
    Resources,
    /// A wave came to words that are no instruction, or to one that the engine does not run.
    #[error("a wave came to an instruction that this agent cannot run")]
    IllegalInstruction,
    /// A wave accessed an address that lies in no aperture, or beyond its scratch or group memory.
    #[error("a wave accessed memory outside of its apertures")]
    Aperture,
    /// A wave aborted its kernel (`s_trap 2`).
    #[error("a wave aborted its kernel")]
    Abort,
    /// A wave trapped, with no trap handler to take it.
    #[error("a wave trapped")]
    Trap,
    /// The engine of waves ended with the dispatch in hand.
    #[error("the engine of waves was lost")]
    Lost,
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
    /// Each of them.
    pub const ALL: [Self; 16] = [
        Self::DispatchDimensions,
        Self::GroupSegmentSize,
        Self::DispatchCode,
        Self::PacketType,
        Self::WorkGroupSize,
        Self::VendorPacket,
        Self::Registers,
        Self::Resources,
        Self::IllegalInstruction,
        Self::Aperture,
        Self::Abort,
        Self::Trap,
        Self::Lost,
        Self::Opcode,
        Self::Malformed,
        Self::IndirectBuffer,
    ];

    /// The value that the inactive signal takes, as in `AqlQueue::DynamicScratchHandler`. In its words: 2
    /// invalid dim, 4 invalid group memory, 8 invalid (or NULL) code, 32 invalid format, 64 group is too
    /// large, 128 out of VGPRs, 256 vendor specific packets, 0x20000000 memory violation, 0x40000000 illegal instruction,
    /// 0x80000000 debug trap.
    #[must_use]
    pub const fn inactive_code(self) -> u64 {
        match self {
            Self::DispatchDimensions => 2,
            Self::GroupSegmentSize => 4,
            Self::DispatchCode => 8,
            Self::PacketType | Self::Opcode | Self::Malformed | Self::IndirectBuffer => 32,
            Self::WorkGroupSize => 64,
            Self::Registers => 128,
            Self::VendorPacket => 256,
            Self::Aperture => 0x2000_0000,
            Self::IllegalInstruction => 0x4000_0000,
            Self::Abort | Self::Trap | Self::Lost | Self::Resources => 0x8000_0000,
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
            Self::Registers => 22,
            Self::Abort => 1,
            Self::Trap => 2,
            Self::IllegalInstruction => 4,
            Self::Aperture => 6,
            // A queue that could not be taken off the hardware (`EC_QUEUE_PREEMPTION_ERROR`).
            Self::Lost | Self::Resources => 30,
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
            Self::Registers => 0x100f,          // INVALID_ISA
            Self::Aperture => 41,               // MEMORY_APERTURE_VIOLATION (hsa_ext_amd.h)
            Self::IllegalInstruction => 42,     // ILLEGAL_INSTRUCTION (hsa_ext_amd.h)
            Self::Abort | Self::Trap | Self::Lost | Self::Resources => 0x1016, // EXCEPTION
        }
    }
}
