//! From a request to what it means: one `match`.
//!
//! FLUSH, RELEASE and WRITE are answered before anything else is done about them: an exiting client waits for each.
//! A READ of the kfd node is the doorbell trap. It is answered with zeros always and in full, also for a doomed
//! process: an error would be a SIGBUS, and a short answer would shrink the cached size for good.

use super::channel::Channel;
use super::driver::{ClientMemory, Driver, Host};
use super::former::Former;
use super::inflight::InFlights;
use super::node::{self, Nodes, Place, Tree};
use super::notify::Names;
use super::open::Files;
use super::probe::Probes;
use super::procfs::ProcNode;
use super::session::Census;
use super::sysfs::{self, Readings};
use super::wire::layout::{
    Attr, AttrOut, EntryOut, InHeader, OpenOut, ReadIn, ReleaseIn, StatfsOut, WriteOut,
};
use super::wire::{Incoming, Reply, Request, opcode, reply};
use crate::identity::{self, IdentityError, Resolver};
use kfd_core::call::{Errno, Node};
use kfd_core::death::Cause;
use kfd_core::ids::{ProcessId, Tid};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long the kernel may keep what does not change: directories, and the attributes of devices. Seconds.
const FOR_LONG: u64 = 3600;

/// The directory of processes, in that of the devices.
const PROC: &str = "proc";

/// Everything the door threads share.
pub(super) struct Door {
    pub(super) driver: Arc<dyn Driver>,
    pub(super) memory: Arc<dyn ClientMemory>,
    pub(super) host: Arc<dyn Host>,
    pub(super) channels: Arc<[Arc<Channel>]>,
    pub(super) names: Names,
    pub(super) resolver: Resolver,
    pub(super) former: Former,
    pub(super) probes: Probes,
    pub(super) files: Files,
    pub(super) readings: Readings,
    pub(super) calls: InFlights,
    /// Opens happen one at a time, so that a process is made and its memory attached before its next file exists.
    /// Outermost of the door's locks.
    pub(super) opening: Mutex<()>,
    pub(super) tree: Tree,
    nodes: Mutex<Nodes>,
}

impl Door {
    pub(super) fn new(
        driver: Arc<dyn Driver>,
        memory: Arc<dyn ClientMemory>,
        host: Arc<dyn Host>,
        tree: Tree,
        channels: Arc<[Arc<Channel>]>,
        names: Names,
    ) -> Self {
        Self {
            driver,
            memory,
            host,
            channels,
            names,
            resolver: Resolver::new(),
            former: Former::default(),
            probes: Probes::default(),
            files: Files::default(),
            readings: Readings::default(),
            calls: InFlights::default(),
            opening: Mutex::new(()),
            tree,
            nodes: Mutex::default(),
        }
    }

    pub(super) fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
                    let attr_valid = if ProcNode::of(header.nodeid).is_some() { 0 } else { FOR_LONG };
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
                let changes = ProcNode::of(header.nodeid).is_some();
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

    /// Ends a request that could not be served.
    pub(super) fn give_up(&self, channel: &Channel, unique: u64) {
        self.calls.remove(unique);
        channel.reply(unique, &Reply::Error(Errno(libc::EIO)));
    }

    fn read(&self, channel: &Channel, header: &InHeader, read: &ReadIn) {
        let unique = header.unique;
        if let Some(content) = self.read_sysfs(header, read) {
            return channel.reply(unique, &Reply::Data(&content));
        }
        let file = self.files.get(read.fh);
        if file.is_some_and(|file| matches!(file.node, Node::Card(_))) {
            // No display, no events.
            return channel.reply(unique, &Reply::Data(&[]));
        }
        if file.is_some_and(|file| file.node == Node::Kfd) && !self.driver.has_kfd_page(read.offset) {
            // A page of zeros would take stores that nobody reads. The error is a SIGBUS, and nothing is cached.
            return channel.reply(unique, &Reply::Error(Errno(libc::EIO)));
        }
        // Before the answer: what the client submitted is done by the time that its store is.
        let doorbell = file.filter(|file| file.node == Node::Kfd);
        let trapped = doorbell.map(|file| self.driver.trap(file.process, read.offset));
        channel.reply(unique, &Reply::Zeros(read.size));
        if let Some(trapped) = trapped {
            self.driver.trapped(trapped);
        }
    }

    fn look_up(&self, header: &InHeader, name: &[u8]) -> Result<EntryOut, Errno> {
        match self.find(header.nodeid, name).ok_or(Errno(libc::ENOENT))? {
            Place::Dri => Ok(fixed(node::directory_attr(node::DRI_ID))),
            Place::Ras => Ok(fixed(node::directory_attr(node::RAS_ID))),
            Place::Control(id) => Ok(fixed(node::control_attr(id))),
            Place::Sysfs(id) => match ProcNode::of(id) {
                // Asked for anew each time: processes come and go.
                Some(node) if id != ProcNode::ROOT.id() => {
                    let attr = node.attr(&*self.driver).ok_or(Errno(libc::ENOENT))?;
                    Ok(EntryOut { nodeid: id, attr, ..EntryOut::default() })
                }
                _ => Ok(fixed(self.attr(id).ok_or(Errno(libc::ENOENT))?)),
            },
            Place::Device(device) => {
                let who = self.resolver.resolve(Tid(header.pid)).map_err(|error| refusal(&error))?;
                let process = self.driver.find(who.tgid, Some(who.mm));
                let nodeid = self.nodes().look_up(device, who.tgid, process);
                // No validity for the name: the next process must ask for its own node.
                let attr = self.tree.device_attr(nodeid, device, self.driver.kfd_node_bytes());
                Ok(EntryOut { nodeid, attr_valid: FOR_LONG, attr, ..EntryOut::default() })
            }
        }
    }

    fn find(&self, parent: u64, name: &[u8]) -> Option<Place> {
        let text = || std::str::from_utf8(name).ok();
        if let Some(directory) = ProcNode::of(parent) {
            return Some(Place::Sysfs(directory.find(text()?, &*self.driver)?.id()));
        }
        match parent {
            sysfs::ROOT if name == PROC.as_bytes() => Some(Place::Sysfs(ProcNode::ROOT.id())),
            sysfs::ROOT.. => self.tree.sysfs.find(parent, text()?).map(Place::Sysfs),
            _ => self.tree.find(parent, name),
        }
    }

    fn attr(&self, id: u64) -> Option<Attr> {
        if let Some(node) = ProcNode::of(id) {
            return node.attr(&*self.driver);
        }
        match id {
            sysfs::ROOT.. => self.tree.sysfs.attr(id),
            opcode::ROOT_ID | node::DRI_ID | node::RAS_ID => Some(node::directory_attr(id)),
            _ if self.tree.control(id).is_some() => Some(node::control_attr(id)),
            _ => {
                let device = self.nodes().get(id)?;
                Some(self.tree.device_attr(id, device.node, self.driver.kfd_node_bytes()))
            }
        }
    }

    fn list(&self, directory: u64, read: &ReadIn) -> Option<Vec<u8>> {
        let entries = self.entries(directory)?;
        let mut out = Vec::new();
        let start = usize::try_from(read.offset).unwrap_or(usize::MAX);
        for (index, (ino, kind, name)) in entries.iter().enumerate().skip(start) {
            if !reply::push_dirent(
                &mut out,
                read.size as usize,
                *ino,
                index as u64 + 1,
                *kind,
                name.as_bytes(),
            ) {
                break;
            }
        }
        Some(out)
    }

    /// The entries of a directory: inode numbers, `d_type`s and names.
    fn entries(&self, directory: u64) -> Option<Vec<(u64, u32, String)>> {
        let own = |id| (id, u32::from(libc::DT_DIR), ".".to_owned());
        let up = |id| (id, u32::from(libc::DT_DIR), "..".to_owned());
        if let Some(node) = ProcNode::of(directory) {
            let row = |(name, node): (String, ProcNode)| {
                let mode = node.attr(&*self.driver).map_or(libc::S_IFREG, |attr| attr.mode);
                (node.id(), sysfs::d_type(mode), name)
            };
            let there = node.list(&*self.driver)?.into_iter().map(row);
            return Some([own(directory), up(sysfs::ROOT)].into_iter().chain(there).collect());
        }
        if directory < sysfs::ROOT {
            return self.tree.list(directory);
        }
        let mut entries = vec![own(directory), up(sysfs::ROOT)];
        entries.extend(self.tree.sysfs.list(directory)?);
        if directory == sysfs::ROOT {
            entries.push((ProcNode::ROOT.id(), u32::from(libc::DT_DIR), PROC.to_owned()));
        }
        Some(entries)
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

    /// Tells of a sure sign of death.
    pub(super) fn doom(&self, process: ProcessId, cause: Cause) {
        if let Some(doom) = self.driver.doom(process, cause) {
            self.host.doomed(doom);
        }
    }

    pub(super) fn census(&self) -> Census {
        let files = self.files.len() + self.readings.len();
        Census { nodes: self.nodes().len(), files, calls: self.calls.len() }
    }

    /// The connection is gone.
    pub(super) fn clear(&self) {
        self.calls.clear();
        for file in self.files.clear() {
            self.driver.release(file);
        }
        *self.nodes() = Nodes::default();
    }
}

/// The answer to the LOOKUP of a node that is always there.
fn fixed(attr: Attr) -> EntryOut {
    EntryOut { nodeid: attr.ino, entry_valid: FOR_LONG, attr_valid: FOR_LONG, attr, ..EntryOut::default() }
}

/// What a caller who cannot be identified is told.
pub(super) fn refusal(error: &IdentityError) -> Errno {
    match error {
        IdentityError::Gone(_) => Errno(libc::ESRCH),
        IdentityError::Invisible => Errno(libc::EACCES),
        IdentityError::System { source, .. } => {
            tracing::warn!(%error, "a client cannot be identified");
            Errno(source.raw_os_error().unwrap_or(libc::EIO))
        }
    }
}
