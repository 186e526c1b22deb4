//! A FUSE server that does nothing: one thread, one descriptor, one file. The floor of what a door can cost.
//!
//! The file echoes ioctls, and its pages are zeros that are read one by one, as doorbell pages are. The command
//! [`ECHO_READ`] makes the server first ask a worker process to read `len` bytes at the address in the struct's first
//! word, of the caller's memory: what a door has to do for a pointer.

use super::actor::{self, Actor};
use anyhow::Context;
use door::fuse::wire::layout::{Attr, AttrOut, EntryOut, InitOut, OpenOut, StatfsOut, WriteOut};
use door::fuse::wire::{Incoming, Reply, Request, opcode};
use kfd_core::abi::ioc;
use kfd_core::call::Errno;
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::task;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::sys::uio::{pread, writev};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use tempfile::TempDir;

/// Roles of the server and of its worker.
pub const ROLES: [actor::Role; 2] = [("fuse-echo", serve), ("fuse-worker", work)];

/// The size that the file claims: a page for each fault of a bench.
pub const FILE_BYTES: u64 = 1 << 30;

/// What the server's one file is called.
const NAME: &str = "echo";
const FILE_NODE: u64 = 2;
const READ_NUMBER: u8 = 2;

/// The command that echoes a struct of `size` bytes.
pub fn echo(size: usize) -> u32 {
    ioc::iowr(b'K', 1, size)
}

/// The command that reads [`READ_BYTES`] of the caller's memory first.
pub fn echo_read(size: usize) -> u32 {
    ioc::iowr(b'K', READ_NUMBER, size)
}

/// What [`echo_read`] reads: one `struct kfd_event_data`.
pub const READ_BYTES: usize = size_of::<kfd_core::abi::kfd::EventData>();

/// A mounted server; unmounted on drop.
pub struct BareFuse {
    server: Actor,
    dir: TempDir,
}

impl BareFuse {
    /// Starts and mounts one.
    pub fn start() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir().context("cannot make a scratch directory")?;
        let path = dir.path().display().to_string();
        let server = Actor::start(ROLES[0].0, &[&path], None)?.until_ready()?;
        Ok(Self { server, dir })
    }

    /// The server and its worker stay there.
    pub fn keep(&self, cpus: &Cpus, place: Place) -> anyhow::Result<()> {
        let mut all = task::children(self.server.id());
        all.push(self.server.id());
        cpus.keep(&all, place)
    }

    /// The folder of its file.
    pub fn folder(&self) -> String {
        self.dir.path().display().to_string()
    }

    /// Opens its file.
    pub fn open(&self) -> anyhow::Result<File> {
        open_in(self.dir.path())
    }
}

/// Opens the file of the server that is mounted there.
pub fn open_in(folder: &Path) -> anyhow::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .open(folder.join(NAME))
        .context("cannot open the bare server's file")
}

impl Drop for BareFuse {
    fn drop(&mut self) {
        if let Err(error) = umount2(self.dir.path(), MntFlags::MNT_FORCE | MntFlags::MNT_DETACH) {
            eprintln!("cannot unmount the bare FUSE server: {error}");
        }
        // Its end closes the connection; an error means that it has ended by the unmount.
        let _ = self.server.kill();
    }
}

fn serve(arguments: &[String]) -> anyhow::Result<()> {
    let [path] = arguments else { anyhow::bail!("a mount point") };
    let fuse = File::options().read(true).write(true).open("/dev/fuse").context("cannot open /dev/fuse")?;
    let options = format!("fd={},rootmode=40755,user_id=0,group_id=0,allow_other", fuse.as_raw_fd());
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOATIME;
    mount(Some("bench"), Path::new(path), Some("fuse.bench"), flags, Some(options.as_str()))
        .context("cannot mount (root is needed)")?;
    let (mine, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    let _worker = Actor::start(ROLES[1].0, &[], Some(theirs))?.until_ready()?;
    let mut announced = false;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = match nix::unistd::read(&fuse, &mut buffer).map_err(io::Error::from) {
            Ok(length) => length,
            Err(error) => match error.raw_os_error() {
                Some(libc::EINTR | libc::EAGAIN | libc::ENOENT) => continue,
                Some(libc::ENODEV) => return Ok(()),
                _ => return Err(error.into()),
            },
        };
        let incoming = Incoming::decode(&buffer[..length]).context("a message without a header")?;
        if let Some(reply) = reply(&incoming, &mine)? {
            // ENOENT: the caller is gone.
            let _ = reply.send(incoming.header.unique, |slices| writev(&fuse, slices));
        }
        if !announced && matches!(incoming.request, Request::Init { .. }) {
            announced = true;
            actor::ready()?;
        }
    }
}

fn reply<'a>(incoming: &Incoming<'a>, worker: &OwnedFd) -> anyhow::Result<Option<Reply<'a>>> {
    Ok(Some(match incoming.request {
        Request::Ioctl { ioctl, input } => {
            if ioc_number(ioctl.cmd) == READ_NUMBER {
                read_through(worker, incoming.header.pid, input)?;
            }
            Reply::Ioctl { result: 0, data: input }
        }
        Request::Read(read) => Reply::Zeros(read.size),
        Request::Write { write, .. } => Reply::Write(WriteOut { size: write.size, padding: 0 }),
        Request::Init { init, .. } => Reply::Init(InitOut {
            major: opcode::KERNEL_VERSION,
            minor: opcode::KERNEL_MINOR,
            max_readahead: 0,
            flags: init.flags & (opcode::INIT_PARALLEL_DIROPS | opcode::INIT_EXPLICIT_INVAL_DATA),
            max_background: 64,
            congestion_threshold: 64,
            max_write: 4096,
            time_gran: 1,
            ..InitOut::default()
        }),
        Request::Lookup { name } if name == NAME.as_bytes() => Reply::Entry(EntryOut {
            nodeid: FILE_NODE,
            entry_valid: 3600,
            attr_valid: 3600,
            attr: attributes(FILE_NODE),
            ..EntryOut::default()
        }),
        Request::Lookup { .. } => Reply::Error(Errno(libc::ENOENT)),
        Request::Getattr | Request::Setattr => Reply::Attr(AttrOut {
            attr_valid: 3600,
            attr: attributes(incoming.header.nodeid),
            ..AttrOut::default()
        }),
        Request::Open { .. } => {
            Reply::Open(OpenOut { fh: 0, open_flags: opcode::FOPEN_KEEP_CACHE, backing_id: 0 })
        }
        Request::Opendir => Reply::Open(OpenOut::default()),
        Request::Statfs => Reply::Statfs(StatfsOut::default()),
        Request::Readdir(_) => Reply::Data(&[]),
        Request::Flush(_)
        | Request::Release(_)
        | Request::Releasedir
        | Request::Fsync
        | Request::Access
        | Request::Destroy => Reply::Empty,
        Request::Forget { .. } | Request::BatchForget { .. } | Request::Interrupt { .. } => return Ok(None),
        Request::Readlink | Request::Alter | Request::Malformed | Request::Unknown => {
            Reply::Error(Errno(libc::ENOSYS))
        }
    }))
}

fn attributes(node: u64) -> Attr {
    let (mode, size) =
        if node == FILE_NODE { (libc::S_IFREG | 0o600, FILE_BYTES) } else { (libc::S_IFDIR | 0o755, 0) };
    Attr { ino: node, size, mode, nlink: 1, blksize: 4096, ..Attr::default() }
}

/// `_IOC_NR`.
fn ioc_number(cmd: u32) -> u8 {
    cmd.to_le_bytes()[0]
}

/// One message to the worker and its answer.
fn read_through(worker: &OwnedFd, pid: u32, input: &[u8]) -> anyhow::Result<()> {
    let mut message = [0; 12];
    message[..4].copy_from_slice(&pid.to_le_bytes());
    message[4..].copy_from_slice(input.get(..8).context("a struct with a pointer")?);
    send(worker.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut bytes = [0; READ_BYTES];
    anyhow::ensure!(
        recv(worker.as_raw_fd(), &mut bytes, MsgFlags::empty())? == READ_BYTES,
        "the worker read less than it was asked for"
    );
    std::hint::black_box(bytes);
    Ok(())
}

fn work(_: &[String]) -> anyhow::Result<()> {
    let socket = actor::given()?;
    let mut memories: HashMap<u32, File> = HashMap::new();
    actor::ready()?;
    loop {
        let mut message = [0; 12];
        if recv(socket.as_raw_fd(), &mut message, MsgFlags::empty())? == 0 {
            return Ok(());
        }
        let (pid, address) = message.split_at(4);
        let (pid, address) = (u32::from_le_bytes(pid.try_into()?), i64::from_le_bytes(address.try_into()?));
        let memory = match memories.entry(pid) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(File::open(format!("/proc/{pid}/mem"))?),
        };
        let mut bytes = [0; READ_BYTES];
        let length = pread(&*memory, &mut bytes, address)?;
        send(socket.as_raw_fd(), &bytes[..length], MsgFlags::empty())?;
    }
}
