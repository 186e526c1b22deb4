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

/// The most bytes of an argument struct: GET_PROCESS_APERTURES has 400, SVM with 125 attributes has all of them.
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

/// The facts about a call that a door found out because the ioctl's spec asks for them.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// The memory behind the pointers inside the struct: one entry per pointer of the spec, in its order. An `Out`
    /// pointer's entry is empty; an `In` pointer's has `count × element` bytes.
    pub pointers: Vec<Vec<u8>>,
    /// The open file behind the spec's descriptor; `None` when the caller has no such descriptor, when it is of another
    /// kind than the spec's, or when the door cannot look.
    pub descriptor: Option<Arc<OwnedFd>>,
    /// The parts of the spec's memory that cannot be read and written, in order of address, at most
    /// [`LACKS_MAX`](crate::notice::LACKS_MAX); `None` when the door cannot look.
    pub lacks: Option<Vec<Lack>>,
    /// The file that the spec's dma-buf descriptor leads to; `None` when the caller has no such descriptor, or when the
    /// door cannot look.
    pub file: Option<FileIdentity>,
    /// Whether the door can look into the caller's descriptor table and put a new descriptor there.
    pub passes: bool,
    /// The task behind the spec's process id.
    pub task: Option<Task>,
    /// Whether the caller's credentials let it attach (ptrace(2)) to that task.
    pub attaches: bool,
    /// Whether the caller has the privilege that the spec's `privileged` asks for.
    pub privileged: bool,
    /// Whether the caller traces (ptrace(2)) the process that opened the file.
    pub traces: bool,
}

impl Gathered {
    /// These facts, completed with what else was found out.
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

/// The identity of a file, whichever descriptor leads to it: no other file of this boot has the same three (statx(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// The major and minor number of the file's device.
    pub device: (u32, u32),
    /// The file's inode there; a later file may get the same one.
    pub inode: u64,
    /// The time at which the inode was made: seconds and nanoseconds.
    pub born: (i64, u32),
}

/// A task that a caller named by number, as the door found it: alive, with an address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// The task's thread group.
    pub tgid: Tgid,
    /// The task's address space.
    pub mm: notifier::MmId,
    /// Whether the calling thread traces (ptrace(2)) the leader of that group.
    pub traced: bool,
}

/// The node that a call came in on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// KFD's only node, `/dev/kfd`.
    Kfd,
    /// A render node, `/dev/dri/renderD<minor>`.
    Render(RenderMinor),
    /// A primary node, `/dev/dri/card<N>`, of the device with that render node.
    Card(RenderMinor),
}

impl Node {
    /// The render node of the device that the node belongs to; `None` for kfd.
    #[must_use]
    pub fn device(self) -> Option<RenderMinor> {
        match self {
            Self::Kfd => None,
            Self::Render(minor) | Self::Card(minor) => Some(minor),
        }
    }
}

/// The caller of an ioctl, verified by the door: `tid` is a thread of `tgid`, and `tgid` is the owner of the file.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// The process object that the file belongs to.
    pub process: ProcessId,
    /// The node that was opened.
    pub node: Node,
    /// The open file that the call came by.
    pub file: FileId,
    /// The calling thread group.
    pub tgid: Tgid,
    /// The calling thread.
    pub tid: Tid,
    /// The id of this call, for a parked answer and for an interrupt.
    pub call: CallId,
}

/// The identity of whoever opens a node, as the door found it out through a pidfd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The opening thread group.
    pub tgid: Tgid,
    /// The real user of the opening thread group.
    pub uid: Uid,
    /// The address space: inode of the pidfd (unique per boot) and exec epoch.
    pub mm: notifier::MmId,
}

/// A write into the client's memory that the door must do before it replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserWrite {
    /// The address in the client's address space.
    pub va: UserVa,
    /// The bytes to be written.
    pub bytes: Vec<u8>,
}

/// A call that succeeded.
#[derive(Debug)]
pub struct Done {
    /// The struct to copy out.
    pub arg: Arg,
    /// The writes into client memory to make before the answer.
    pub writes: Vec<UserWrite>,
    /// The descriptors to pass, by doors that can.
    pub fds: Vec<OwnedFd>,
    /// The return value of the ioctl, not negative; 0 from all calls but those that count something.
    pub value: i32,
}

impl Done {
    /// A success whose whole answer is the struct.
    #[must_use]
    pub fn new(arg: Arg) -> Self {
        Self { arg, writes: Vec::new(), fds: Vec::new(), value: 0 }
    }
}

/// A call that failed: amdkfd's errno and the struct, which is copied out all the same where the kernel does.
#[derive(Debug)]
pub struct Refused {
    /// The errno of the answer.
    pub errno: Errno,
    /// The struct to copy out.
    pub arg: Arg,
    /// The writes to make all the same (MAP_MEMORY_TO_GPU tells `n_success` in the struct; most calls write nothing).
    pub writes: Vec<UserWrite>,
}

/// The end of a call, or that it has not ended yet.
#[derive(Debug)]
pub enum Outcome {
    /// The call succeeded.
    Done(Done),
    /// The call failed.
    Refused(Refused),
    /// The call waits; [`Notice::Complete`](crate::notice::Notice) will carry its end.
    Parked,
}

/// An errno as the kernel returns it, positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("errno {0}")]
pub struct Errno(pub i32);

impl Errno {
    /// EPERM: the operation is not permitted.
    pub const PERM: Self = Self(libc::EPERM);
    /// ESRCH: amdkfd's answer where a device has not been bound to the process (ACQUIRE_VM).
    pub const SRCH: Self = Self(libc::ESRCH);
    /// ENOENT: nothing has that number or key.
    pub const NOENT: Self = Self(libc::ENOENT);
    /// ECANCELED: amdgpu's answer about commands that hung, and to a context that had such commands.
    pub const CANCELED: Self = Self(libc::ECANCELED);
    /// EIO: what was waited for is gone.
    pub const IO: Self = Self(libc::EIO);
    /// EBADF: the file does not belong to this caller, or its process object is going.
    pub const BADF: Self = Self(libc::EBADF);
    /// EAGAIN: the process object of this address space is being torn down.
    pub const AGAIN: Self = Self(libc::EAGAIN);
    /// ENOMEM: memory is exhausted; amdkfd's answer to most exhausted limits.
    pub const NOMEM: Self = Self(libc::ENOMEM);
    /// EFAULT: a pointer leads nowhere; amdkfd also answers it to an UPDATE_QUEUE of an unknown queue.
    pub const FAULT: Self = Self(libc::EFAULT);
    /// EBUSY: the object is in use.
    pub const BUSY: Self = Self(libc::EBUSY);
    /// ENODEV: there is no such device, or none is bound.
    pub const NODEV: Self = Self(libc::ENODEV);
    /// EINVAL: an argument is invalid.
    pub const INVAL: Self = Self(libc::EINVAL);
    /// ENOTTY: there is no such ioctl.
    pub const NOTTY: Self = Self(libc::ENOTTY);
    /// ENOSPC: no queue or signal event slot is free.
    pub const NOSPC: Self = Self(libc::ENOSPC);
    /// EEXIST: what was to be made, or to come later, is there already.
    pub const EXIST: Self = Self(libc::EEXIST);
    /// EADDRINUSE: a buffer object has the address.
    pub const ADDRINUSE: Self = Self(libc::EADDRINUSE);
    /// EACCES: DRM's answer to a call that this node does not have.
    pub const ACCES: Self = Self(libc::EACCES);
    /// EINTR: a signal interrupted the call, which is not restarted.
    pub const INTR: Self = Self(libc::EINTR);
    /// EALREADY: the process is being debugged already.
    pub const ALREADY: Self = Self(libc::EALREADY);
    /// ENODATA: the exception has not been raised.
    pub const NODATA: Self = Self(libc::ENODATA);
    /// EOPNOTSUPP: the operation is not supported.
    pub const OPNOTSUPP: Self = Self(libc::EOPNOTSUPP);

    /// ERESTARTSYS (linux/errno.h): a signal interrupted the call, which is restarted with the returned struct or
    /// becomes EINTR, as the signal's action says. Leaves a door only as the answer to an INTERRUPT.
    pub const RESTART: Self = Self(512);
}
