//! The open files of the mount, by the handle that the kernel has for each.

use kfd_core::call::Node;
use kfd_core::ids::{FileId, ProcessId, Tgid};
use kfd_core::sync::RwLock;
use std::collections::HashMap;

/// One open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFile {
    /// The process object it belongs to.
    pub process: ProcessId,
    /// That process's thread group: the only one whose calls count.
    pub tgid: Tgid,
    /// Which device.
    pub node: Node,
    /// The core's name for it.
    pub file: FileId,
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
}

impl Files {
    /// Adds one and names it.
    pub(super) fn insert(&self, file: OpenFile) -> u64 {
        let mut table = self.0.write();
        table.last += 1;
        let fh = table.last;
        table.files.insert(fh, file);
        fh
    }

    pub(super) fn get(&self, fh: u64) -> Option<OpenFile> {
        self.0.read().files.get(&fh).copied()
    }

    /// A file of that node which the process has open; of several the latest.
    pub(super) fn of(&self, process: ProcessId, node: Node) -> Option<OpenFile> {
        let table = self.0.read();
        let its = |(_, file): &(&u64, &OpenFile)| file.process == process && file.node == node;
        table.files.iter().filter(its).max_by_key(|(fh, _)| **fh).map(|(_, file)| *file)
    }

    pub(super) fn remove(&self, fh: u64) -> Option<OpenFile> {
        self.0.write().files.remove(&fh)
    }

    pub(super) fn len(&self) -> usize {
        self.0.read().files.len()
    }

    /// Takes all out.
    pub(super) fn clear(&self) -> Vec<FileId> {
        let mut table = self.0.write();
        table.files.drain().map(|(_, open)| open.file).collect()
    }
}
