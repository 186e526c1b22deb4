//! What every queue is told of itself when it is created, whatever its format.

use crate::memory::GpuVa;

/// Where a queue's shared parts are, as the client said when it created the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueRegs {
    /// First byte of the ring.
    pub ring: GpuVa,
    /// Length of the ring.
    pub size_bytes: u64,
    /// `write_dispatch_id`, u64.
    pub write_index: GpuVa,
    /// `read_dispatch_id`, u64. The rest of `amd_queue_t` is found from here.
    pub read_index: GpuVa,
}
