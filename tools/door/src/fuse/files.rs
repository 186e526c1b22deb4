//! The open files of the mount, by the handle that the kernel has for each.

use kfd_core::call::Node;
use kfd_core::ids::{FileId, ProcessId, Tgid};
use kfd_core::sync::RwLock;
use std::collections::{BTreeSet, HashMap};

/// An open file of a device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct OpenFile {
    /// The process object it belongs to.
    pub process: ProcessId,
    /// That process's thread group: the only one whose calls count.
    pub tgid: Tgid,
    pub node: Node,
    /// The core's name for it.
    pub file: FileId,
    /// Whose it is.
    pub uid: u32,
    /// Its node's id, which is its inode number.
    pub(super) inode: u64,
}

/// The open files, by `fh`.
///
/// Lock order: after the nodes; a leaf.
#[derive(Debug, Default)]
pub(super) struct Files(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    last: u64,
    files: HashMap<u64, OpenFile>,
    /// By node: `fh`s count up, so in the order of their opens.
    by_inode: BTreeSet<(u64, u64)>,
}

impl Table {
    fn of(&self, inode: u64) -> impl DoubleEndedIterator<Item = OpenFile> {
        let fhs = self.by_inode.range((inode, 0)..=(inode, u64::MAX));
        fhs.filter_map(|(_, fh)| self.files.get(fh).copied())
    }
}

impl Files {
    /// Adds one and names it.
    pub(super) fn insert(&self, file: OpenFile) -> u64 {
        let mut table = self.0.write();
        table.last += 1;
        let fh = table.last;
        table.files.insert(fh, file);
        table.by_inode.insert((file.inode, fh));
        fh
    }

    pub(super) fn get(&self, fh: u64) -> Option<OpenFile> {
        self.0.read().files.get(&fh).copied()
    }

    /// The file of that node; of several, which only opens by way of /proc or two at once can make, the first.
    pub(super) fn first_of(&self, inode: u64) -> Option<OpenFile> {
        self.0.read().of(inode).next()
    }

    /// The same; of several the latest.
    pub(super) fn last_of(&self, inode: u64) -> Option<OpenFile> {
        self.0.read().of(inode).next_back()
    }

    pub(super) fn remove(&self, fh: u64) -> Option<OpenFile> {
        let mut table = self.0.write();
        let file = table.files.remove(&fh)?;
        table.by_inode.remove(&(file.inode, fh));
        Some(file)
    }

    pub(super) fn len(&self) -> usize {
        self.0.read().files.len()
    }

    /// Takes all files out, and says what the core calls them.
    pub(super) fn clear(&self) -> Vec<FileId> {
        let mut table = self.0.write();
        table.by_inode.clear();
        table.files.drain().map(|(_, open)| open.file).collect()
    }
}
