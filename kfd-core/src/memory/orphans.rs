//! Pages that outlive their process: an arena that somebody else still maps.
//!
//! A forked child keeps its parent's mapping of the render node; the pages then live until that mapping ends, which the
//! door is told by the node's FORGET. From the free of the process until then they are listed under the name of the dead.
//! They are not charged any more (its balance was zero when it was freed), and a leak report does not count them: what
//! a foreign mapping holds is not the daemon's to take back.
//!
//! An arena of which others hold a part (`memory::share`) outlives its process too: once nobody maps it, everything
//! but that part is dropped. The part is listed among the shares.
//!
//! Lock order: a leaf. Not for: doorbell pages, which hold nothing of worth.

use crate::ids::{Bytes, ProcessId, RenderMinor, Tgid, Uid};
use crate::memory::arena::Arena;
use crate::sync::{Arc, Mutex};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Weak;

/// The arena of a freed process at one render node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LingeringRow {
    /// The thread group of the freed process.
    pub tgid: Tgid,
    /// The user who owned it.
    pub uid: Uid,
    /// The id that the core gave it.
    pub process: ProcessId,
    /// The render node whose mapping still exists.
    pub minor: RenderMinor,
    /// The arena's resident bytes when its process was freed.
    pub bytes: Bytes,
}

/// One process's arena at one render node, from the open on that handed it out until the last FORGET of such a node.
#[derive(Debug, Default)]
struct HandedOut {
    /// How many FUSE nodes it was handed out for and may be mapped by.
    nodes: u64,
    /// The row that a listing shows, from the free of the process on.
    row: Option<LingeringRow>,
    /// The arena, if others hold a part of it: the rest is dropped when no node of the process is mapped any more.
    outlives: Weak<Arena>,
}

/// The keys of all render nodes of a process.
fn nodes(process: ProcessId) -> RangeInclusive<(ProcessId, RenderMinor)> {
    (process, RenderMinor(0))..=(process, RenderMinor(u32::MAX))
}

/// The arenas that were handed out, by process and render node.
#[derive(Debug, Default)]
pub(crate) struct Orphans(Mutex<BTreeMap<(ProcessId, RenderMinor), HandedOut>>);

impl Orphans {
    /// Records that a process's arena is handed out at a render node, to be mapped.
    pub(crate) fn handed_out(&self, process: ProcessId, minor: RenderMinor) {
        self.0.lock().entry((process, minor)).or_default().nodes += 1;
    }

    /// Lists the arena of a process that is being freed as lingering at every node where it was handed out.
    pub(crate) fn orphaned(&self, process: ProcessId, tgid: Tgid, uid: Uid, bytes: u64) {
        for ((id, minor), node) in self.0.lock().range_mut(nodes(process)) {
            node.row = Some(LingeringRow { tgid, uid, process: *id, minor: *minor, bytes: Bytes(bytes) });
        }
    }

    /// Notes that others hold a part of a freed process's arena: the rest is dropped as soon as no node of it is
    /// mapped.
    pub(crate) fn outlives(&self, process: ProcessId, arena: &Arc<Arena>) {
        let mut handed_out = self.0.lock();
        let mut mapped = false;
        for (_, node) in handed_out.range_mut(nodes(process)) {
            node.outlives = Arc::downgrade(arena);
            mapped = true;
        }
        drop(handed_out);
        if !mapped {
            arena.trim();
        }
    }

    /// Ends one mapping of a node (FORGET). Returns the arena that is to be trimmed when that was the last mapped node of a
    /// process whose arena outlives it.
    pub(crate) fn unmapped(&self, process: ProcessId, minor: RenderMinor) -> Option<Arc<Arena>> {
        let mut handed_out = self.0.lock();
        let node = handed_out.get_mut(&(process, minor))?;
        node.nodes = node.nodes.saturating_sub(1);
        if node.nodes > 0 {
            return None;
        }
        let node = handed_out.remove(&(process, minor))?;
        let last = handed_out.range(nodes(process)).next().is_none();
        if last { node.outlives.upgrade() } else { None }
    }

    /// One row per arena of a freed process and render node that is still mapped.
    pub(crate) fn rows(&self) -> Vec<LingeringRow> {
        self.0.lock().values().filter_map(|node| node.row).collect()
    }
}
