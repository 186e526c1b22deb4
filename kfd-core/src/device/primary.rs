//! Who may do what on a device's primary node, `card<N>`: one file is its master, and files are authenticated by their
//! master (drm/drm_auth.c).
//!
//! The first file to come while there is no master becomes it, and is authenticated by that. Nothing is shown on these
//! devices, so that a master is no more than that. Lock order: a leaf.

use crate::call::Errno;
use crate::ids::FileId;
use crate::sync::Mutex;
use std::collections::BTreeMap;

/// The open files of one device's primary node.
#[derive(Debug, Default)]
pub(crate) struct Primary(Mutex<Files>);

#[derive(Debug, Default)]
struct Files {
    master: Option<FileId>,
    open: BTreeMap<FileId, Standing>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    authenticated: bool,
    /// Whether the file has been master, so that it may become master again.
    was_master: bool,
    /// Whether SET_VERSION has given the file its bus id.
    named: bool,
}

impl Primary {
    /// Enters an opened file; it becomes master if there is none (`drm_master_open`).
    pub(crate) fn open(&self, file: FileId) {
        let mut files = self.0.lock();
        let first = files.master.is_none();
        files.open.insert(file, Standing { authenticated: first, was_master: first, named: false });
        if first {
            files.master = Some(file);
        }
    }

    /// Removes a closed file; if it was master, there is none (`drm_master_release`).
    pub(crate) fn close(&self, file: FileId) {
        let mut files = self.0.lock();
        files.open.remove(&file);
        if files.master == Some(file) {
            files.master = None;
        }
    }

    fn standing(&self, file: FileId) -> Standing {
        self.0.lock().open.get(&file).copied().unwrap_or_default()
    }

    /// Whether the file is authenticated, as calls with DRM_AUTH need.
    pub(crate) fn is_authenticated(&self, file: FileId) -> bool {
        self.standing(file).authenticated
    }

    /// Whether the file has its bus id.
    pub(crate) fn is_named(&self, file: FileId) -> bool {
        self.standing(file).named
    }

    /// Refuses with EACCES a file that is not master (DRM_MASTER of `drm_ioctl_permit`).
    pub(crate) fn must_be_master(&self, file: FileId) -> Result<(), Errno> {
        if self.0.lock().master == Some(file) { Ok(()) } else { Err(Errno::ACCES) }
    }

    /// Gives the file its bus id (SET_VERSION).
    pub(crate) fn name(&self, file: FileId) {
        if let Some(standing) = self.0.lock().open.get_mut(&file) {
            standing.named = true;
        }
    }

    /// The number by which a master authenticates the file, made of its id.
    pub(crate) fn magic(&self, file: FileId) -> u32 {
        u32::try_from(file.0 & 0x7fff_ffff).unwrap_or(0)
    }

    /// Authenticates the file with this number (`drm_authmagic`).
    pub(crate) fn authenticate(&self, magic: u32) -> Result<(), Errno> {
        let mut files = self.0.lock();
        let mut of_number = files.open.iter_mut().filter(|(file, _)| self.magic(**file) == magic);
        let (_, standing) = of_number.next().ok_or(Errno::INVAL)?;
        standing.authenticated = true;
        Ok(())
    }

    /// Makes the file master (`drm_setmaster_ioctl`).
    pub(crate) fn set_master(&self, file: FileId) -> Result<(), Errno> {
        let mut files = self.0.lock();
        if !files.open.get(&file).is_some_and(|standing| standing.was_master) {
            return Err(Errno::ACCES);
        }
        match files.master {
            Some(master) if master != file => Err(Errno::BUSY),
            _ => {
                files.master = Some(file);
                Ok(())
            }
        }
    }

    /// Takes the mastership from the file (`drm_dropmaster_ioctl`).
    pub(crate) fn drop_master(&self, file: FileId) -> Result<(), Errno> {
        let mut files = self.0.lock();
        if !files.open.get(&file).is_some_and(|standing| standing.was_master) {
            return Err(Errno::ACCES);
        }
        if files.master != Some(file) {
            return Err(Errno::INVAL);
        }
        files.master = None;
        Ok(())
    }
}
