//! Arenas that outlive their process: when the last mapping goes, and a listing.

use crate::call::Node;
use crate::core::Core;
use crate::ids::ProcessId;
use crate::memory::orphans::LingeringRow;

impl Core {
    /// Nobody has this node of a process open or mapped any more (FORGET): its pages are gone.
    pub fn node_forgotten(&self, process: ProcessId, node: Node) {
        if let Node::Render(minor) = node
            && let Some(arena) = self.vitals.orphans.unmapped(process, minor)
        {
            // Dropping many pages takes its time: not on a door's thread.
            self.domain().defer(move || arena.trim());
        }
    }

    /// The arenas of freed processes that somebody still maps.
    #[must_use]
    pub fn lingering(&self) -> Vec<LingeringRow> {
        self.vitals.orphans.rows()
    }
}
