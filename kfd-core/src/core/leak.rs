//! What is left: the totals, and the report that must be empty at the end.

use crate::account::Holdings;
use crate::core::listing::ProcessRow;
use crate::ids::ProcessId;
pub use crate::process::owned::{ObjectKind, Owned, Owner};
use serde::{Deserialize, Serialize};

/// What exists in the core now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Totals {
    /// Process objects that an index finds.
    pub published: u64,
    /// Process objects in memory: published, or waiting for their grace period.
    pub processes: u64,
    /// Files of any node that are open.
    pub files: u64,
    /// Arenas that are there: each is a descriptor of the daemon's.
    pub arena_fds: u64,
    /// Queues that a device knows.
    pub queues_scheduled: u64,
    /// SRCU callbacks that have not run.
    pub callbacks: u64,
    /// Process objects freed since the start.
    pub freed: u64,
    /// What is charged, over all users.
    pub holds: Holdings,
}

/// What is left after the barrier. An empty one is the promise of a shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct LeakReport {
    /// Counters that are not zero.
    pub totals: Totals,
    /// Process objects that can still be found.
    pub processes: Vec<ProcessRow>,
    /// What each of them has, by kind.
    #[serde(default)]
    pub objects: Vec<(ProcessId, Vec<Owned>)>,
    /// Users whose balance is not zero.
    pub users: Vec<(u32, Holdings)>,
}

impl LeakReport {
    /// Whether nothing at all is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Totals { published, processes, files, arena_fds, queues_scheduled, callbacks, freed: _, holds } =
            &self.totals;
        [published, processes, files, arena_fds, queues_scheduled, callbacks].into_iter().all(|n| *n == 0)
            && holds.is_zero()
            && self.processes.is_empty()
            && self.users.is_empty()
    }
}

impl std::fmt::Display for LeakReport {
    /// One line when nothing is left, otherwise one line for each thing that is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_empty() {
            return write!(f, "leak report: empty ({} processes freed)", self.totals.freed);
        }
        let Totals { published, processes, files, arena_fds, callbacks, queues_scheduled, freed: _, holds } =
            &self.totals;
        writeln!(f, "leak report: NOT EMPTY")?;
        writeln!(
            f,
            "  {processes} process objects ({published} published), {files} files, {arena_fds} arenas, {callbacks} callbacks, {queues_scheduled} queues scheduled"
        )?;
        writeln!(f, "  charged: {holds:?}")?;
        for row in &self.processes {
            writeln!(f, "  process {} of tgid {}: {:?}", row.process, row.tgid, row.state)?;
            let its = self.objects.iter().filter(|(process, _)| *process == row.process);
            for Owned { kind, owner, count } in its.flat_map(|(_, objects)| objects) {
                writeln!(f, "    {count} × {kind:?}, ended by {owner:?}")?;
            }
        }
        for (uid, holds) in &self.users {
            writeln!(f, "  uid {uid}: {holds:?}")?;
        }
        Ok(())
    }
}
