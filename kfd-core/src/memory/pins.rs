//! Which mappings of buffer objects queues need: each counts its queues, and is not undone while there is one.
//!
//! `queue_refcount` of `struct amdgpu_bo_va` (amdgpu/amdgpu_object.h). A mapping and the spans it consists of share one
//! [`Pins`]; a queue holds a [`Pin`] of each of its buffers, given back by drop. Not for: which buffers a queue must
//! have (`ioctl::queue_buffers`).

use crate::sync::{Arc, AtomicU32, Ordering};

/// The queues that use a mapping, counted. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pins(Arc<AtomicU32>);

impl Pins {
    /// Counts one more queue that uses the mapping; the pin's drop takes it back.
    pub(crate) fn pin(&self) -> Pin {
        self.0.fetch_add(1, Ordering::Relaxed);
        Pin(Arc::clone(&self.0))
    }

    /// Whether any queue uses the mapping.
    pub(crate) fn any(&self) -> bool {
        // Pins are made under the process mutex, as this is asked: a late drop is a queue that is being destroyed.
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A queue's use of a mapping.
#[derive(Debug)]
pub(crate) struct Pin(Arc<AtomicU32>);

impl Drop for Pin {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The pins of one queue; empty where the profile's interface does not check a queue's buffers.
#[derive(Debug, Default)]
pub(crate) struct Held {
    ring: Option<Pin>,
    _fixed: Vec<Pin>,
}

impl Held {
    /// Pins of a ring, which can be exchanged, and of buffers that stay the queue's until its end.
    pub(crate) fn new(ring: Pin, fixed: Vec<Pin>) -> Self {
        Self { ring: Some(ring), _fixed: fixed }
    }

    /// Replaces the pin of the ring, which unpins the old ring.
    pub(crate) fn exchange_ring(&mut self, ring: Pin) {
        self.ring = Some(ring);
    }
}
