//! How much of everything the daemon, a user and a process may have.
//!
//! Not for: who holds what now, which `account` knows.

use crate::ids::Nanos;
use nix::sys::resource::{Resource, getrlimit};

/// The ceilings of one core. Every one is of the whole daemon unless its name says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Process objects, living and dying.
    pub processes: u32,
    /// Queues.
    pub queues: u64,
    /// Queues of one process (amdkfd: `KFD_MAX_NUM_OF_QUEUES_PER_PROCESS`, 1024, kfd_priv.h).
    pub queues_per_process: u64,
    /// Events.
    pub events: u64,
    /// Events of one process that are not signal events; signal events end at 4096 (`KFD_SIGNAL_EVENT_LIMIT`).
    pub events_per_process: u64,
    /// Buffer objects.
    pub bos: u64,
    /// Buffer objects of one process.
    pub bos_per_process: u64,
    /// Bytes of GTT memory, doorbell-free: host memory behind arenas.
    pub gtt_bytes: u64,
    /// Bytes of client memory that USERPTR objects and ranges of shared virtual memory name. Nothing is pinned; it bounds the tables.
    pub userptr_bytes: u64,
    /// Ranges of shared virtual memory.
    pub svm_ranges: u64,
    /// Ranges of shared virtual memory of one process.
    pub svm_ranges_per_process: u64,
    /// Parked calls.
    pub parked: u64,
    /// Parked calls of one process.
    pub parked_per_process: u64,
    /// Descriptors that the daemon keeps for clients: one for each dma-buf and each stream of events.
    pub descriptors: u64,
    /// The same for one process.
    pub descriptors_per_process: u64,
    /// Bytes of address space of an arena for each device: its sparse memfd has so many times the devices.
    pub arena_bytes: u64,
    /// How long a queue that ran dry is polled before its doorbell page is re-armed.
    pub poll_window: Nanos,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processes: 32_768,
            queues: 1 << 18,
            queues_per_process: 1024,
            events: 1 << 22,
            events_per_process: 1 << 16,
            bos: 1 << 22,
            bos_per_process: 1 << 18,
            gtt_bytes: 1 << 40,
            userptr_bytes: 1 << 50,
            svm_ranges: 1 << 22,
            svm_ranges_per_process: 1 << 18,
            parked: 1 << 20,
            parked_per_process: 4096,
            descriptors: 4096,
            descriptors_per_process: 256,
            arena_bytes: 1 << 38,
            poll_window: Nanos(30_000),
        }
    }
}

impl Limits {
    /// The default, with GTT bounded by this host's memory as amdkfd bounds it: all but a 64th of it
    /// (`amdgpu_amdkfd_gpuvm_init_mem_limits`).
    #[must_use]
    pub fn of_host() -> Self {
        let gtt_bytes = match nix::sys::sysinfo::sysinfo() {
            Ok(host) => host.ram_total() - host.ram_total() / 64,
            Err(_) => Self::default().gtt_bytes,
        };
        // A quarter of what the daemon may open; most of the rest are its clients' arenas.
        let descriptors = match getrlimit(Resource::RLIMIT_NOFILE) {
            Ok((soft, _)) => (soft / 4).min(Self::default().descriptors),
            Err(_) => Self::default().descriptors,
        };
        Self { gtt_bytes, descriptors, ..Self::default() }
    }
}
