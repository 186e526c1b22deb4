//! Open files: which process object each belongs to, and how many there are. A file's end ends nothing else.
//!
//! Lock order: just before the account. Not for: finding a process for a call, which carries its id.

use crate::call::Node;
use crate::ids::{FileId, ProcessId, RenderMinor};
use crate::sync::Mutex;
use std::collections::HashMap;

/// Every open file and its process.
#[derive(Debug, Default)]
pub(crate) struct Files(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    serial: u64,
    owners: HashMap<FileId, ProcessId>,
    files: HashMap<ProcessId, HashMap<FileId, Node>>,
}

impl Files {
    /// Enters a new open file of a process and numbers it.
    pub(crate) fn open(&self, process: ProcessId, node: Node) -> FileId {
        let mut books = self.0.lock();
        books.serial += 1;
        let file = FileId(books.serial);
        books.owners.insert(file, process);
        books.files.entry(process).or_default().insert(file, node);
        file
    }

    /// Removes a closed file and returns its process. `None` for a file whose process was unpublished before.
    pub(crate) fn close(&self, file: FileId) -> Option<ProcessId> {
        let mut books = self.0.lock();
        let process = books.owners.remove(&file)?;
        if let Some(files) = books.files.get_mut(&process) {
            files.remove(&file);
            if files.is_empty() {
                books.files.remove(&process);
            }
        }
        Some(process)
    }

    /// Removes every file of a process that is being unpublished, and returns them.
    pub(crate) fn close_all(&self, process: ProcessId) -> Vec<FileId> {
        let mut books = self.0.lock();
        let files: Vec<_> = books.files.remove(&process).unwrap_or_default().into_keys().collect();
        for file in &files {
            books.owners.remove(file);
        }
        files
    }

    /// Whose an open file is, and of which node.
    pub(crate) fn get(&self, file: FileId) -> Option<(ProcessId, Node)> {
        let books = self.0.lock();
        let process = *books.owners.get(&file)?;
        let node = *books.files.get(&process)?.get(&file)?;
        Some((process, node))
    }

    /// Whether the process has that node open.
    pub(crate) fn has(&self, process: ProcessId, node: Node) -> bool {
        self.0.lock().files.get(&process).is_some_and(|files| files.values().any(|n| *n == node))
    }

    /// The oldest open file of the render node `own` that the process has, or its oldest of any render node.
    pub(crate) fn render(&self, process: ProcessId, own: RenderMinor) -> Option<(FileId, RenderMinor)> {
        let books = self.0.lock();
        let render = |(file, node): (&FileId, &Node)| match node {
            Node::Render(minor) => Some((*minor != own, *file, *minor)),
            _ => None,
        };
        let (_, file, minor) = books.files.get(&process)?.iter().filter_map(render).min()?;
        Some((file, minor))
    }

    /// The number of files that a process has open.
    pub(crate) fn count(&self, process: ProcessId) -> u32 {
        let books = self.0.lock();
        books.files.get(&process).map_or(0, |files| u32::try_from(files.len()).unwrap_or(u32::MAX))
    }

    /// The number of open files of all processes.
    pub(crate) fn total(&self) -> u64 {
        self.0.lock().owners.len() as u64
    }
}
