//! What `/sys/class/kfd/kfd/proc` shows of each process that uses KFD: amdkfd's `kfd_procfs_show` and its siblings
//! (amdkfd/kfd_process.c).
//!
//! Processes are numbered as the daemon's pid namespace numbers them; amdkfd's numbers are those of the initial one, whoever
//! reads. Not for: names of files and how they are read (a door).

use crate::abi::kfd::ALLOC_MEM_FLAGS_VRAM;
use crate::core::Core;
use crate::ids::{ProcessId, QueueId, Tgid};
use crate::memory::bo::{Backing, Bo};
use crate::process::Process;
use crate::queue::{Queue, QueueKind};
use crate::sync::Ordering;
use notifier::Ref;

/// The first number of an address space: half of the 16 bits are for KFD (`amdgpu_pasid_alloc`, amdkfd/kfd_pasid.c).
pub(crate) const FIRST_PASID: u32 = 1 << 15;

/// What a process has on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnDevice {
    /// `gpu_id` of the device.
    pub gpu: u32,
    /// Bytes of VRAM that its buffer objects take, and of shared virtual memory that lies there.
    pub vram: u64,
    /// Microseconds for which its copy queues ran, those included that are no more.
    pub copied_us: u64,
    /// Compute units that its waves are on.
    pub compute_units: u32,
    /// Milliseconds for which its queues were evicted, the eviction under way apart.
    pub evicted_ms: u64,
}

/// A queue of a process, as `queues/<id>` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItsQueue {
    /// Name of its folder.
    pub id: QueueId,
    /// `gpu_id` of its device.
    pub gpu: u32,
    /// Size of its ring, bytes.
    pub bytes: u64,
    /// `KFD_QUEUE_TYPE_*` (amdkfd/kfd_priv.h).
    pub kind: u32,
}

/// What a buffer object counts for: what it takes itself, and what its process has given others to share. An importer's counts
/// for nothing.
fn vram_of(bo: &Bo, process: ProcessId) -> u64 {
    match &bo.backing {
        Backing::Shared(share) if share.owner.process == process && bo.flags & ALLOC_MEM_FLAGS_VRAM != 0 => {
            share.range.len
        }
        Backing::Arena { .. } | Backing::Shared(_) | Backing::User(_) | Backing::Device => {
            bo.vram().unwrap_or(0)
        }
    }
}

impl Core {
    /// The processes that use KFD, from the first open to the free.
    #[must_use]
    pub fn kfd_processes(&self) -> Vec<Tgid> {
        let its = |id| Some(self.kfd_process_of(id)?.tgid());
        let mut processes: Vec<_> = self.table.ids().into_iter().filter_map(its).collect();
        processes.sort_unstable();
        processes.dedup();
        processes
    }

    /// The number of a process's address space; `None` when there is no such process.
    #[must_use]
    pub fn pasid(&self, tgid: Tgid) -> Option<u32> {
        Some(FIRST_PASID + self.kfd_process(tgid)?.id().slot)
    }

    /// What a process has on the device with this place in topology order.
    #[must_use]
    pub fn on_device(&self, tgid: Tgid, device: usize) -> Option<OnDevice> {
        let device = self.devices.get(device)?;
        let process = self.kfd_process(tgid)?;
        self.reclaim();
        self.trim_residency(device);
        let inner = process.inner.lock();
        let binding = &inner.bindings[device.index];
        let ran = |queue: &Queue| if queue.is_compute() { 0 } else { queue.ran.load(Ordering::Relaxed) };
        let now: u64 = inner.pqm.on(device.index).map(|entry| ran(&entry.queue)).sum();
        Some(OnDevice {
            gpu: device.gpu().0,
            vram: binding.bos.iter().map(|bo| vram_of(bo, process.id())).sum::<u64>()
                + inner.svm.on_device(device.index),
            copied_us: (binding.copied + now) / 1000,
            // No wave runs anywhere.
            compute_units: 0,
            evicted_ms: inner.evictions.lasted().0 / 1_000_000,
        })
    }

    /// The queues of a process, by id.
    #[must_use]
    pub fn its_queues(&self, tgid: Tgid) -> Vec<ItsQueue> {
        let Some(process) = self.kfd_process(tgid) else { return Vec::new() };
        let inner = process.inner.lock();
        let row = |entry: &crate::queue::pqm::Entry| ItsQueue {
            id: entry.queue.key.queue,
            gpu: self.devices[entry.queue.device].gpu().0,
            bytes: entry.properties.ring_bytes,
            kind: match entry.queue.kind() {
                // To amdkfd, AQL is a format of a compute queue's.
                QueueKind::Aql | QueueKind::Pm4 => 0,
                QueueKind::Sdma => 1,
                QueueKind::SdmaXgmi => 4,
            },
        };
        inner.pqm.iter().map(row).collect()
    }

    fn kfd_process(&self, tgid: Tgid) -> Option<Ref<Process>> {
        self.kfd_process_of(self.find(tgid, None)?)
    }

    fn kfd_process_of(&self, id: ProcessId) -> Option<Ref<Process>> {
        self.process(id).filter(|process| process.uses_kfd.load(Ordering::Relaxed))
    }
}
