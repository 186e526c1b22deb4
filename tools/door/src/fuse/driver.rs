//! What the door stands on, as traits: the driver whose calls it carries, the memory of its clients, and its host.
//!
//! [`Core`](kfd_core::Core) and [`Workers`](crate::workers::Workers) are the real ones; a test scripts its own, to hold a
//! call in any state it wants. All methods may be called from any door thread, with no lock of the door held but the
//! one that makes opens happen one at a time; none may block.

use kfd_core::call::{Arg, Caller, Errno, Gathered, Identity, Node, Outcome};
use kfd_core::death::{Cause, Doom, Doomed};
use kfd_core::ids::{CallId, FileId, ProcessId, RenderMinor, Tgid};
use kfd_core::notice::{UserAccess, UserAnswer};
use notifier::MmId;
use notifier::watch::Pidfd;
use std::os::fd::OwnedFd;

/// A file that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The process object it belongs to.
    pub process: ProcessId,
    /// The file.
    pub file: FileId,
    /// Whether this open made the process object.
    pub fresh: bool,
}

/// The meaning of the calls that the door carries.
pub trait Driver: Send + Sync + 'static {
    /// Opens a node; makes the process object where there is none for that address space.
    ///
    /// # Errors
    /// What open(2) answers.
    fn open(&self, who: Identity, node: Node) -> Result<Opening, Errno>;
    /// The last reference to an open file is gone.
    fn release(&self, file: FileId);
    /// The process object of a thread group: of that address space when one is named, of its latest otherwise.
    fn find(&self, tgid: Tgid, mm: Option<MmId>) -> Option<ProcessId>;
    /// One ioctl.
    fn call(&self, caller: &Caller, cmd: u32, arg: Arg, gathered: Gathered) -> Outcome;
    /// A parked call's caller has a signal pending: the call's answer, or `None` when that is already on its way.
    fn interrupt(&self, process: ProcessId, call: CallId) -> Option<Outcome>;
    /// The memory that a process's mappings of a render node show.
    ///
    /// # Errors
    /// What open(2) answers.
    fn arena(&self, process: ProcessId, minor: RenderMinor) -> Result<OwnedFd, Errno>;
    /// Nobody has a process's node open or mapped any more.
    fn node_forgotten(&self, process: ProcessId, node: Node);
    /// A page of a process's kfd node that was absent has been touched.
    fn trap(&self, process: ProcessId, offset: u64);
    /// A sure sign of a process's death was seen; the token goes to the first who sees one.
    fn doom(&self, process: ProcessId, cause: Cause) -> Option<Doom<Doomed>>;
}

/// What is known of a client's address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mm {
    /// Seen gone, by death or exec.
    Gone,
    /// Anything else.
    Unknown,
}

/// The memory of clients, reached by somebody who may hang on it.
pub trait ClientMemory: Send + Sync + 'static {
    /// Makes a client's memory reachable: `mem` is its `/proc/TGID/mem`.
    fn attach(&self, process: ProcessId, tgid: Tgid, mm: MmId, mem: OwnedFd);
    /// Makes the accesses in order; `done` runs on another thread, or at once where there is no such client.
    fn submit(&self, process: ProcessId, accesses: Vec<UserAccess>, done: Box<dyn FnOnce(Vec<UserAnswer>) + Send>);
    /// Looks whether a client's address space is gone.
    fn probe(&self, process: ProcessId, done: Box<dyn FnOnce(Mm) + Send>);
}

/// Who embeds the door.
pub trait Host: Send + Sync + 'static {
    /// A process object was made: its death is to be watched.
    fn attached(&self, process: ProcessId, tgid: Tgid, pidfd: Pidfd);
    /// The door saw a process's death first: its teardown is to be run.
    fn doomed(&self, doom: Doom<Doomed>);
}
