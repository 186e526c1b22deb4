//! LOOKUP, GETATTR and READDIR: what names lead to and what directories have.

use super::changing::Changing;
use super::door::{Door, refusal};
use super::node::{self, Inode};
use super::sysfs;
use super::wire::layout::{Attr, EntryOut, InHeader, ReadIn};
use super::wire::{opcode, reply};
use kfd_core::call::Errno;
use kfd_core::ids::Tid;

/// How long the kernel may keep what does not change: directories, and the attributes of devices. Seconds.
pub(super) const FOR_LONG: u64 = 3600;

impl Door {
    pub(super) fn look_up(&self, header: &InHeader, name: &[u8]) -> Result<EntryOut, Errno> {
        match self.find(header.nodeid, name).ok_or(Errno(libc::ENOENT))? {
            Inode::Dri => Ok(fixed(node::directory_attr(node::DRI_ID))),
            Inode::Ras => Ok(fixed(node::directory_attr(node::RAS_ID))),
            Inode::Control(id) => Ok(fixed(node::control_attr(id))),
            // Asked for anew each time: processes and files come and go.
            Inode::Sysfs(id) => match Changing::of(id).filter(|node| !node.is_root()) {
                Some(node) => {
                    let attr = node.attr(self).ok_or(Errno(libc::ENOENT))?;
                    Ok(EntryOut { nodeid: id, attr, ..EntryOut::default() })
                }
                _ => Ok(fixed(self.attr(id).ok_or(Errno(libc::ENOENT))?)),
            },
            Inode::Device(device) => {
                let who = self.resolver.resolve(Tid(header.pid)).map_err(|error| refusal(&error))?;
                let process = self.driver.find(who.tgid, Some(who.mm));
                let nodeid = self.nodes().look_up(device, who.tgid, process);
                // No validity for the name: the next process must ask for its own node.
                let attr = self.tree.device_attr(nodeid, device, self.driver.kfd_node_bytes());
                Ok(EntryOut { nodeid, attr_valid: FOR_LONG, attr, ..EntryOut::default() })
            }
        }
    }

    fn find(&self, parent: u64, name: &[u8]) -> Option<Inode> {
        let text = || std::str::from_utf8(name).ok();
        if let Some(directory) = Changing::of(parent) {
            return Some(Inode::Sysfs(directory.find(text()?, self)?.id()));
        }
        if parent == sysfs::ROOT
            && let Some((_, root)) = Changing::roots().find(|(root, _)| root.as_bytes() == name)
        {
            return Some(Inode::Sysfs(root.id()));
        }
        match parent {
            sysfs::ROOT.. => self.tree.sysfs.find(parent, text()?).map(Inode::Sysfs),
            _ => self.tree.find(parent, name),
        }
    }

    pub(super) fn attr(&self, id: u64) -> Option<Attr> {
        if let Some(node) = Changing::of(id) {
            return node.attr(self);
        }
        match id {
            sysfs::ROOT.. => self.tree.sysfs.attr(id),
            opcode::ROOT_ID | node::DRI_ID | node::RAS_ID => Some(node::directory_attr(id)),
            _ if self.tree.control(id).is_some() => Some(node::control_attr(id)),
            _ => {
                let device = self.nodes().get(id)?;
                Some(self.tree.device_attr(id, device.node, self.driver.kfd_node_bytes()))
            }
        }
    }

    pub(super) fn list(&self, directory: u64, read: &ReadIn) -> Option<Vec<u8>> {
        let entries = self.entries(directory)?;
        let mut out = Vec::new();
        let start = usize::try_from(read.offset).unwrap_or(usize::MAX);
        for (index, (ino, kind, name)) in entries.iter().enumerate().skip(start) {
            if !reply::push_dirent(
                &mut out,
                read.size as usize,
                *ino,
                index as u64 + 1,
                *kind,
                name.as_bytes(),
            ) {
                break;
            }
        }
        Some(out)
    }

    /// The entries of a directory: inode numbers, `d_type`s and names.
    fn entries(&self, directory: u64) -> Option<Vec<(u64, u32, String)>> {
        let own = |id| (id, u32::from(libc::DT_DIR), ".".to_owned());
        let up = |id| (id, u32::from(libc::DT_DIR), "..".to_owned());
        if let Some(node) = Changing::of(directory) {
            let row = |(name, node): (String, Changing)| {
                let mode = node.attr(self).map_or(libc::S_IFREG, |attr| attr.mode);
                (node.id(), sysfs::d_type(mode), name)
            };
            let there = node.list(self)?.into_iter().map(row);
            return Some([own(directory), up(sysfs::ROOT)].into_iter().chain(there).collect());
        }
        if directory < sysfs::ROOT {
            return self.tree.list(directory);
        }
        let mut entries = vec![own(directory), up(sysfs::ROOT)];
        entries.extend(self.tree.sysfs.list(directory)?);
        if directory == sysfs::ROOT {
            let root = |(name, root): (&str, Changing)| (root.id(), u32::from(libc::DT_DIR), name.to_owned());
            entries.extend(Changing::roots().map(root));
        }
        Some(entries)
    }
}

/// The answer to the LOOKUP of a node that is always there.
fn fixed(attr: Attr) -> EntryOut {
    EntryOut { nodeid: attr.ino, entry_valid: FOR_LONG, attr_valid: FOR_LONG, attr, ..EntryOut::default() }
}
