//! READ: the doorbell trap, and what sysfs shows.

use super::changing::Changing;
use super::channel::Channel;
use super::door::Door;
use super::readings::part;
use super::sysfs::Kind;
use super::wire::Reply;
use super::wire::layout::{InHeader, ReadIn};
use kfd_core::call::{Errno, Node};

impl Door {
    pub(super) fn read(&self, channel: &Channel, header: &InHeader, read: &ReadIn) {
        let unique = header.unique;
        if let Some(content) = self.read_sysfs(header, read) {
            return channel.reply(unique, &Reply::Data(&content));
        }
        let file = self.files.get(read.fh);
        if file.is_some_and(|file| matches!(file.node, Node::Card(_))) {
            // No display, no events.
            return channel.reply(unique, &Reply::Data(&[]));
        }
        if file.is_some_and(|file| file.node == Node::Kfd) && !self.driver.has_kfd_page(read.offset) {
            // A page of zeros would take stores that nobody reads. The error is a SIGBUS, and nothing is cached.
            return channel.reply(unique, &Reply::Error(Errno(libc::EIO)));
        }
        // Before the answer: what the client submitted is done by the time that its store is.
        let doorbell = file.filter(|file| file.node == Node::Kfd);
        let trapped = doorbell.map(|file| self.driver.trap(file.process, read.offset));
        channel.reply(unique, &Reply::Zeros(read.size));
        if let Some(trapped) = trapped {
            self.driver.trapped(trapped);
        }
    }

    /// What a READ of a file in sysfs is answered; `None` when the node is none.
    fn read_sysfs(&self, header: &InHeader, read: &ReadIn) -> Option<Vec<u8>> {
        match self.tree.sysfs.kind(header.nodeid) {
            Some(Kind::File(bytes)) => Some(part(bytes, read).to_vec()),
            Some(Kind::Live(live)) => Some(self.readings.read(read, || self.driver.figure(*live))),
            Some(Kind::Directory(_) | Kind::Link(_)) => None,
            None => {
                let node = Changing::of(header.nodeid)?;
                let text = || node.text(self).unwrap_or_default().into_bytes();
                Some(self.readings.read(read, text))
            }
        }
    }
}
