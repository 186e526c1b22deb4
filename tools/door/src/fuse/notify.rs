//! What the daemon tells the kernel: pages to drop (the trap is armed again) and names to drop (FORGET can come).
//!
//! Dropping a page waits for its lock and its writeback, both of which end by an answer of a door thread. Dropping a
//! name waits for the directory's lock, which whoever creates a file there holds; so names have a thread of their own
//! ([`super::names`]).

use super::door::Door;
use super::names::Name;
use super::node;
use super::wire::layout::InvalInode;
use super::wire::opcode;
use kfd_core::ids::ProcessId;
use zerocopy::IntoBytes;

impl Door {
    /// See `FuseDoor::rearm`.
    pub(super) fn drop_pages(&self, process: ProcessId, offset: u64, len: u64) {
        let Some(ino) = self.nodes().kfd_of(process) else { return };
        let (Ok(off), Ok(len)) = (i64::try_from(offset), i64::try_from(len)) else { return };
        let body = InvalInode { ino, off, len };
        match self.channels[0].notify(opcode::NOTIFY_INVAL_INODE, &[body.as_bytes()]) {
            Err(error)
                if !matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV | libc::ENOTCONN)) =>
            {
                tracing::error!(%process, offset, len, %error, "doorbell pages could not be dropped");
            }
            _ => {}
        }
    }

    /// See `FuseDoor::unpublished`.
    pub(super) fn unpublish(&self, process: ProcessId) {
        let Some((nodes, backings)) = self.nodes().unpublish(process) else { return };
        for id in backings {
            if let Err(error) = self.channels[0].backing_close(id) {
                tracing::error!(%process, id, %error, "a backing file could not be given back");
            }
        }
        let name = |node| Name { parent: node::parent(node), name: self.tree.name(node) };
        self.names.drop_names(nodes.into_iter().map(name).collect());
    }
}
