//! SDMA queue ids (`sdma_id`): one for each queue that can be on a device's SDMA engines at once.
//!
//! amdkfd maps SDMA queues statically, so that a queue without an id is not made (`allocate_sdma_queue`,
//! amdkfd/kfd_device_queue_manager.c: ENOMEM). Ids are the whole device's, whoever asks. The lowest free one is taken;
//! id `n` is on engine `n` modulo the number of engines (`sdma_engine_id`), so queues spread over the engines.
//!
//! The lock is a leaf. Not for: compute queues, which take turns on HQD slots (`dqm`).

use crate::sync::{Arc, Mutex};

/// The SDMA engines of one kind, and which of their queue ids are taken (`sdma_bitmap`).
#[derive(Debug)]
pub(crate) struct SdmaEngines {
    /// Id of the first engine of this kind.
    first: u32,
    engines: u32,
    taken: Arc<Mutex<Vec<bool>>>,
}

/// An SDMA queue id, given back by drop.
#[derive(Debug)]
pub(crate) struct SdmaId {
    id: usize,
    engine: u32,
    taken: Arc<Mutex<Vec<bool>>>,
}

impl SdmaEngines {
    /// So many engines, from id `first` on, with so many queues each.
    pub(crate) fn new(first: u32, engines: u32, queues_per_engine: u32) -> Self {
        let count = engines as usize * queues_per_engine as usize;
        Self { first, engines, taken: Arc::new(Mutex::new(vec![false; count])) }
    }

    /// Whether this engine is one of these.
    pub(crate) fn has(&self, engine: u32) -> bool {
        engine.wrapping_sub(self.first) < self.engines
    }

    /// Takes a queue id, on that engine if one is named. `None` when there is none.
    pub(crate) fn take(&self, on: Option<u32>) -> Option<SdmaId> {
        let engine_of = |id: usize| self.first + id as u32 % self.engines;
        let mut taken = self.taken.lock();
        let fits = |id: &usize| !taken[*id] && on.is_none_or(|engine| engine_of(*id) == engine);
        let id = (0..taken.len()).find(fits)?;
        taken[id] = true;
        Some(SdmaId { id, engine: engine_of(id), taken: Arc::clone(&self.taken) })
    }
}

impl SdmaId {
    /// The engine that it is on.
    pub(crate) fn engine(&self) -> u32 {
        self.engine
    }
}

impl Drop for SdmaId {
    fn drop(&mut self) {
        self.taken.lock()[self.id] = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{SdmaEngines, SdmaId};

    #[test]
    fn a_place_is_free_again_when_its_queue_is_gone() {
        let engines = SdmaEngines::new(0, 1, 2);
        let (one, two) = (engines.take(None), engines.take(None));
        assert!(one.is_some() && two.is_some() && engines.take(None).is_none());
        drop(one);
        assert!(engines.take(None).is_some(), "for as long as nobody holds it");
        let again = engines.take(None);
        assert!(again.is_some() && engines.take(None).is_none());
        assert!(SdmaEngines::new(0, 0, 8).take(None).is_none());
    }

    #[test]
    fn queues_spread_over_the_engines_or_lie_on_the_one_that_is_named() {
        let engines = SdmaEngines::new(2, 3, 2);
        let engine = |id: &Option<SdmaId>| id.as_ref().map(SdmaId::engine);
        let any: Vec<_> = (0..3).map(|_| engines.take(None)).collect();
        assert_eq!(any.iter().map(engine).collect::<Vec<_>>(), [Some(2), Some(3), Some(4)]);
        let named = engines.take(Some(3));
        assert_eq!(engine(&named), Some(3));
        assert!(engines.take(Some(3)).is_none(), "it has two ids");
        assert!(engines.take(Some(4)).is_some());
        assert_eq!(
            (engines.has(1), engines.has(2), engines.has(4), engines.has(5)),
            (false, true, true, false)
        );
    }
}
