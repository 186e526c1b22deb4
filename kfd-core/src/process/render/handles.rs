//! GEM handles: one series of numbers for all files that a process has of one device.
//!
//! drm numbers them in each file. Here the calls that pass a buffer as a descriptor come by another door, which finds the
//! node that a file is of and not which of several files it is. So a number means one buffer, whichever file it comes by;
//! what is passed on is found by its number alone; and what is taken in is known to every file of the process. Else a handle
//! leads nowhere but by the file that made it, and ends with that.
//!
//! Lock order: a file's state → handles → a buffer's state. Buffers end with nothing held.

use super::gem::Gem;
use super::numbered::Numbered;
use crate::ids::FileId;
use crate::sync::{Arc, Mutex};

#[derive(Debug)]
struct Handle {
    /// The only file that knows the handle; `None` where every file of the process does.
    of: Option<FileId>,
    gem: Arc<Gem>,
}

impl Handle {
    fn is_known_to(&self, file: FileId) -> bool {
        self.of.is_none_or(|of| of == file)
    }
}

/// The GEM buffers of a process on one device, by handle.
#[derive(Debug, Default)]
pub(crate) struct Handles(Mutex<Numbered<Handle>>);

impl Handles {
    /// Makes a handle for a buffer that `file` made; `None` when all are taken.
    pub(crate) fn insert(&self, file: FileId, gem: Arc<Gem>) -> Option<u32> {
        self.0.lock().insert(Handle { of: Some(file), gem })
    }

    /// The handle of the first buffer for which `is_it`, else a new one for `gem`; every file of the process knows it
    /// from now on.
    pub(crate) fn take_in(&self, is_it: impl Fn(&Gem) -> bool, gem: &Arc<Gem>) -> Option<u32> {
        let mut handles = self.0.lock();
        let Some(number) = handles.find(|handle| is_it(&handle.gem)) else {
            return handles.insert(Handle { of: None, gem: Arc::clone(gem) });
        };
        if let Some(handle) = handles.get_mut(number) {
            handle.of = None;
        }
        Some(number)
    }

    /// The buffer with this handle, if `file` knows it.
    pub(crate) fn get(&self, file: FileId, handle: u32) -> Option<Arc<Gem>> {
        let handles = self.0.lock();
        handles.get(handle).filter(|handle| handle.is_known_to(file)).map(|handle| Arc::clone(&handle.gem))
    }

    /// The buffers that a file knows.
    pub(crate) fn known_to(&self, file: FileId) -> Vec<Arc<Gem>> {
        let handles = self.0.lock();
        handles
            .iter()
            .filter(|handle| handle.is_known_to(file))
            .map(|handle| Arc::clone(&handle.gem))
            .collect()
    }

    /// The buffer with this handle, to a door that does not know which file asks.
    pub(crate) fn get_by_any(&self, handle: u32) -> Option<Arc<Gem>> {
        self.0.lock().get(handle).map(|handle| Arc::clone(&handle.gem))
    }

    /// Ends a handle that `file` knows and returns its buffer.
    pub(crate) fn remove(&self, file: FileId, handle: u32) -> Option<Arc<Gem>> {
        let mut handles = self.0.lock();
        handles.get(handle).filter(|handle| handle.is_known_to(file))?;
        handles.remove(handle).map(|handle| handle.gem)
    }

    /// Every buffer with a handle.
    pub(crate) fn all(&self) -> Vec<Arc<Gem>> {
        self.0.lock().iter().map(|handle| Arc::clone(&handle.gem)).collect()
    }

    /// Ends the handles that only a closed file knows, or all when it was the last file. Returns their buffers.
    pub(super) fn close(&self, file: FileId, last: bool) -> Vec<Arc<Gem>> {
        let ends = |handle: &Handle| last || handle.of == Some(file);
        self.0.lock().remove_all(ends).into_iter().map(|handle| handle.gem).collect()
    }
}
