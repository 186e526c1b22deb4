//! Byte offsets of the structures that a queue shares with its client.
//!
//! Sources: `amd_hsa_queue.h` and `amd_hsa_signal.h` of ROCR-Runtime 5.2 (the large machine model: 64-bit
//! handles), which repeat the ABI in the AMDGPU chapter of LLVM's documentation. Both structures are 64-byte
//! aligned in the client; this crate requires only what a single access requires.
//!
//! Only offsets: these structures are never read as a whole, since each field has its own moment and order.

/// Offsets in `amd_queue_t` (`amd_hsa_queue.h`), 256 bytes.
pub mod amd_queue {
    /// `hsa_queue.base_address`: the ring.
    pub const BASE_ADDRESS: u64 = 8;
    /// `hsa_queue.doorbell_signal`: handle.
    pub const DOORBELL_SIGNAL: u64 = 16;
    /// `hsa_queue.size`: packets, u32.
    pub const SIZE: u64 = 24;
    /// `hsa_queue.id`: u64.
    pub const ID: u64 = 32;
    /// `write_dispatch_id`: id of the next packet that a producer may claim, u64.
    pub const WRITE_DISPATCH_ID: u64 = 56;
    /// `read_dispatch_id`: id of the first packet whose slot the processor still owns, u64.
    pub const READ_DISPATCH_ID: u64 = 128;
    /// `read_dispatch_id_field_base_byte_offset`: u32; the client stores [`READ_DISPATCH_ID`] here, and the
    /// command processor, which is told only where `read_dispatch_id` is, finds the structure by it.
    pub const READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET: u64 = 136;
    /// `queue_properties`: u32.
    pub const QUEUE_PROPERTIES: u64 = 180;
    /// `queue_inactive_signal`: handle of the signal that takes the queue's error code.
    pub const QUEUE_INACTIVE_SIGNAL: u64 = 192;
    /// Size of the structure.
    pub const BYTES: u64 = 256;
}

/// Offsets in `amd_signal_t` (`amd_hsa_signal.h`), 64 bytes. An HSA signal handle is the address of one.
pub mod amd_signal {
    /// `kind`: i64, 1 for an ordinary signal.
    pub const KIND: u64 = 0;
    /// `value`: i64.
    pub const VALUE: u64 = 8;
    /// `event_mailbox_ptr`: address of a u64, 0 when nobody sleeps on this signal.
    pub const EVENT_MAILBOX_PTR: u64 = 16;
    /// `event_id`: u32, what is put in the mailbox and raised.
    pub const EVENT_ID: u64 = 24;
    /// `start_ts`: u64, ticks.
    pub const START_TS: u64 = 32;
    /// `end_ts`: u64, ticks.
    pub const END_TS: u64 = 40;
    /// Size of the structure.
    pub const BYTES: u64 = 64;
}
