//! Room in VRAM: GEM buffers give way to KFD's, as TTM makes them.
//!
//! The other way round, KFD's processes are evicted (`eviction`). Not for: who asks.

use crate::account::{Charge, Resource};
use crate::core::Core;
use crate::sync::Arc;

impl Core {
    /// Moves GEM buffers out of the VRAM of the device with this index, one after the other, until `take` finds room
    /// there; `None` when it does not even then.
    pub(crate) fn push_gems_out(
        &self,
        device: usize,
        mut take: impl FnMut() -> Option<Charge>,
    ) -> Option<Charge> {
        for process in self.table.ids().into_iter().filter_map(|id| self.process(id)) {
            for file in process.render.all().iter().filter(|file| file.device == device) {
                // A buffer's end takes locks of its own: none comes with the state held.
                let gems: Vec<_> = file.state.lock().gems.iter().map(Arc::clone).collect();
                for gem in gems {
                    let moved = gem.move_out(|len| process.purse.charge(Resource::Gtt, len).ok());
                    if let Some(charge) = moved.then(&mut take).flatten() {
                        return Some(charge);
                    }
                }
            }
        }
        None
    }
}
