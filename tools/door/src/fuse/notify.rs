//! What the daemon tells the kernel: pages to drop (the trap is armed again) and names to drop (FORGET can come).
//!
//! Dropping a page waits for its lock and its writeback, both of which end by an answer of a door thread. Dropping a
//! name waits for the directory's lock, which whoever creates a file there holds; so names have a thread of their own.

use super::channel::Channel;
use super::dispatch::Door;
use super::node;
use super::wire::layout::{InvalEntry, InvalInode};
use super::wire::opcode;
use kfd_core::ids::ProcessId;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use zerocopy::IntoBytes;

/// A name and the node of its directory.
#[derive(Debug)]
struct Name {
    parent: u64,
    name: String,
}

/// Names to drop, on the way to the thread that does it.
#[derive(Debug)]
pub(super) struct Names(Mutex<Option<Sender<Vec<Name>>>>);

impl Names {
    /// Starts the thread.
    pub(super) fn start(channel_to_kernel: Arc<Channel>) -> io::Result<(Self, JoinHandle<()>)> {
        let (send, receive) = channel();
        let thread = std::thread::Builder::new().name("kfdd-names".to_owned());
        let thread = thread.spawn(move || drop_names(&channel_to_kernel, &receive))?;
        Ok((Self(Mutex::new(Some(send))), thread))
    }

    /// Those of one process together: each message may wake the thread.
    fn drop_names(&self, names: Vec<Name>) {
        if let Some(sender) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // A thread that is gone means that the connection is.
            let _ = sender.send(names);
        }
    }

    /// Ends the thread once it has done what it was given.
    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn drop_names(channel: &Channel, names: &Receiver<Vec<Name>>) {
    for Name { parent, name } in names.iter().flatten() {
        let namelen = u32::try_from(name.len()).expect("invariant: a device's name is short");
        let head = InvalEntry { parent, namelen, flags: 0 };
        // ENOENT: the kernel does not know the name any more, which is what was wanted.
        match channel.notify(opcode::NOTIFY_INVAL_ENTRY, &[head.as_bytes(), name.as_bytes(), &[0]]) {
            Err(error)
                if !matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV | libc::ENOTCONN)) =>
            {
                tracing::warn!(name, %error, "a name could not be dropped");
            }
            _ => {}
        }
    }
}

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
