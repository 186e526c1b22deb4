//! The one entry point of the core as values: what a door hands in and what it gets back.
//!
//! A door copies the ioctl's struct in, gathers what the pointers inside it point at (`abi::spec` says which), and
//! calls [`Core::call`](crate::Core::call). What comes back is the struct to copy out plus the writes to scatter, an
//! errno, or the word that the call is parked; a parked call's answer arrives later as
//! [`Notice::Complete`](crate::notice::Notice). Not for: how a call travels, which is the doors' business.

use crate::access::Lack;
use crate::ids::{CallId, FileId, ProcessId, RenderMinor, Tgid, Tid, Uid, UserVa};
use crate::sync::Arc;
use std::os::fd::OwnedFd;

/// The largest argument struct that is taken: GET_PROCESS_APERTURES has 400 bytes, and SVM with 125 attributes has these.
pub const ARG_MAX: usize = 1024;

/// An ioctl's argument struct: as many bytes as `_IOC_SIZE` of the command says, at most [`ARG_MAX`].
#[derive(Clone, Copy)]
pub struct Arg {
    len: u16,
    bytes: [u8; ARG_MAX],
}

impl Arg {
    /// Copies `bytes`; `None` when they are more than [`ARG_MAX`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut arg = Self { len: u16::try_from(bytes.len()).ok()?, bytes: [0; ARG_MAX] };
        arg.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(arg)
    }

    /// The struct as it stands.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The struct, to be changed in place; its length stays.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for Arg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Arg({} bytes)", self.len)
    }
}

/// What a door found out about a call because the ioctl's spec asked for it.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// What the pointers inside the struct pointed at: one entry per pointer of the spec, in its order. An `Out`
    /// pointer's entry is empty. An `In` pointer's entry has `count × element` bytes.
    pub pointers: Vec<Vec<u8>>,
    /// The open file behind the spec's descriptor; `None` when the caller has none of that number, when it is of another
    /// kind than the spec's, or when the door cannot look.
    pub descriptor: Option<Arc<OwnedFd>>,
    /// What the spec's memory lacks, in order, at most [`LACKS_MAX`](crate::notice::LACKS_MAX) parts; `None` when the door
    /// cannot look.
    pub lacks: Option<Vec<Lack>>,
    /// Which file the spec's dma-buf descriptor leads to; `None` when the caller has none of that number, or when the door
    /// cannot look.
    pub file: Option<FileIdentity>,
    /// Whether the door can look into the caller's descriptor table and put a new descriptor there.
    pub passes: bool,
    /// The task behind the spec's process id.
    pub task: Option<Task>,
    /// Whether the caller's credentials let it attach (ptrace(2)) to that task.
    pub attaches: bool,
    /// Whether the caller has what the spec's `privileged` asks for.
    pub privileged: bool,
    /// Whether the caller traces (ptrace(2)) the process that opened the file.
    pub traces: bool,
}

impl Gathered {
    /// The same with what else was found out.
    #[must_use]
    pub fn with(self, found: Self) -> Self {
        Self { pointers: self.pointers, lacks: self.lacks, ..found }
    }
}

impl From<Vec<Vec<u8>>> for Gathered {
    fn from(pointers: Vec<Vec<u8>>) -> Self {
        Self { pointers, ..Self::default() }
    }
}

/// A file, whichever descriptor leads to it: no other file of this boot has the same three (statx(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// Major and minor of its device.
    pub device: (u32, u32),
    /// Its inode there; may be another file's later.
    pub inode: u64,
    /// When the inode was made: seconds and nanoseconds.
    pub born: (i64, u32),
}

/// A task that a caller named by number, as the door found it: alive, with an address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Its thread group.
    pub tgid: Tgid,
    /// Its address space.
    pub mm: notifier::MmId,
    /// Whether the calling thread traces (ptrace(2)) the leader of that group.
    pub traced: bool,
}

/// Which node a call came in on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// `/dev/kfd`.
    Kfd,
    /// `/dev/dri/renderD<minor>`.
    Render(RenderMinor),
    /// `/dev/dri/card<N>` of the device with that render node.
    Card(RenderMinor),
}

impl Node {
    /// The render node of the device that it belongs to, if it does to one.
    #[must_use]
    pub fn device(self) -> Option<RenderMinor> {
        match self {
            Self::Kfd => None,
            Self::Render(minor) | Self::Card(minor) => Some(minor),
        }
    }
}

/// Who calls, already verified by the door: `tid` is a thread of `tgid`, and `tgid` is the owner of the file.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// The process object that the file belongs to.
    pub process: ProcessId,
    /// The node that was opened.
    pub node: Node,
    /// The file that it was opened as.
    pub file: FileId,
    /// The calling thread group.
    pub tgid: Tgid,
    /// The calling thread.
    pub tid: Tid,
    /// This call, for a parked answer and for an interrupt.
    pub call: CallId,
}

/// Who opens a node, as the door found out through a pidfd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The opening thread group.
    pub tgid: Tgid,
    /// Its real user.
    pub uid: Uid,
    /// The address space: inode of the pidfd (unique per boot) and exec epoch.
    pub mm: notifier::MmId,
}

/// A write into the client's memory that the door must do before it replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserWrite {
    /// Where, in the client's address space.
    pub va: UserVa,
    /// What.
    pub bytes: Vec<u8>,
}

/// A call that succeeded.
#[derive(Debug)]
pub struct Done {
    /// The struct to copy out.
    pub arg: Arg,
    /// What to scatter first.
    pub writes: Vec<UserWrite>,
    /// Descriptors to pass, for doors that can.
    pub fds: Vec<OwnedFd>,
    /// What the ioctl returns, not negative; 0 from all but those that count something.
    pub value: i32,
}

impl Done {
    /// A success that says all it has to say in its struct.
    #[must_use]
    pub fn new(arg: Arg) -> Self {
        Self { arg, writes: Vec::new(), fds: Vec::new(), value: 0 }
    }
}

/// A call that failed: amdkfd's errno and the struct, which is copied out all the same where the kernel does.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub errno: Errno,
    /// The struct to copy out.
    pub arg: Arg,
    /// What to scatter all the same (MAP_MEMORY_TO_GPU tells `n_success` in the struct; most calls scatter nothing).
    pub writes: Vec<UserWrite>,
}

/// How a call ended, or that it has not yet.
#[derive(Debug)]
pub enum Outcome {
    /// It succeeded.
    Done(Done),
    /// It failed.
    Refused(Refused),
    /// It waits; [`Notice::Complete`](crate::notice::Notice) will carry its end.
    Parked,
}

/// An errno as the kernel returns it, positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("errno {0}")]
pub struct Errno(pub i32);

impl Errno {
    /// Operation not permitted.
    pub const PERM: Self = Self(libc::EPERM);
    /// No such process: amdkfd's answer where a device has not been bound to the process (ACQUIRE_VM).
    pub const SRCH: Self = Self(libc::ESRCH);
    /// Nothing of that number.
    pub const NOENT: Self = Self(libc::ENOENT);
    /// It was given up: amdgpu's answer about commands that hung, and to a context that had such.
    pub const CANCELED: Self = Self(libc::ECANCELED);
    /// I/O error: what was waited for is gone.
    pub const IO: Self = Self(libc::EIO);
    /// The file does not belong to this caller, or its process object is going.
    pub const BADF: Self = Self(libc::EBADF);
    /// Try again: the process object of this address space is being torn down.
    pub const AGAIN: Self = Self(libc::EAGAIN);
    /// Out of memory, and amdkfd's answer to most exhausted limits.
    pub const NOMEM: Self = Self(libc::ENOMEM);
    /// A pointer that leads nowhere; amdkfd also answers it to an UPDATE_QUEUE of an unknown queue.
    pub const FAULT: Self = Self(libc::EFAULT);
    /// In use.
    pub const BUSY: Self = Self(libc::EBUSY);
    /// No such device, or none bound.
    pub const NODEV: Self = Self(libc::ENODEV);
    /// Invalid argument.
    pub const INVAL: Self = Self(libc::EINVAL);
    /// No such ioctl.
    pub const NOTTY: Self = Self(libc::ENOTTY);
    /// No room: queue and signal event slots.
    pub const NOSPC: Self = Self(libc::ENOSPC);
    /// Too late: what was to come first is there already.
    pub const EXIST: Self = Self(libc::EEXIST);
    /// An address that a buffer object has.
    pub const ADDRINUSE: Self = Self(libc::EADDRINUSE);
    /// Not a call of this node: DRM's answer on a render node.
    pub const ACCES: Self = Self(libc::EACCES);
    /// Interrupted by a signal, and not to be made again by itself.
    pub const INTR: Self = Self(libc::EINTR);
    /// Somebody debugs that process already.
    pub const ALREADY: Self = Self(libc::EALREADY);
    /// That exception has not been raised.
    pub const NODATA: Self = Self(libc::ENODATA);
    /// Not supported.
    pub const OPNOTSUPP: Self = Self(libc::EOPNOTSUPP);

    /// ERESTARTSYS (linux/errno.h): the call was interrupted and is to be made again with the returned struct, or
    /// becomes EINTR where the signal's action says so. Leaves a door only as the answer to an INTERRUPT.
    pub const RESTART: Self = Self(512);
}
