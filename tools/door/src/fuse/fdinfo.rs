//! `fdinfo` in the directory `amdgpu`: what fdinfo of an open node of DRM would say, by the node's inode number, for whoever
//! puts it there (the library `kfdd-device-nodes`): the kernel writes fdinfo of a FUSE file itself.
//!
//! A node of DRM is of one open file ([`super::node`]), so the number names the file. What it says is its opener's to read, and
//! root's. Ids say what a node is, as those of [`super::procfs`]; one of a file that is closed is empty.

use super::door::Door;
use super::files::OpenFile;
use super::sysfs;
use super::wire::layout::Attr;

/// Ids of nodes here have this bit; below it is the inode number of the node of DRM.
const FDINFO: u64 = 1 << 50;

/// The directory, or the file of an open node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FdinfoNode(u64);

impl FdinfoNode {
    /// The directory that has a file for each open file of DRM.
    pub(super) const ROOT: Self = Self(0);

    /// The node with that id, if it is one of these.
    pub(super) fn of(id: u64) -> Option<Self> {
        let inode = id ^ FDINFO;
        // Ids of nodes that belong to processes count up from a small number.
        (inode < sysfs::ROOT).then_some(Self(inode))
    }

    /// The node id under which FUSE knows it.
    pub(super) fn id(self) -> u64 {
        FDINFO | self.0
    }

    fn file(self, door: &Door) -> Option<OpenFile> {
        door.files.first_of(self.0).filter(|file| file.node.device().is_some())
    }

    /// Its attributes, as long as it is there.
    pub(super) fn attr(self, door: &Door) -> Option<Attr> {
        if self == Self::ROOT {
            return Some(sysfs::directory(self.id()));
        }
        let uid = self.file(door)?.uid;
        Some(Attr { mode: libc::S_IFREG | 0o400, uid, ..sysfs::file(self.id()) })
    }

    /// Whether it is the directory. Names in it are found and not listed: who asks knows the number, and a list of all files
    /// of everybody would be anybody's to ask for.
    pub(super) fn is_directory(self) -> bool {
        self == Self::ROOT
    }

    /// What `name` in it leads to.
    pub(super) fn find(self, name: &str, door: &Door) -> Option<Self> {
        let inode: u64 = name.parse().ok().filter(|inode: &u64| inode.to_string() == name)?;
        let found = Self(inode);
        (self == Self::ROOT && found != Self::ROOT && found.file(door).is_some()).then_some(found)
    }

    /// What its file has; `None` when it has none, or nothing any more.
    pub(super) fn text(self, door: &Door) -> Option<String> {
        door.driver.fdinfo(self.file(door)?.file)
    }
}

#[cfg(test)]
mod tests {
    use super::FdinfoNode;

    #[test]
    fn an_id_leads_to_its_inode_and_no_other_id_is_taken_for_one() {
        for inode in [0, 16, 1 << 47] {
            assert_eq!(FdinfoNode::of(FdinfoNode(inode).id()), Some(FdinfoNode(inode)));
        }
        for id in [1, 16, 1 << 48, 1 << 49, (1 << 50) | (1 << 49), (1 << 50) | (1 << 48), u64::MAX] {
            assert_eq!(FdinfoNode::of(id), None, "{id:#x}");
        }
    }
}
