//! What a listing shows: one row per process and per queue, for `kfdctl` and the leak report.

use crate::account::Holdings;
use crate::core::Core;
use crate::ids::{Bytes, Nanos, ProcessId, QueueId, Tgid, Uid};
use crate::process::evictions::Eviction;
use crate::process::obituary::Cause;
use crate::process::stage::Stage;
use crate::queue::sdma::SdmaId;
use crate::sync::Ordering;
use hsa_queue::doorbell::DOORBELL_BYTES;
use serde::{Deserialize, Serialize};

pub use crate::queue::QueueKind;
pub use crate::queue::dqm::QueueState;

/// A row of the list of process objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRow {
    /// Thread group of the process.
    pub tgid: Tgid,
    /// User who pays for it.
    pub uid: Uid,
    /// Slot and generation, `slot.generation`.
    pub process: ProcessId,
    /// Where in its life it is.
    pub state: Stage,
    /// Why it dies, when it does.
    pub cause: Option<Cause>,
    /// Why its queues do not run, while they do not.
    pub evicted: Vec<Eviction>,
    /// Open files of its nodes.
    pub files: u32,
    /// When the first open of a node made it.
    pub attached_at: Nanos,
    /// Bytes of memory behind its arenas, as the file system counts them. A client can touch what it was not charged
    /// for: then this is more than it holds.
    pub resident_bytes: u64,
    /// Bytes of its memory that are registered as shared virtual memory.
    #[serde(default)]
    pub svm_bytes: u64,
    /// Of these, the bytes that lie on devices, as its prefetches sent them.
    #[serde(default)]
    pub svm_vram_bytes: u64,
    /// What it is charged for.
    pub holds: Holdings,
    /// The worker that runs its waves; of this and the next three, whoever runs waves tells.
    #[serde(default)]
    pub wave_worker: Option<u32>,
    /// Dispatches that its workers have run.
    #[serde(default)]
    pub dispatches: u64,
    /// Instructions of waves that they have run.
    #[serde(default)]
    pub instructions: u64,
    /// Waves that have begun and not ended, of dispatches that are run and have been for a while.
    #[serde(default)]
    pub waves: u64,
}

/// A row of the list of queues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Thread group of the owner.
    pub tgid: Tgid,
    /// User of the owner.
    pub uid: Uid,
    /// Process object that owns it.
    pub process: ProcessId,
    /// Queue id that CREATE_QUEUE answered.
    pub queue: QueueId,
    /// `gpu_id` of its device.
    pub gpu: u32,
    /// Format of its packets.
    pub kind: QueueKind,
    /// State on its device's run list.
    pub state: QueueState,
    /// Packets taken from the ring.
    pub packets: u64,
    /// Ring base, GPU VA.
    pub ring: u64,
    /// Ring size, bytes.
    pub ring_bytes: u64,
    /// Offset of its doorbell in the kfd node.
    pub doorbell: u64,
    /// Priority that its client chose, 0 to 15.
    pub priority: u32,
    /// The hardware slot it is on: of a compute queue one of the device's slots, while it has one.
    pub slot: Option<u32>,
    /// Its SDMA engine, which it has for life.
    pub engine: Option<u32>,
    /// Its place among those who wait for a slot, from 0.
    pub waiting: Option<u32>,
    /// How long it keeps a slot while others wait, at normal priority, microseconds.
    pub quantum_us: u32,
    /// It has the device's global wave sync.
    pub gws: bool,
    /// Why it does not run, while its process is evicted.
    pub evicted: Option<Eviction>,
    /// When CREATE_QUEUE made it.
    pub made_at: Nanos,
    /// The kernel that its dispatch runs, while one does; of this and the next two, whoever runs waves tells.
    #[serde(default)]
    pub kernel: Option<String>,
    /// Instructions of waves that its dispatch has run.
    #[serde(default)]
    pub instructions: u64,
    /// Waves of its dispatch that have begun and not ended, once it has been run for a while.
    #[serde(default)]
    pub waves: Option<u64>,
}

impl Core {
    /// One row per published process object, in order of slot.
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessRow> {
        let row = |id| {
            let process = self.process(id)?;
            let svm = process.inner.lock().svm.extent();
            Some(ProcessRow {
                tgid: process.tgid(),
                uid: process.uid(),
                process: id,
                state: process.stage(),
                cause: process.cause(),
                evicted: process.inner.lock().evictions.all(),
                files: self.files.count(id),
                attached_at: process.attached_at(),
                resident_bytes: process.resident(),
                svm_bytes: svm.bytes,
                svm_vram_bytes: svm.on_devices,
                holds: process.purse.holds(),
                wave_worker: None,
                dispatches: 0,
                instructions: 0,
                waves: 0,
            })
        };
        self.table.ids().into_iter().filter_map(row).collect()
    }

    /// Live processes whose arenas hold more memory than they are charged for, and by how many bytes. A client can touch
    /// any byte of its own arena without a call; whether they are to be evicted
    /// ([`Core::evict_overdrawn`]) is the embedder's to decide: on memory pressure, or whenever it lists.
    #[must_use]
    pub fn overdrawn(&self) -> Vec<(ProcessId, Bytes)> {
        let excess = |id| {
            let process = self.process(id).filter(|process| process.stage() == Stage::Live)?;
            Some((id, process.excess()?))
        };
        self.table.ids().into_iter().filter_map(excess).collect()
    }

    /// One row per queue, by process and id.
    #[must_use]
    pub fn queues(&self) -> Vec<QueueRow> {
        let mut rows = Vec::new();
        let waiting: Vec<_> = self.devices.iter().map(|device| device.dqm.waiting()).collect();
        for id in self.table.ids() {
            let Some(process) = self.process(id) else { continue };
            let inner = process.inner.lock();
            for entry in inner.pqm.iter() {
                let queue = &entry.queue;
                let device = &self.devices[queue.device];
                let standing = device.dqm.standing(queue.key);
                rows.push(QueueRow {
                    tgid: process.tgid(),
                    uid: process.uid(),
                    process: id,
                    queue: queue.key.queue,
                    gpu: device.gpu().0,
                    kind: queue.kind(),
                    state: standing.map_or(QueueState::Stopped, |standing| standing.state),
                    packets: queue.packets.load(Ordering::Relaxed),
                    ring: entry.properties.ring.0,
                    ring_bytes: entry.properties.ring_bytes,
                    doorbell: device.doorbells() + u64::from(queue.doorbell) * DOORBELL_BYTES,
                    priority: entry.properties.priority,
                    slot: standing.and_then(|standing| u32::try_from(standing.slot?).ok()),
                    engine: entry.sdma.as_ref().map(SdmaId::engine),
                    waiting: waiting[queue.device].get(&queue.key).copied(),
                    quantum_us: device.profile.queues.quantum_us,
                    gws: entry.queue.has_gws(),
                    evicted: inner.evictions.oldest(),
                    made_at: queue.made_at,
                    kernel: None,
                    instructions: 0,
                    waves: None,
                });
            }
        }
        rows
    }
}
