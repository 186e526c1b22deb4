//! A served mount: the handshake, the door threads, the end.

use super::channel::Channel;
use super::door::{Census, Door};
use super::driver::{ClientMemory, Driver, Host};
use super::error::DoorError;
use super::files::OpenFile;
use super::mount::Mount;
use super::names::Names;
use super::node::{Shown, Tree};
use super::wire::layout::InitOut;
use super::wire::{Incoming, Reply, Request, opcode};
use kfd_core::call::{Errno, FileIdentity, Outcome};
use kfd_core::ids::{CallId, ProcessId};
use kfd_core::sync::Mutex;
use nix::errno::Errno as Sys;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Bytes of one read: the largest request is an ioctl with 16 KiB of struct; the kernel wants at least 8 KiB
/// (`FUSE_MIN_READ_BUFFER`).
const BUFFER: usize = 32 * 1024;
/// Doorbell pages come back one by one; nothing longer is ever of use.
const MAX_WRITE: u32 = 4096;
/// `max_background`: writebacks under way at once.
const BACKGROUND: u16 = 64;

/// How to open the door.
#[derive(Debug, Clone)]
pub struct FuseConfig {
    /// An existing directory.
    pub mount_point: PathBuf,
    /// What it shows beside kfd.
    pub shown: Shown,
    /// Threads that read requests, at least one.
    pub threads: usize,
}

/// A served mount. Ends on [`FuseDoor::stop`] or drop.
pub struct FuseDoor {
    door: Arc<Door>,
    mount: Mount,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl FuseDoor {
    /// Mounts and serves; when this returns, a client's open is answered.
    ///
    /// # Errors
    /// [`DoorError`], one line that says what to do. Nothing stays mounted then.
    pub fn start<D: Driver, M: ClientMemory>(
        config: FuseConfig,
        driver: Arc<D>,
        memory: Arc<M>,
        host: Arc<dyn Host>,
    ) -> Result<Self, DoorError> {
        let FuseConfig { mount_point, shown, threads } = config;
        let tree = Tree::new(shown);
        let master = Channel::open()?;
        let mount = Mount::new(&mount_point, &master)?;
        let started = handshake(&master).and_then(|()| try_passthrough(&master)).and_then(|()| {
            let channels =
                (1..threads.max(1)).map(|_| master.another().map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
            let channels: Vec<_> = std::iter::once(Arc::new(master)).chain(channels).collect();
            let (names, dropper) =
                Names::start(Arc::clone(&channels[0])).map_err(DoorError::system("start a door thread"))?;
            let door = Arc::new(Door::new(driver, memory, host, tree, channels.into(), names));
            let mut running = vec![dropper];
            for channel in door.channels.iter() {
                let (door, channel) = (Arc::clone(&door), Arc::clone(channel));
                let thread = std::thread::Builder::new().name("kfdd-door".to_owned());
                let thread = thread.spawn(move || serve(&door, &channel));
                running.push(thread.map_err(DoorError::system("start a door thread"))?);
            }
            Ok((door, running))
        });
        match started {
            Ok((door, threads)) => Ok(Self { door, mount, threads: Mutex::new(threads) }),
            Err(error) => {
                mount.abort();
                Err(error)
            }
        }
    }

    /// Whether the mount of a daemon that was killed was found and removed at the start.
    #[must_use]
    pub fn recovered_stale_mount(&self) -> bool {
        self.mount.recovered
    }

    /// A parked call has ended: scatters and replies. From any thread; never blocks.
    pub fn complete(&self, call: CallId, process: ProcessId, outcome: Outcome) {
        tracing::trace!(%process, serial = call.serial, "a parked call ends");
        self.door.finish(call.serial, outcome);
    }

    /// Drops pages `[offset, offset + len)` of a process's kfd node (`len` 0: to the end) and returns when they are
    /// gone: the next touch is a trap again. Waits for a page's writeback, which the door threads answer, so it must
    /// not be called from one of them.
    pub fn rearm(&self, process: ProcessId, offset: u64, len: u64) {
        self.door.drop_pages(process, offset, len);
    }

    /// A process is out of every index: its names are dropped, so that FORGET comes with the last foreign mapping,
    /// and its backing files are given back. Never blocks.
    pub fn unpublished(&self, process: ProcessId) {
        self.door.unpublish(process);
    }

    /// The open node that a file is, whichever descriptor leads to it: for a door that finds its callers' files by their
    /// inodes. `None` when it is no file of this mount, or not open.
    #[must_use]
    pub fn opened(&self, file: &FileIdentity) -> Option<OpenFile> {
        if Some(file.device) != self.mount.device() {
            return None;
        }
        self.door.files.last_of(file.inode)
    }

    /// What the door holds now.
    #[must_use]
    pub fn census(&self) -> Census {
        self.door.census()
    }

    /// Unmounts, aborts the connection and joins the threads; whoever has a file open gets ENOTCONN from now on. The
    /// second call does nothing.
    pub fn stop(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        if threads.is_empty() {
            return;
        }
        self.mount.abort();
        self.door.names.end();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a door thread panicked");
            }
        }
        self.door.clear();
    }
}

impl Drop for FuseDoor {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for FuseDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FuseDoor").field("mount", &self.mount).field("census", &self.census()).finish()
    }
}

/// Reads INIT and answers it.
fn handshake(master: &Channel) -> Result<(), DoorError> {
    let mut buffer = vec![0; BUFFER];
    let length = loop {
        match master.read(&mut buffer) {
            Ok(length) => break length,
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(DoorError::system("read the FUSE handshake")(error)),
        }
    };
    let incoming = buffer.get(..length).and_then(Incoming::decode);
    let Some(Incoming { header, request: Request::Init { init, flags2 } }) = incoming else {
        let source = io::Error::from(io::ErrorKind::InvalidData);
        return Err(DoorError::System { what: "complete the FUSE handshake", source });
    };
    let able = init.major == opcode::KERNEL_VERSION && flags2 & opcode::INIT2_PASSTHROUGH != 0;
    if !able {
        master.reply(header.unique, &Reply::Error(Errno(libc::EPROTO)));
        return Err(DoorError::NoPassthrough { major: init.major, minor: init.minor });
    }
    let wanted = opcode::INIT_PARALLEL_DIROPS | opcode::INIT_EXPLICIT_INVAL_DATA | opcode::INIT_EXT;
    let out = InitOut {
        major: opcode::KERNEL_VERSION,
        minor: opcode::KERNEL_MINOR,
        // No read-ahead: one fault is one READ of one page.
        max_readahead: 0,
        flags: init.flags & wanted,
        max_background: BACKGROUND,
        congestion_threshold: BACKGROUND,
        max_write: MAX_WRITE,
        time_gran: 1,
        flags2: opcode::INIT2_PASSTHROUGH,
        max_stack_depth: 1,
        ..InitOut::default()
    };
    master.reply(header.unique, &Reply::Init(out));
    Ok(())
}

/// Registers a backing file and gives it back: what every open of a render node will need.
fn try_passthrough(master: &Channel) -> Result<(), DoorError> {
    let name = c"kfdd-passthrough-trial";
    let trial = memfd_create(name, MFdFlags::MFD_CLOEXEC)
        .map_err(|errno| DoorError::System { what: "make a memfd", source: errno.into() })?;
    let id = master.backing_open(&trial).map_err(DoorError::system("register a FUSE passthrough file"))?;
    master.backing_close(id).map_err(DoorError::system("give a FUSE passthrough file back"))
}

/// A door thread.
fn serve(door: &Arc<Door>, channel: &Arc<Channel>) {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = match channel.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if is_passing(&error) => continue,
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return,
            Err(error) => {
                tracing::error!(%error, "reading /dev/fuse failed; this door thread ends");
                return;
            }
        };
        let Some(incoming) = buffer.get(..length).and_then(Incoming::decode) else {
            tracing::error!(length, "a message without a header");
            continue;
        };
        if catch_unwind(AssertUnwindSafe(|| door.dispatch(channel, &incoming))).is_err() {
            // The caller must not hang for it. Where the answer was already given the kernel refuses a second one.
            tracing::error!(
                opcode = incoming.header.opcode,
                "a request was not served: a panic in the daemon"
            );
            door.give_up(channel, incoming.header.unique);
        }
        if !matches!(incoming.request, Request::Ioctl { .. } | Request::Interrupt { .. }) {
            door.calls.served(incoming.header.unique);
        }
    }
}

/// EINTR and EAGAIN, and ENOENT: the request was taken back before it was read.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Sys::from_raw), Some(Sys::EINTR | Sys::EAGAIN | Sys::ENOENT))
}
