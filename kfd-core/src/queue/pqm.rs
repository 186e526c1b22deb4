//! The queues of one process, over all devices, by id; and which doorbell each has.
//!
//! Ids and doorbells are the lowest free ones (`find_available_queue_slot`, `allocate_doorbell`). A queue that is
//! stopped for good keeps both until it is destroyed, so that no other queue answers to them. Lives under the process mutex.

use crate::account::Charge;
use crate::call::Errno;
use crate::ids::QueueId;
use crate::memory::pins::Held;
use crate::queue::sdma::SdmaId;
use crate::queue::{Properties, Queue};
use crate::sync::Arc;
use hsa_queue::doorbell::DOORBELLS_PER_PROCESS;
use std::collections::BTreeMap;

/// Queues of one process on one device of a generation (`pqm_create_queue`, amdkfd/kfd_process_queue_manager.c): what
/// the hardware's scheduler takes, and more on those that have no such limit.
pub(crate) const fn max_per_device(gfx_target_version: u32) -> usize {
    match gfx_target_version {
        90_400..=90_402 | 90_500 => 255,
        _ => 127,
    }
}

/// `KFD_MAX_NUM_OF_QUEUES_PER_PROCESS` (amdkfd/kfd_priv.h).
pub(crate) const MAX_PER_PROCESS: u32 = 1024;

/// A queue, and what its process holds for it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) queue: Arc<Queue>,
    pub(crate) properties: Properties,
    pub(crate) cu_mask: Vec<u32>,
    /// Queue and doorbell, given back by drop.
    pub(crate) _charges: [Charge; 2],
    /// Its queue id on an SDMA engine, if it is for one.
    pub(crate) sdma: Option<SdmaId>,
    /// What stays mapped for it.
    pub(crate) held: Held,
}

#[derive(Debug, Default)]
pub(crate) struct Pqm {
    queues: BTreeMap<u32, Entry>,
    /// How many queues the process has made.
    made: u64,
}

impl Pqm {
    /// The lowest free id.
    pub(crate) fn free_id(&self) -> Option<QueueId> {
        let taken = self.queues.keys().zip(0..).take_while(|(id, n)| **id == *n).count();
        u32::try_from(taken).ok().filter(|id| *id < MAX_PER_PROCESS).map(QueueId)
    }

    /// The lowest free doorbell of a device's slice.
    pub(crate) fn free_doorbell(&self, device: usize) -> Option<u16> {
        let mut taken = [false; DOORBELLS_PER_PROCESS as usize];
        for entry in self.on(device) {
            taken[usize::from(entry.queue.doorbell)] = true;
        }
        taken.iter().position(|taken| !taken).and_then(|index| u16::try_from(index).ok())
    }

    /// This id and this doorbell, which must be free.
    ///
    /// # Errors
    /// EINVAL for an id or a doorbell that there is not, and for a doorbell that is taken; ENOSPC for an id that is.
    pub(crate) fn claim(&self, device: usize, id: u32, doorbell: u16) -> Result<(QueueId, u16), Errno> {
        let rings = |entry: &Entry| entry.queue.doorbell == doorbell;
        if id >= MAX_PER_PROCESS
            || u64::from(doorbell) >= DOORBELLS_PER_PROCESS as u64
            || self.on(device).any(rings)
        {
            return Err(Errno::INVAL);
        }
        if self.queues.contains_key(&id) { Err(Errno::NOSPC) } else { Ok((QueueId(id), doorbell)) }
    }

    /// Where the tickets of a queue that is about to be made begin: far from those of the queues before it, one of which
    /// may have had its id and an access whose answer is still to come. Below 2^63.
    pub(crate) fn tickets(&mut self) -> u64 {
        let before = self.made;
        self.made += 1;
        (before << 32) & (i64::MAX as u64)
    }

    pub(crate) fn insert(&mut self, entry: Entry) {
        self.queues.insert(entry.queue.key.queue.0, entry);
    }

    /// The queue with this id.
    pub(crate) fn get(&self, id: u32) -> Option<&Entry> {
        self.queues.get(&id)
    }

    /// As [`Pqm::get`], to be changed.
    pub(crate) fn get_mut(&mut self, id: u32) -> Option<&mut Entry> {
        self.queues.get_mut(&id)
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<Entry> {
        self.queues.remove(&id)
    }

    pub(crate) fn on(&self, device: usize) -> impl Iterator<Item = &Entry> {
        self.queues.values().filter(move |entry| entry.queue.device == device)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.queues.values()
    }
}
