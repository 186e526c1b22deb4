//! What the door stands on, as traits by need: the driver whose calls it carries, the memory of its clients, and its host.
//!
//! [`Core`] and [`Workers`] are the real ones; a test scripts its own, to hold a
//! call in any state it wants. All methods may be called from any door thread, with no lock of the door held but the
//! one that makes opens happen one at a time; none may block.

use crate::workers::{MmState, Workers};
use kfd_core::abi::admitted::Admitted;
use kfd_core::call::{Caller, Errno, Gathered, Identity, Node, Outcome};
use kfd_core::death::{Cause, Doom, Doomed};
use kfd_core::ids::{CallId, FileId, ProcessId, RenderMinor, Tgid, UserVa};
use kfd_core::notice::{Lack, UserAccess, UserAnswer};
use kfd_core::procfs::{ItsQueue, OnDevice};
use kfd_core::topology::Live;
use kfd_core::{Core, Opened, Trapped};
use notifier::MmId;
use notifier::watch::Pidfd;
use std::os::fd::OwnedFd;

/// Processes from open to death, and the files they have.
pub trait Lives: Send + Sync + 'static {
    /// Opens a node; makes the process object where there is none for that address space.
    ///
    /// # Errors
    /// What open(2) answers.
    fn open(&self, who: Identity, node: Node) -> Result<Opened, Errno>;
    /// The process object of an address space without any file, and whether this call made it.
    ///
    /// # Errors
    /// What open(2) answers.
    fn adopt(&self, who: Identity) -> Result<(ProcessId, bool), Errno>;
    /// The last reference to an open file is gone.
    fn release(&self, file: FileId);
    /// The process object of a thread group: of that address space when one is named, of its latest otherwise.
    fn find(&self, tgid: Tgid, mm: Option<MmId>) -> Option<ProcessId>;
    /// Whether a process object is there and not doomed.
    fn is_live(&self, process: ProcessId) -> bool;
    /// A sure sign of a process's death was seen; the token goes to the first who sees one.
    fn doom(&self, process: ProcessId, cause: Cause) -> Option<Doom<Doomed>>;
}

/// What mappings of the nodes show, and the touch of a doorbell page.
pub trait Pages: Send + Sync + 'static {
    /// Bytes of a kfd node: every offset that an ioctl hands out lies below. A touch beyond is a SIGBUS.
    fn kfd_node_bytes(&self) -> u64;
    /// Whether an ioctl hands out that page of a kfd node. A touch of another is a SIGBUS.
    fn has_kfd_page(&self, offset: u64) -> bool;
    /// A page of a process's kfd node that was absent has been touched. The toucher waits.
    fn trap(&self, process: ProcessId, offset: u64) -> Trapped;
    /// The toucher of a page has its answer: what the trap put off for that is done now.
    fn trapped(&self, trapped: Trapped);
    /// The memory that a process's mappings of a render node show.
    ///
    /// # Errors
    /// What open(2) answers.
    fn arena(&self, process: ProcessId, minor: RenderMinor) -> Result<OwnedFd, Errno>;
    /// Nobody has a process's node open or mapped any more.
    fn node_forgotten(&self, process: ProcessId, node: Node);
}

/// The meaning of ioctls: one call at a time, and what becomes of those that park.
pub trait Calls: Send + Sync + 'static {
    /// Does an ioctl whose pointers have been followed.
    fn serve(&self, caller: &Caller, call: &Admitted<'static>, gathered: Gathered) -> Outcome;
    /// A descriptor that a call of this process was answered with did not reach it, and is closed.
    fn undelivered(&self, process: ProcessId);
    /// A parked call's caller has a signal pending: the call's answer, or `None` when that is already on its way.
    fn interrupt(&self, process: ProcessId, call: CallId) -> Option<Outcome>;
    /// The memory that a process has registered: what becomes of it is to be told by [`Calls::surveyed`].
    fn registered(&self, process: ProcessId) -> Vec<(UserVa, u64)>;
    /// What this part of a process's memory lacks, address and bytes.
    fn surveyed(&self, process: ProcessId, part: (UserVa, u64), lacks: &[Lack]);
}

/// What is written to a control file.
pub trait Orders: Send + Sync + 'static {
    /// An order for an error of the device with that render node, from somebody who may give it.
    ///
    /// # Errors
    /// What write(2) answers.
    fn ras_control(&self, minor: RenderMinor, command: &[u8]) -> Result<(), Errno>;
}

/// What sysfs shows that is asked for at each reading.
pub trait Figures {
    /// What is in the file of that figure.
    fn figure(&self, live: Live) -> Vec<u8>;
    /// The processes that use KFD.
    fn kfd_processes(&self) -> Vec<Tgid>;
    /// The number of a process's address space; `None` when it uses no KFD.
    fn pasid(&self, tgid: Tgid) -> Option<u32>;
    /// What a process has on the device with this place in topology order.
    fn on_device(&self, tgid: Tgid, device: usize) -> Option<OnDevice>;
    /// The queues of a process.
    fn its_queues(&self, tgid: Tgid) -> Vec<ItsQueue>;
    /// What fdinfo says of an open file of DRM; `None` when it is none, or closed.
    fn fdinfo(&self, file: FileId) -> Option<String>;
}

/// All that the FUSE door needs of a driver.
pub trait Driver: Lives + Pages + Calls + Orders + Figures {}

impl<D: Lives + Pages + Calls + Orders + Figures> Driver for D {}

/// The memory of clients, reached by somebody who may hang on it.
pub trait ClientMemory: Send + Sync + 'static {
    /// Makes a client's memory reachable: `mem` is its `/proc/TGID/mem`.
    fn attach(&self, process: ProcessId, tgid: Tgid, mm: MmId, mem: OwnedFd);
    /// Lets a client go again. Idempotent.
    fn detach(&self, process: ProcessId);
    /// Makes the accesses in order; `done` runs on another thread, or at once where there is no such client.
    fn submit(
        &self,
        process: ProcessId,
        accesses: Vec<UserAccess>,
        done: Box<dyn FnOnce(Vec<UserAnswer>) + Send>,
    );
    /// Looks whether a client's address space is gone.
    fn probe(&self, process: ProcessId, done: Box<dyn FnOnce(MmState) + Send>);
}

/// The program that the door is part of: it watches deaths and runs teardowns.
pub trait Host: Send + Sync + 'static {
    /// A process object was made: its death is to be watched.
    fn attached(&self, process: ProcessId, tgid: Tgid, pidfd: Pidfd);
    /// The door saw a process's death first: its teardown is to be run.
    fn doomed(&self, doom: Doom<Doomed>);
}

impl Lives for Core {
    fn open(&self, who: Identity, node: Node) -> Result<Opened, Errno> {
        Self::open(self, who, node)
    }

    fn adopt(&self, who: Identity) -> Result<(ProcessId, bool), Errno> {
        Self::adopt(self, who)
    }

    fn release(&self, file: FileId) {
        Self::release(self, file);
    }

    fn find(&self, tgid: Tgid, mm: Option<MmId>) -> Option<ProcessId> {
        Self::find(self, tgid, mm)
    }

    fn is_live(&self, process: ProcessId) -> bool {
        Self::is_live(self, process)
    }

    fn doom(&self, process: ProcessId, cause: Cause) -> Option<Doom<Doomed>> {
        Self::doom(self, process, cause)
    }
}

impl Pages for Core {
    fn kfd_node_bytes(&self) -> u64 {
        Self::kfd_node_bytes(self)
    }

    fn has_kfd_page(&self, offset: u64) -> bool {
        Self::has_kfd_page(self, offset)
    }

    fn trap(&self, process: ProcessId, offset: u64) -> Trapped {
        Self::trap(self, process, offset)
    }

    fn trapped(&self, trapped: Trapped) {
        Self::trapped(self, trapped);
    }

    fn arena(&self, process: ProcessId, minor: RenderMinor) -> Result<OwnedFd, Errno> {
        Self::arena(self, process, minor)
    }

    fn node_forgotten(&self, process: ProcessId, node: Node) {
        Self::node_forgotten(self, process, node);
    }
}

impl Calls for Core {
    fn serve(&self, caller: &Caller, call: &Admitted<'static>, gathered: Gathered) -> Outcome {
        Self::serve(self, caller, call, gathered)
    }

    fn undelivered(&self, process: ProcessId) {
        Self::undelivered(self, process);
    }

    fn interrupt(&self, process: ProcessId, call: CallId) -> Option<Outcome> {
        Self::interrupt(self, process, call)
    }

    fn registered(&self, process: ProcessId) -> Vec<(UserVa, u64)> {
        Self::registered(self, process)
    }

    fn surveyed(&self, process: ProcessId, part: (UserVa, u64), lacks: &[Lack]) {
        Self::surveyed(self, process, part, lacks);
    }
}

impl Orders for Core {
    fn ras_control(&self, minor: RenderMinor, command: &[u8]) -> Result<(), Errno> {
        Self::ras_control(self, minor, command)
    }
}

impl Figures for Core {
    fn figure(&self, live: Live) -> Vec<u8> {
        Self::figure(self, live)
    }

    fn kfd_processes(&self) -> Vec<Tgid> {
        Self::kfd_processes(self)
    }

    fn pasid(&self, tgid: Tgid) -> Option<u32> {
        Self::pasid(self, tgid)
    }

    fn on_device(&self, tgid: Tgid, device: usize) -> Option<OnDevice> {
        Self::on_device(self, tgid, device)
    }

    fn its_queues(&self, tgid: Tgid) -> Vec<ItsQueue> {
        Self::its_queues(self, tgid)
    }

    fn fdinfo(&self, file: FileId) -> Option<String> {
        Self::fdinfo(self, file)
    }
}

impl ClientMemory for Workers {
    fn attach(&self, process: ProcessId, tgid: Tgid, mm: MmId, mem: OwnedFd) {
        Self::attach(self, process, tgid, mm, mem);
    }

    fn detach(&self, process: ProcessId) {
        Self::detach(self, process);
    }

    fn submit(
        &self,
        process: ProcessId,
        accesses: Vec<UserAccess>,
        done: Box<dyn FnOnce(Vec<UserAnswer>) + Send>,
    ) {
        Self::submit(self, process, accesses, done);
    }

    fn probe(&self, process: ProcessId, done: Box<dyn FnOnce(MmState) + Send>) {
        Self::probe(self, process, done);
    }
}
