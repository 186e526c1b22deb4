//! What can be charged for, and amounts of it.

use serde::{Deserialize, Serialize};

/// What can be charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A process object.
    Process,
    /// A queue.
    Queue,
    /// A doorbell slot.
    Doorbell,
    /// An event.
    Event,
    /// A buffer object.
    Bo,
    /// Bytes of the device with this index.
    Vram(usize),
    /// Bytes of host memory behind arenas.
    Gtt,
    /// Bytes of client memory named by USERPTR objects, or by ranges of shared virtual memory while faults are not
    /// retried.
    Userptr,
    /// A range of shared virtual memory.
    SvmRange,
    /// A parked call.
    Parked,
    /// A descriptor of the daemon's: a dma-buf's, or its end of a stream.
    Descriptor,
}

/// Amounts of every resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Holdings {
    /// Process objects.
    pub processes: u64,
    /// Queues.
    pub queues: u64,
    /// Doorbell slots.
    pub doorbells: u64,
    /// Events.
    pub events: u64,
    /// Buffer objects.
    pub bos: u64,
    /// VRAM over all devices, bytes.
    pub vram_bytes: u64,
    /// GTT, bytes.
    pub gtt_bytes: u64,
    /// Client memory named by USERPTR objects and by ranges of shared virtual memory, bytes.
    pub userptr_bytes: u64,
    /// Ranges of shared virtual memory.
    #[serde(default)]
    pub svm_ranges: u64,
    /// Parked calls.
    pub parked: u64,
    /// Descriptors of the daemon's.
    #[serde(default)]
    pub descriptors: u64,
}

impl Holdings {
    /// Whether there is nothing.
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
        }
    }
}
