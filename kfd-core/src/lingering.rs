//! Pages that outlive their process: an arena that somebody else still maps.
//!
//! A forked child keeps its parent's mapping of the render node; the pages then live until that mapping ends, which the
//! door is told by the node's FORGET. From the free of the process until then they are listed under the name of the dead.
//! They are not charged any more (its balance was zero when it was freed), and a leak report does not count them: what
//! a foreign mapping holds is not the daemon's to take back.
//!
//! An arena of which others hold a part ([`crate::share`]) outlives its process too: once nobody maps it, everything
//! but that part is dropped. The part is listed by [`Core::shares`].
//!
//! Lock order: a leaf. Not for: doorbell pages, which hold nothing of worth.

use crate::arena::Arena;
use crate::call::Node;
use crate::core::Core;
use crate::ids::{Bytes, ProcessId, RenderMinor, Tgid, Uid};
use crate::process::Process;
use crate::sync::{Arc, Mutex};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Weak;

/// One arena of a freed process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LingeringRow {
    /// Whose it was.
    pub tgid: Tgid,
    /// Whose it was.
    pub uid: Uid,
    /// Whose it was.
    pub process: ProcessId,
    /// The render node that is still mapped.
    pub minor: RenderMinor,
    /// Bytes of memory behind it when its process was freed.
    pub bytes: Bytes,
}

/// An arena that was handed out.
#[derive(Debug, Default)]
struct Slot {
    /// Once the process is gone.
    row: Option<LingeringRow>,
    /// What is to be trimmed when nobody maps it any more.
    outlives: Weak<Arena>,
}

/// Arenas that were handed out, by process and node.
#[derive(Debug, Default)]
pub(crate) struct Lingering(Mutex<BTreeMap<(ProcessId, RenderMinor), Slot>>);

impl Lingering {
    /// An arena is handed out to be mapped.
    pub(crate) fn handed_out(&self, process: ProcessId, minor: RenderMinor) {
        self.0.lock().entry((process, minor)).or_default();
    }

    /// Its process is being freed.
    pub(crate) fn orphaned(&self, process: &Process, minor: RenderMinor, bytes: u64) {
        if let Some(slot) = self.0.lock().get_mut(&(process.id(), minor)) {
            let (tgid, uid) = (process.tgid(), process.uid());
            slot.row = Some(LingeringRow { tgid, uid, process: process.id(), minor, bytes: Bytes(bytes) });
        }
    }

    /// Its process is being freed while others hold a part of the arena: the rest is dropped as soon as nobody maps it.
    pub(crate) fn outlives(&self, process: ProcessId, minor: RenderMinor, arena: &Arc<Arena>) {
        if let Some(slot) = self.0.lock().get_mut(&(process, minor)) {
            slot.outlives = Arc::downgrade(arena);
            return;
        }
        arena.trim();
    }
}

impl Core {
    /// Nobody has this node of a process open or mapped any more (FORGET): its pages are gone.
    pub fn node_forgotten(&self, process: ProcessId, node: Node) {
        if let Node::Render(minor) = node {
            let slot = self.vitals.lingering.0.lock().remove(&(process, minor));
            if let Some(arena) = slot.and_then(|slot| slot.outlives.upgrade()) {
                // Dropping many pages takes its time: not on a door's thread.
                self.domain().defer(move || arena.trim());
            }
        }
    }

    /// The arenas of freed processes that somebody still maps.
    #[must_use]
    pub fn lingering(&self) -> Vec<LingeringRow> {
        self.vitals.lingering.0.lock().values().filter_map(|slot| slot.row).collect()
    }
}
