//! Room in VRAM: GEM buffers give way to KFD's, as TTM makes them.
//!
//! The other way round, KFD's processes are evicted (`eviction`). Not for: who asks.

use crate::account::{Charge, Resource};
use crate::core::Core;

impl Core {
    /// Moves GEM buffers out of the VRAM of the device with this index, one after the other, until `take` finds room
    /// there; `None` when it does not even then.
    pub(crate) fn push_gems_out(
        &self,
        device: usize,
        mut take: impl FnMut() -> Option<Charge>,
    ) -> Option<Charge> {
        for process in self.table.ids().into_iter().filter_map(|id| self.process(id)) {
            for gem in process.render.gems(device) {
                let moved = gem.move_out(|len| process.purse.charge(Resource::Gtt, len).ok());
                if let Some(charge) = moved.then(&mut take).flatten() {
                    return Some(charge);
                }
            }
        }
        None
    }
}
