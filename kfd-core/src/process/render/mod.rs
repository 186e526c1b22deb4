//! What a process's open files of a render node have: GEM buffers by handle, an address space, contexts and lists.
//!
//! amdgpu keeps all of it in the open file (`struct drm_file`, `struct amdgpu_fpriv`), so two files of a process share
//! nothing here but the numbers of buffers (`handles`), and a file's end ends it. Buffers lie in the same arena as those of
//! KFD, which the file's mappings show. A file's address space may be that of KFD's devices too ([`RenderFiles::acquire`]); amdkfd holds that
//! file open, so its close ends nothing before the process's end. A file that never had anything mapped is let go for another
//! all the same: libdrm, to which all nodes look like one device, closes what it opens of the others.
//!
//! Lock order: the table of files → a file's state → handles → a buffer's state → account; all inside the process mutex.
//! Not for: what a call means (`ioctl::drm`).

mod context;
mod gem;
mod handles;
mod numbered;
mod vm;

pub(crate) use context::{Context, Contexts};
pub(crate) use gem::Gem;
pub(crate) use vm::{Mapping, Vm};

use crate::call::Errno;
use crate::ids::FileId;
use crate::memory::address::AddressMap;
use crate::sync::{Arc, Mutex};
use handles::Handles;
use numbered::Numbered;
use std::collections::BTreeMap;

/// A list of buffers that submissions name (BO_LIST).
pub(crate) type BoList = Arc<[Arc<Gem>]>;

/// The state of a render file under its lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The buffer lists that the file made.
    pub(crate) lists: Numbered<BoList>,
    /// The contexts that the file made.
    pub(crate) contexts: Contexts,
    /// The file's address space.
    pub(crate) vm: Vm,
    /// Nanoseconds for which its submissions to copy engines ran.
    pub(crate) copied: u64,
}

/// An open file of a render node.
#[derive(Debug)]
pub(crate) struct RenderFile {
    /// The id of the open file.
    pub(crate) id: FileId,
    /// The buffers of its process on its device.
    pub(crate) gems: Arc<Handles>,
    /// The address map of its address space, beside the lock so that a revoke reaches it while a submission holds the
    /// lock.
    map: Arc<AddressMap>,
    /// The state that no other file shares.
    pub(crate) state: Mutex<State>,
}

impl RenderFile {
    fn new(id: FileId, gems: Arc<Handles>) -> Self {
        let state = State::default();
        Self { id, gems, map: Arc::clone(state.vm.map()), state: Mutex::new(state) }
    }
}

/// The render files of a process that have any state.
#[derive(Debug, Default)]
pub(crate) struct RenderFiles(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    files: BTreeMap<FileId, Arc<RenderFile>>,
    /// The file that each KFD device has its address space from, by device index, and the device's address map.
    acquired: BTreeMap<usize, (FileId, Arc<AddressMap>)>,
    /// The buffers of each device, by device index.
    handles: BTreeMap<usize, Arc<Handles>>,
    /// Whether the process is going, so that nothing is mapped in any file.
    revoked: bool,
}

impl RenderFiles {
    /// The state of an open file of that device, made now if there was none.
    pub(crate) fn file(&self, file: FileId, device: usize) -> Arc<RenderFile> {
        let mut table = self.0.lock();
        let gems = Arc::clone(table.handles.entry(device).or_default());
        let revoked = table.revoked;
        let fresh = || {
            let file = RenderFile::new(file, gems);
            if revoked {
                file.map.revoke();
            }
            Arc::new(file)
        };
        Arc::clone(table.files.entry(file).or_insert_with(fresh))
    }

    /// Revokes the address map of every file, because the process is going: a running submission faults, and none
    /// begins.
    pub(crate) fn revoke(&self) {
        let mut table = self.0.lock();
        table.revoked = true;
        for file in table.files.values() {
            file.map.revoke();
        }
    }

    /// The number of files whose address maps are not revoked: submissions could run over them.
    pub(crate) fn unrevoked(&self) -> u64 {
        self.0.lock().files.values().filter(|file| !file.map.is_revoked()).count() as u64
    }

    /// The number of files that have any state.
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().files.len() as u64
    }

    /// Drops the state of every file, when the process is freed.
    pub(crate) fn clear(&self) {
        let gone = std::mem::take(&mut *self.0.lock());
        drop(gone);
    }

    /// What that file has, if it has had anything.
    pub(crate) fn known(&self, file: FileId) -> Option<Arc<RenderFile>> {
        self.0.lock().files.get(&file).map(Arc::clone)
    }

    /// Whether KFD's `device` has that file's address space.
    pub(crate) fn is_acquired(&self, file: FileId, device: usize) -> bool {
        self.0.lock().acquired.get(&device).is_some_and(|(acquired, _)| *acquired == file)
    }

    /// Makes the address space of a file that of KFD's `device`, and shows what is mapped in it in `map`. The file comes with
    /// the index of its own device.
    ///
    /// # Errors
    /// EINVAL when something else is mapped in `map` where the file has a mapping.
    pub(crate) fn acquire(
        &self,
        device: usize,
        (file, own): (FileId, usize),
        map: &Arc<AddressMap>,
    ) -> Result<(), Errno> {
        self.file(file, own).state.lock().vm.lend(map)?;
        self.0.lock().acquired.insert(device, (file, Arc::clone(map)));
        Ok(())
    }

    /// Takes out the state of a closed file, to be dropped with no lock held. `None` while KFD holds the file's address
    /// space; a file that has nothing mapped is replaced by `next` there.
    pub(crate) fn close(
        &self,
        file: FileId,
        next: Option<(FileId, usize)>,
    ) -> Option<(Arc<RenderFile>, Vec<Arc<Gem>>)> {
        let holders = self.holders(file);
        if !holders.is_empty() {
            let kept = self.0.lock().files.get(&file).is_some_and(|held| !held.state.lock().vm.is_empty());
            let next = next.filter(|_| !kept)?;
            for (device, map) in holders {
                // Nothing is mapped in the device's address map either, because the file had nothing mapped.
                self.acquire(device, next, &map).ok()?;
            }
        }
        let mut table = self.0.lock();
        let closed = table.files.remove(&file)?;
        let last = !table.files.values().any(|other| Arc::ptr_eq(&other.gems, &closed.gems));
        let gems = closed.gems.close(file, last);
        Some((closed, gems))
    }

    /// The KFD devices that have this file's address space, each with its address map.
    fn holders(&self, file: FileId) -> Vec<(usize, Arc<AddressMap>)> {
        let table = self.0.lock();
        let of = table.acquired.iter().filter(|(_, (acquired, _))| *acquired == file);
        of.map(|(device, (_, map))| (*device, Arc::clone(map))).collect()
    }

    /// Every buffer on the device with this index.
    pub(crate) fn gems(&self, device: usize) -> Vec<Arc<Gem>> {
        let handles = self.0.lock().handles.get(&device).map(Arc::clone);
        handles.map(|handles| handles.all()).unwrap_or_default()
    }

    /// Unmaps a buffer in every file, because its handle has ended.
    pub(crate) fn unmap_buffer(&self, gem: &Arc<Gem>) {
        let files: Vec<_> = self.0.lock().files.values().map(Arc::clone).collect();
        for file in files {
            file.state.lock().vm.unmap_buffer(gem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RenderFiles;
    use crate::ids::FileId;

    #[test]
    fn the_end_of_a_process_reaches_files_that_submissions_have_locked_and_files_that_come_late() {
        let files = RenderFiles::default();
        let file = files.file(FileId(1), 0);
        let running = file.state.lock();
        assert_eq!(files.unrevoked(), 1);
        files.revoke();
        assert!(running.vm.map().is_revoked(), "what a submission runs over");
        files.file(FileId(2), 0);
        assert_eq!((files.count(), files.unrevoked()), (2, 0));
    }
}
