//! How much of everything the daemon, a user and a process may have.
//!
//! Not for: who holds what now, which `account` knows.

use crate::ids::Nanos;
use nix::sys::resource::{Resource, getrlimit};

/// The ceilings of one core. Every one is of the whole daemon unless its name says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The number of process objects, living and dying.
    pub processes: u32,
    /// The number of queues.
    pub queues: u64,
    /// The number of queues of one process (amdkfd: `KFD_MAX_NUM_OF_QUEUES_PER_PROCESS`, 1024, kfd_priv.h).
    pub queues_per_process: u64,
    /// The number of events.
    pub events: u64,
    /// The number of one process's events that are not signal events; signal events end at 4096
    /// (`KFD_SIGNAL_EVENT_LIMIT`).
    pub events_per_process: u64,
    /// The number of buffer objects.
    pub bos: u64,
    /// The number of buffer objects of one process.
    pub bos_per_process: u64,
    /// Bytes of GTT memory: host memory behind arenas, without doorbells.
    pub gtt_bytes: u64,
    /// Bytes of client memory that USERPTR objects and ranges of shared virtual memory name. Nothing is pinned; the
    /// limit bounds the tables.
    pub userptr_bytes: u64,
    /// The number of ranges of shared virtual memory.
    pub svm_ranges: u64,
    /// The number of ranges of shared virtual memory of one process.
    pub svm_ranges_per_process: u64,
    /// The number of parked calls.
    pub parked: u64,
    /// The number of parked calls of one process.
    pub parked_per_process: u64,
    /// The number of descriptors that the daemon keeps for clients: one for each dma-buf and each SMI stream.
    pub descriptors: u64,
    /// The number of such descriptors of one process.
    pub descriptors_per_process: u64,
    /// The number of wave workers, of which a process has one.
    pub wave_workers: u64,
    /// Bytes of each worker's own: registers, local data shares, scratch and decoded code.
    pub wave_worker_bytes: u64,
    /// Bytes of arena for each device: a process's sparse memfd has this many times the number of devices.
    pub arena_bytes: u64,
    /// The time for which a queue that ran dry is polled before its doorbell page is re-armed.
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
            wave_workers: 1024,
            wave_worker_bytes: 256 << 20,
            arena_bytes: 1 << 38,
            poll_window: Nanos(30_000),
        }
    }
}

impl Limits {
    /// The default limits, with GTT bounded by this host's memory as amdkfd bounds it: all but a 64th of it
    /// (`amdgpu_amdkfd_gpuvm_init_mem_limits`).
    #[must_use]
    pub fn of_host() -> Self {
        let gtt_bytes = match nix::sys::sysinfo::sysinfo() {
            Ok(host) => host.ram_total() - host.ram_total() / 64,
            Err(_) => Self::default().gtt_bytes,
        };
        // A quarter of the descriptors that the daemon may open; its clients' arenas need most of the others.
        let descriptors = match getrlimit(Resource::RLIMIT_NOFILE) {
            Ok((soft, _)) => (soft / 4).min(Self::default().descriptors),
            Err(_) => Self::default().descriptors,
        };
        // What a worker of a client may take at most is not what it takes: a 16th of the machine lets one client's kernels have
        // all the groups that a device holds, with scratch.
        let wave_worker_bytes = (gtt_bytes / 16).clamp(Self::default().wave_worker_bytes, 1 << 30);
        Self { gtt_bytes, descriptors, wave_worker_bytes, ..Self::default() }
    }
}
