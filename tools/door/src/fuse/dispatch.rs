//! From a request to what it means: one `match`.
//!
//! FLUSH, RELEASE and WRITE are answered before anything else is done about them: an exiting client waits for each.
//! A READ of the kfd node is the doorbell trap. It is answered with zeros always and in full, also for a doomed
//! process: an error would be a SIGBUS, and a short answer would shrink the cached size for good.

use super::changing::Changing;
use super::channel::Channel;
use super::directory::FOR_LONG;
use super::door::Door;
use super::wire::layout::{AttrOut, InHeader, OpenOut, ReleaseIn, StatfsOut, WriteOut};
use super::wire::{Incoming, Reply, Request, opcode};
use crate::identity;
use kfd_core::call::Errno;
use kfd_core::ids::Tid;
use std::sync::Arc;

impl Door {
    /// Serves one request read from `channel`.
    pub(super) fn dispatch(self: &Arc<Self>, channel: &Arc<Channel>, incoming: &Incoming<'_>) {
        let Incoming { header, request } = incoming;
        let unique = header.unique;
        match request {
            Request::Ioctl { ioctl, input } => self.ioctl(channel, header, ioctl, input),
            Request::Interrupt { target } => self.interrupt(*target),
            Request::Read(read) => self.read(channel, header, read),
            Request::Write { write, .. } if write.write_flags & opcode::WRITE_CACHE != 0 => {
                channel.reply(unique, &Reply::Write(WriteOut { size: write.size, padding: 0 }));
            }
            Request::Write { write, data } => match self.order(header, write, data) {
                Ok(size) => channel.reply(unique, &Reply::Write(WriteOut { size, padding: 0 })),
                Err(errno) => channel.reply(unique, &Reply::Error(errno)),
            },
            Request::Flush(flush) => {
                channel.reply(unique, &Reply::Empty);
                self.closed_by(header, flush.fh);
            }
            Request::Release(release) => {
                channel.reply(unique, &Reply::Empty);
                self.release(release);
            }
            Request::Lookup { name } => match self.look_up(header, name) {
                Ok(entry) => channel.reply(unique, &Reply::Entry(entry)),
                Err(errno) => channel.reply(unique, &Reply::Error(errno)),
            },
            Request::Open { flags } => match self.open(header, *flags) {
                Ok(out) => channel.reply(unique, &Reply::Open(out)),
                Err(errno) => channel.reply(unique, &Reply::Error(errno)),
            },
            Request::Forget { nlookup } => self.forget(header.nodeid, *nlookup),
            Request::BatchForget { forgets } => {
                for one in *forgets {
                    self.forget(one.nodeid, one.nlookup);
                }
            }
            // SETATTR: a mode or a time that nobody looks at; ftruncate of a device is no error either.
            Request::Getattr | Request::Setattr => match self.attr(header.nodeid) {
                Some(attr) => {
                    let attr_valid = if Changing::of(header.nodeid).is_some() { 0 } else { FOR_LONG };
                    let out = AttrOut { attr_valid, attr_valid_nsec: 0, dummy: 0, attr };
                    channel.reply(unique, &Reply::Attr(out));
                }
                None => channel.reply(unique, &Reply::Error(Errno(libc::ESTALE))),
            },
            Request::Readlink => match self.tree.sysfs.target(header.nodeid) {
                Some(target) => channel.reply(unique, &Reply::Data(target.as_bytes())),
                None => channel.reply(unique, &Reply::Error(Errno::INVAL)),
            },
            Request::Opendir => {
                let changes = Changing::of(header.nodeid).is_some();
                let open_flags = if changes { 0 } else { opcode::FOPEN_KEEP_CACHE | opcode::FOPEN_CACHE_DIR };
                channel.reply(unique, &Reply::Open(OpenOut { fh: 0, open_flags, backing_id: 0 }));
            }
            Request::Readdir(read) => match self.list(header.nodeid, read) {
                Some(entries) => channel.reply(unique, &Reply::Data(&entries)),
                None => channel.reply(unique, &Reply::Error(Errno(libc::ENOTDIR))),
            },
            Request::Releasedir | Request::Fsync | Request::Access | Request::Destroy => {
                channel.reply(unique, &Reply::Empty);
            }
            Request::Statfs => {
                let out = StatfsOut { bsize: 4096, frsize: 4096, namelen: 255, ..StatfsOut::default() };
                channel.reply(unique, &Reply::Statfs(out));
            }
            Request::Alter => channel.reply(unique, &Reply::Error(Errno(libc::EPERM))),
            Request::Malformed => {
                tracing::error!(opcode = header.opcode, "a malformed request");
                channel.reply(unique, &Reply::Error(Errno(libc::EIO)));
            }
            // A second INIT does not exist; whatever else is not known is the kernel's to do without.
            Request::Init { .. } | Request::Unknown => {
                channel.reply(unique, &Reply::Error(Errno(libc::ENOSYS)));
            }
        }
    }

    fn forget(&self, id: u64, count: u64) {
        let forgotten = self.nodes().forget(id, count);
        if let Some((process, node)) = forgotten {
            tracing::debug!(%process, ?node, "nobody has the node open or mapped any more");
            self.driver.node_forgotten(process, node);
        }
    }

    fn release(self: &Arc<Self>, release: &ReleaseIn) {
        if self.readings.close(release.fh) {
            return;
        }
        let Some(file) = self.files.remove(release.fh) else { return };
        self.nodes().closed(file.inode);
        self.driver.release(file.file);
        self.probe(file.process);
    }

    /// A FLUSH by the file's own process may be the only sign of an exec (a forked child keeps the file, so no
    /// RELEASE comes); by anyone else it is a child that closes.
    fn closed_by(self: &Arc<Self>, header: &InHeader, fh: u64) {
        let Some(file) = self.files.get(fh) else { return };
        let tid = Tid(header.pid);
        // The leader's number is the group's; whoever is asked about it again finds the same.
        if tid.0 == file.tgid.0 || identity::belongs(file.tgid, tid) {
            self.closing(file.process, file.tgid);
        }
    }
}
