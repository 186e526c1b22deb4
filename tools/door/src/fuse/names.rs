//! Names for the kernel to drop, on the thread that may wait for a directory's lock.

use super::channel::Channel;
use super::wire::layout::InvalEntry;
use super::wire::opcode;
use kfd_core::sync::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use zerocopy::IntoBytes;

/// A name and the node of its directory.
#[derive(Debug)]
pub(super) struct Name {
    pub parent: u64,
    pub name: String,
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
    pub(super) fn drop_names(&self, names: Vec<Name>) {
        if let Some(sender) = &*self.0.lock() {
            // A thread that is gone means that the connection is.
            let _ = sender.send(names);
        }
    }

    /// Ends the thread once it has done what it was given.
    pub(super) fn end(&self) {
        self.0.lock().take();
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
