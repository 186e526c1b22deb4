//! Pages that outlive their process: an arena that somebody else still maps.
//!
//! A forked child keeps its parent's mapping of the render node; the pages then live until that mapping ends, which the
//! door is told by the node's FORGET. From the free of the process until then they are listed under the name of the dead.
//! They are not charged any more (its balance was zero when it was freed), and a leak report does not count them: what
//! a foreign mapping holds is not the daemon's to take back.
//!
//! Lock order: a leaf. Not for: doorbell pages, which hold nothing of worth.

use crate::call::Node;
use crate::core::Core;
use crate::ids::{Bytes, ProcessId, RenderMinor, Tgid, Uid};
use crate::process::Process;
use crate::sync::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// Arenas that were handed out, by process and node; a row once the process is gone.
#[derive(Debug, Default)]
pub(crate) struct Lingering(Mutex<BTreeMap<(ProcessId, RenderMinor), Option<LingeringRow>>>);

impl Lingering {
    /// An arena is handed out to be mapped.
    pub(crate) fn handed_out(&self, process: ProcessId, minor: RenderMinor) {
        self.0.lock().entry((process, minor)).or_default();
    }

    /// Its process is being freed.
    pub(crate) fn orphaned(&self, process: &Process, minor: RenderMinor, bytes: u64) {
        if let Some(slot) = self.0.lock().get_mut(&(process.id(), minor)) {
            let (tgid, uid) = (process.tgid(), process.uid());
            *slot = Some(LingeringRow { tgid, uid, process: process.id(), minor, bytes: Bytes(bytes) });
        }
    }
}

impl Core {
    /// Nobody has this node of a process open or mapped any more (FORGET): its pages are gone.
    pub fn node_forgotten(&self, process: ProcessId, node: Node) {
        if let Node::Render(minor) = node {
            self.vitals.lingering.0.lock().remove(&(process, minor));
        }
    }

    /// The arenas of freed processes that somebody still maps.
    #[must_use]
    pub fn lingering(&self) -> Vec<LingeringRow> {
        self.vitals.lingering.0.lock().values().flatten().copied().collect()
    }
}
