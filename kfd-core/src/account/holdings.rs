//! What can be charged for, and amounts of it.

use serde::{Deserialize, Serialize};

/// A resource that can be charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A process object, one unit each.
    Process,
    /// A queue, one unit each.
    Queue,
    /// A doorbell, one unit a slot.
    Doorbell,
    /// An event, one unit each.
    Event,
    /// A buffer object, one unit each.
    Bo,
    /// VRAM of the device with this index, bytes.
    Vram(usize),
    /// Host memory behind arenas, bytes.
    Gtt,
    /// Client memory named by USERPTR objects, or by ranges of shared virtual memory while faults are not retried;
    /// bytes.
    Userptr,
    /// A range of shared virtual memory, one unit each.
    SvmRange,
    /// A parked call, one unit each.
    Parked,
    /// A descriptor that the daemon keeps, a dma-buf's or its end of an SMI stream; one unit each.
    Descriptor,
    /// A worker that runs the waves of its client, one unit each.
    WaveWorker,
}

/// The amounts of every resource that somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Holdings {
    /// The number of process objects.
    pub processes: u64,
    /// The number of queues.
    pub queues: u64,
    /// The number of doorbell slots.
    pub doorbells: u64,
    /// The number of events.
    pub events: u64,
    /// The number of buffer objects.
    pub bos: u64,
    /// Bytes of VRAM, summed over all devices.
    pub vram_bytes: u64,
    /// Bytes of host memory behind arenas.
    pub gtt_bytes: u64,
    /// Bytes of client memory named by USERPTR objects and by ranges of shared virtual memory.
    pub userptr_bytes: u64,
    /// The number of ranges of shared virtual memory.
    #[serde(default)]
    pub svm_ranges: u64,
    /// The number of parked calls.
    pub parked: u64,
    /// The number of descriptors that the daemon keeps for clients.
    #[serde(default)]
    pub descriptors: u64,
    /// The number of wave workers.
    #[serde(default)]
    pub wave_workers: u64,
}

impl Holdings {
    /// Whether every amount is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn get(&self, what: Resource) -> u64 {
        match what {
            Resource::Process => self.processes,
            Resource::Queue => self.queues,
            Resource::Doorbell => self.doorbells,
            Resource::Event => self.events,
            Resource::Bo => self.bos,
            Resource::Vram(_) => self.vram_bytes,
            Resource::Gtt => self.gtt_bytes,
            Resource::Userptr => self.userptr_bytes,
            Resource::SvmRange => self.svm_ranges,
            Resource::Parked => self.parked,
            Resource::Descriptor => self.descriptors,
            Resource::WaveWorker => self.wave_workers,
        }
    }

    pub(super) fn entry(&mut self, what: Resource) -> &mut u64 {
        match what {
            Resource::Process => &mut self.processes,
            Resource::Queue => &mut self.queues,
            Resource::Doorbell => &mut self.doorbells,
            Resource::Event => &mut self.events,
            Resource::Bo => &mut self.bos,
            Resource::Vram(_) => &mut self.vram_bytes,
            Resource::Gtt => &mut self.gtt_bytes,
            Resource::Userptr => &mut self.userptr_bytes,
            Resource::SvmRange => &mut self.svm_ranges,
            Resource::Parked => &mut self.parked,
            Resource::Descriptor => &mut self.descriptors,
            Resource::WaveWorker => &mut self.wave_workers,
        }
    }
}
