//! Places on a device's SDMA engines: one for each queue that can be on them at once.
//!
//! amdkfd maps SDMA queues statically, so that a queue without a place is not made (`allocate_sdma_queue`,
//! amdkfd/kfd_device_queue_manager.c: ENOMEM). Places are the whole device's, whoever asks. The lowest free one is taken;
//! place `n` is on engine `n` modulo the number of engines, so queues spread over the engines.
//!
//! The lock is a leaf. Not for: compute queues, which take turns (`dqm`).

use crate::sync::{Arc, Mutex};

/// The places of one kind of engine.
#[derive(Debug)]
pub(crate) struct Slots {
    /// Id of the first engine of this kind.
    first: u32,
    engines: u32,
    taken: Arc<Mutex<Vec<bool>>>,
}

/// A place, given back by drop.
#[derive(Debug)]
pub(crate) struct Slot {
    place: usize,
    engine: u32,
    taken: Arc<Mutex<Vec<bool>>>,
}

impl Slots {
    /// So many engines, from id `first` on, with so many queues each.
    pub(crate) fn new(first: u32, engines: u32, queues_per_engine: u32) -> Self {
        let count = engines as usize * queues_per_engine as usize;
        Self { first, engines, taken: Arc::new(Mutex::new(vec![false; count])) }
    }

    /// Whether this engine is one of these.
    pub(crate) fn has(&self, engine: u32) -> bool {
        engine.wrapping_sub(self.first) < self.engines
    }

    /// Takes a place, on that engine if one is named. `None` when there is none.
    pub(crate) fn take(&self, on: Option<u32>) -> Option<Slot> {
        let engine_of = |place: usize| self.first + place as u32 % self.engines;
        let mut taken = self.taken.lock();
        let fits = |place: &usize| !taken[*place] && on.is_none_or(|engine| engine_of(*place) == engine);
        let place = (0..taken.len()).find(fits)?;
        taken[place] = true;
        Some(Slot { place, engine: engine_of(place), taken: Arc::clone(&self.taken) })
    }
}

impl Slot {
    /// The engine that it is on.
    pub(crate) fn engine(&self) -> u32 {
        self.engine
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.taken.lock()[self.place] = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{Slot, Slots};

    #[test]
    fn a_place_is_free_again_when_its_queue_is_gone() {
        let slots = Slots::new(0, 1, 2);
        let (one, two) = (slots.take(None), slots.take(None));
        assert!(one.is_some() && two.is_some() && slots.take(None).is_none());
        drop(one);
        assert!(slots.take(None).is_some(), "for as long as nobody holds it");
        let again = slots.take(None);
        assert!(again.is_some() && slots.take(None).is_none());
        assert!(Slots::new(0, 0, 8).take(None).is_none());
    }

    #[test]
    fn queues_spread_over_the_engines_or_lie_on_the_one_that_is_named() {
        let slots = Slots::new(2, 3, 2);
        let engine = |slot: &Option<Slot>| slot.as_ref().map(Slot::engine);
        let any: Vec<_> = (0..3).map(|_| slots.take(None)).collect();
        assert_eq!(any.iter().map(engine).collect::<Vec<_>>(), [Some(2), Some(3), Some(4)]);
        let named = slots.take(Some(3));
        assert_eq!(engine(&named), Some(3));
        assert!(slots.take(Some(3)).is_none(), "it has two places");
        assert!(slots.take(Some(4)).is_some());
        assert_eq!((slots.has(1), slots.has(2), slots.has(4), slots.has(5)), (false, true, true, false));
    }
}
