//! Opening and closing nodes: where process objects come from, and what a close does not do.

use crate::account::Resource;
use crate::call::{Errno, Identity, Node};
use crate::core::{Core, Opened};
use crate::ids::{FileId, ProcessId, RenderMinor};
use crate::process::Process;
use crate::process::stage::Stage;
use crate::process::table::Index;
use crate::sync::Ordering;
use notifier::Ref;
use std::os::fd::OwnedFd;

impl Core {
    /// A node is opened. The first open of an address space makes its process object; later ones, after however
    /// many closes, find it.
    ///
    /// # Errors
    /// ENODEV: no such node, or the core is closing. EAGAIN: the process object of this address space is being torn
    /// down (amdkfd: `kfd_is_locked`). ENOMEM: a limit of processes.
    pub fn open(&self, identity: Identity, node: Node) -> Result<Opened, Errno> {
        if let Some(minor) = node.device()
            && self.device_behind(minor).is_none()
        {
            return Err(Errno::NODEV);
        }
        let mut index = self.table.index();
        let (process, fresh) = self.known_or_attached(&mut index, identity)?;
        let file = self.files.open(process, node);
        match node {
            Node::Kfd => self.uses_kfd(process),
            Node::Card(minor) => {
                if let Some(device) = self.device_behind(minor) {
                    device.primary.open(file);
                }
            }
            Node::Render(_) => {}
        }
        Ok(Opened { process, file, fresh })
    }

    /// The process object of an address space, and whether this call made it. It has no file yet: a debugger comes before
    /// its target has opened anything.
    ///
    /// # Errors
    /// As [`Core::open`].
    pub fn adopt(&self, identity: Identity) -> Result<(ProcessId, bool), Errno> {
        let (process, fresh) = self.known_or_attached(&mut self.table.index(), identity)?;
        self.uses_kfd(process);
        Ok((process, fresh))
    }

    /// It is KFD's process from now on, and listed as one; a process that has only nodes of DRM open is none.
    fn uses_kfd(&self, process: ProcessId) {
        if let Some(process) = self.process(process) {
            process.uses_kfd.store(true, Ordering::Relaxed);
        }
    }

    fn known_or_attached(&self, index: &mut Index, identity: Identity) -> Result<(ProcessId, bool), Errno> {
        if self.closing.load(Ordering::Acquire) {
            return Err(Errno::NODEV);
        }
        match index.of(identity.mm) {
            Some(known) => Ok((self.reopen(known, identity)?, false)),
            None => Ok((self.attach(index, identity)?, true)),
        }
    }

    fn reopen(&self, known: ProcessId, identity: Identity) -> Result<ProcessId, Errno> {
        let guard = self.domain().read();
        match self.table.load(known, &guard) {
            Some(process) if process.stage() != Stage::Live => Err(Errno::AGAIN),
            Some(process) if process.tgid() == identity.tgid => Ok(known),
            // A pidfd inode belongs to one thread group: this identity contradicts itself.
            Some(_) => Err(Errno::BADF),
            None => Err(Errno::AGAIN),
        }
    }

    /// The process table's lock is held throughout, so two first opens of one address space make one object.
    fn attach(&self, index: &mut Index, identity: Identity) -> Result<ProcessId, Errno> {
        let purse = self.account.purse(identity.uid);
        let charge = purse.charge(Resource::Process, 1).map_err(|_| Errno::NOMEM)?;
        let id = index.reserve().ok_or(Errno::NOMEM)?;
        let mm = self.notifier.mm(identity.mm);
        let make = || Process::new(id, identity.tgid, &self.devices, &self.vitals, purse, charge);
        let made = self.notifier.get(&mm, make).ok().filter(|process| process.id() == id);
        let Some(process) = made else {
            // Its address space has begun to die, or an earlier object of it has not ended yet.
            index.unreserve(id);
            return Err(Errno::AGAIN);
        };
        process.attached();
        self.table.publish(index, Ref::clone(&process));
        tracing::debug!(process = %id, tgid = %identity.tgid, uid = %identity.uid, "attached");
        Ok(id)
    }

    /// A file was closed for the last time: it counts no more, and what only a file of a render node has ends. Its
    /// process lives on.
    pub fn release(&self, file: FileId) {
        let process = self.files.close(file).and_then(|process| self.process(process));
        self.end_primary(file);
        let Some(process) = process else { return };
        let next = self.devices.first().and_then(|device| self.files.render(process.id(), device.minor()));
        let next = next.and_then(|(file, minor)| Some((file, self.device_behind(minor)?.index)));
        drop(process.render.close(file, next));
    }

    /// A file that may have been one of a primary node has ended.
    pub(crate) fn end_primary(&self, file: FileId) {
        for device in self.devices.iter() {
            device.primary.close(file);
        }
    }

    /// A descriptor of the process's arena on that render node, to be mapped by the client: sparse, sealed, its size
    /// fixed.
    ///
    /// # Errors
    /// EBADF: no such live process. ENODEV: no such node. ENFILE, ENOMEM: the kernel's own refusal.
    pub fn arena(&self, process: ProcessId, minor: RenderMinor) -> Result<OwnedFd, Errno> {
        self.device_behind(minor).ok_or(Errno::NODEV)?;
        let process =
            self.process(process).filter(|process| process.stage() == Stage::Live).ok_or(Errno::BADF)?;
        let refused = |error: std::io::Error| {
            tracing::error!(process = %process.id(), %error, "an arena could not be made");
            Errno(error.raw_os_error().unwrap_or(libc::ENOMEM))
        };
        let arena = process.arena(self.limits.arena_bytes).map_err(refused)?;
        let descriptor = arena.dup().map_err(refused)?;
        self.vitals.orphans.handed_out(process.id(), minor);
        Ok(descriptor)
    }
}
