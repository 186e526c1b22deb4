//! Opening and closing of device nodes.
//!
//! An open identifies its caller, finds or makes the process object, attaches the client's memory and the host's watch
//! to a new one, and binds the node to it. A caller who is not the one for whom the LOOKUP was gets ESTALE: the
//! kernel then looks the name up again and tries once more (fs/namei.c, `path_openat` with LOOKUP_REVAL).

use super::changing::Changing;
use super::control::open_control;
use super::door::{Door, refusal};
use super::files::OpenFile;
use super::sysfs::Kind;
use super::wire::layout::{InHeader, OpenOut};
use super::wire::opcode;
use kfd_core::Opened;
use kfd_core::call::{Errno, Identity, Node};
use kfd_core::death::Cause;
use kfd_core::ids::{ProcessId, RenderMinor, Tid};
use notifier::watch::Pidfd;

const STALE: Errno = Errno(libc::ESTALE);

impl Door {
    pub(super) fn open(&self, header: &InHeader, flags: u32) -> Result<OpenOut, Errno> {
        let id = header.nodeid;
        if let Some(opened) = self.open_sysfs(header, flags) {
            return opened;
        }
        if self.tree.control(id).is_some() {
            return open_control(header);
        }
        let device = self.nodes().get(id).ok_or(STALE)?;
        let who = self.resolver.resolve(Tid(header.pid)).map_err(|error| refusal(&error))?;
        if who.tgid != device.tgid {
            return Err(STALE);
        }
        let _one_at_a_time = self.opening.lock();
        let known = self.driver.find(who.tgid, Some(who.mm));
        if !self.nodes().may_open(id, known) {
            return Err(STALE);
        }
        if known.is_none()
            && let Some(former) = self.driver.find(who.tgid, None)
        {
            // The same number with another address space: it called exec, or the number was given to somebody new.
            tracing::debug!(tgid = %who.tgid, process = %former, "its former self is gone");
            self.doom(former, Cause::Exec);
        }
        let identity = Identity { tgid: who.tgid, uid: who.uid, mm: who.mm };
        let Opened { process, file, fresh } = self.driver.open(identity, device.node)?;
        if fresh {
            self.memory.attach(process, who.tgid, who.mm, who.mem);
            self.host.attached(process, who.tgid, Pidfd::from(who.pidfd));
        }
        let (open_flags, backing_id) = match device.node {
            Node::Kfd => (opcode::FOPEN_KEEP_CACHE, 0),
            // Nothing can be mapped by it: what it is asked goes by ioctls.
            Node::Card(_) => (opcode::FOPEN_DIRECT_IO | self.no_flush(process), 0),
            Node::Render(minor) => match self.backing(process, minor, device.process.is_some()) {
                Ok(backing) => (opcode::FOPEN_PASSTHROUGH | self.no_flush(process), backing),
                Err(errno) => {
                    self.driver.release(file);
                    return Err(errno);
                }
            },
        };
        let mut nodes = self.nodes();
        let member = nodes.bind(id, process, who.tgid, who.mm);
        if let Node::Render(minor) = device.node {
            member.backings.insert(minor, backing_id);
        }
        drop(nodes);
        if self.driver.find(who.tgid, Some(who.mm)) != Some(process) {
            // It died meanwhile and the host's word of that may have come before there was anything to let go.
            self.unpublish(process);
            self.memory.detach(process);
        }
        let (tgid, uid, node) = (who.tgid, who.uid.0, device.node);
        let fh = self.files.insert(OpenFile { process, tgid, node, file, uid, inode: id });
        Ok(OpenOut { fh, open_flags, backing_id })
    }

    /// What an open of a file in sysfs is answered; `None` when the node is none.
    fn open_sysfs(&self, header: &InHeader, flags: u32) -> Option<Result<OpenOut, Errno>> {
        let live = match self.tree.sysfs.kind(header.nodeid) {
            Some(Kind::File(_)) => false,
            Some(Kind::Live(_)) => true,
            Some(Kind::Directory(_) | Kind::Link(_)) => return Some(Err(Errno(libc::EISDIR))),
            None => {
                Changing::of(header.nodeid)?;
                true
            }
        };
        if flags & libc::O_ACCMODE as u32 != libc::O_RDONLY as u32 {
            return Some(Err(Errno::ACCES));
        }
        let open_flags = opcode::FOPEN_DIRECT_IO | opcode::FOPEN_NOFLUSH;
        let fh = if live { self.readings.open(header.uid) } else { Ok(0) };
        Some(fh.map(|fh| OpenOut { fh, open_flags, backing_id: 0 }))
    }

    /// Closing a render node says nothing that closing kfd does not, for a process that has that; each FLUSH is one more that
    /// its exit waits for.
    fn no_flush(&self, process: ProcessId) -> u32 {
        let has_kfd = self.nodes().member(process).is_some_and(|member| member.has(Node::Kfd));
        if has_kfd { opcode::FOPEN_NOFLUSH } else { 0 }
    }

    /// The process object of whoever thread `tid` belongs to, made now if there is none; it has no file by that.
    pub(super) fn adopt(&self, tid: Tid) -> Result<ProcessId, Errno> {
        let who = self.resolver.resolve(tid).map_err(|error| refusal(&error))?;
        let _one_at_a_time = self.opening.lock();
        if let Some(known) = self.driver.find(who.tgid, Some(who.mm)) {
            return Ok(known);
        }
        if let Some(former) = self.driver.find(who.tgid, None) {
            self.doom(former, Cause::Exec);
        }
        let identity = Identity { tgid: who.tgid, uid: who.uid, mm: who.mm };
        let (process, fresh) = self.driver.adopt(identity)?;
        if fresh {
            self.memory.attach(process, who.tgid, who.mm, who.mem);
            self.host.attached(process, who.tgid, Pidfd::from(who.pidfd));
        }
        if self.driver.find(who.tgid, Some(who.mm)) != Some(process) {
            self.memory.detach(process);
        }
        Ok(process)
    }

    /// The backing id of a process's arena: one for its life, since an inode takes no second. The driver is asked once
    /// for each node, since each node's FORGET tells it that nobody maps the arena by that any more.
    fn backing(&self, process: ProcessId, minor: RenderMinor, is_bound: bool) -> Result<i32, Errno> {
        let known = self.nodes().member(process).and_then(|member| member.backings.get(&minor).copied());
        if let Some(id) = known.filter(|_| is_bound) {
            return Ok(id);
        }
        let arena = self.driver.arena(process, minor)?;
        if let Some(id) = known {
            return Ok(id);
        }
        self.channels[0].backing_open(&arena).map_err(|error| {
            tracing::error!(%process, %minor, %error, "an arena could not become a backing file");
            Errno(libc::EIO)
        })
    }
}
