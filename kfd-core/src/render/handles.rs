//! GEM handles: one series of numbers for all files that a process has of one device.
//!
//! drm numbers them in each file. Here the call that passes a buffer as a descriptor comes by another door, which finds the
//! node that a file is of and not which of several files: so a handle leads to its buffer by each of them. It ends with the
//! file that made it.
//!
//! Lock order: a file's state → handles → a buffer's state. Buffers end with nothing held.

use super::{Gem, Numbered};
use crate::ids::FileId;
use crate::sync::{Arc, Mutex};

/// Buffers by handle, each with the file that made it.
#[derive(Debug, Default)]
pub(crate) struct Handles(Mutex<Numbered<(FileId, Arc<Gem>)>>);

impl Handles {
    /// A handle for a buffer; `None` when all are taken.
    pub(crate) fn insert(&self, file: FileId, gem: Arc<Gem>) -> Option<u32> {
        self.0.lock().insert((file, gem))
    }

    /// The handle of the first buffer that is the one, or a new one for `gem`.
    pub(crate) fn find_or_insert(
        &self,
        is_it: impl Fn(&Gem) -> bool,
        file: FileId,
        gem: &Arc<Gem>,
    ) -> Option<u32> {
        let mut handles = self.0.lock();
        handles.find(|(_, known)| is_it(known)).or_else(|| handles.insert((file, Arc::clone(gem))))
    }

    /// The buffer with this handle.
    pub(crate) fn get(&self, handle: u32) -> Option<Arc<Gem>> {
        self.0.lock().get(handle).map(|(_, gem)| Arc::clone(gem))
    }

    /// Takes it out.
    pub(crate) fn remove(&self, handle: u32) -> Option<Arc<Gem>> {
        self.0.lock().remove(handle).map(|(_, gem)| gem)
    }

    /// All buffers.
    pub(crate) fn all(&self) -> Vec<Arc<Gem>> {
        self.0.lock().iter().map(|(_, gem)| Arc::clone(gem)).collect()
    }

    /// The file was closed: the buffers whose handles end.
    pub(super) fn close(&self, file: FileId) -> Vec<Arc<Gem>> {
        self.0.lock().remove_all(|(maker, _)| *maker == file).into_iter().map(|(_, gem)| gem).collect()
    }
}
