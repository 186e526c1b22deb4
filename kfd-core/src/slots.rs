//! Places on a device's SDMA engines: one for each queue that can be on them at once.
//!
//! amdkfd maps SDMA queues statically, so that a queue without a place is not made (`allocate_sdma_queue`,
//! amdkfd/kfd_device_queue_manager.c: ENOMEM). Places are the whole device's, whoever asks. Not for: compute queues,
//! which take turns.

use crate::sync::{Arc, AtomicU32, Ordering};

/// The free places of one kind of engine.
#[derive(Debug)]
pub(crate) struct Slots(Arc<AtomicU32>);

/// A place, given back by drop.
#[derive(Debug)]
pub(crate) struct Slot(Arc<AtomicU32>);

impl Slots {
    /// So many places.
    pub(crate) fn new(count: u32) -> Self {
        Self(Arc::new(AtomicU32::new(count)))
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&self) -> Option<Slot> {
        // Only a count: nothing is published by it.
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(1));
        taken.ok().map(|_| Slot(Arc::clone(&self.0)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;

    #[test]
    fn a_place_is_free_again_when_its_queue_is_gone() {
        let slots = Slots::new(2);
        let (one, two) = (slots.take(), slots.take());
        assert!(one.is_some() && two.is_some() && slots.take().is_none());
        drop(one);
        assert!(slots.take().is_some(), "for as long as nobody holds it");
        let again = slots.take();
        assert!(again.is_some() && slots.take().is_none());
        assert!(Slots::new(0).take().is_none());
    }
}
