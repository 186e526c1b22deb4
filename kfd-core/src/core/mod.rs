//! The core: every object behind one value that doors, engines and the event loop share.
//!
//! Sans-I/O: no method touches client memory, waits for a client, or posts to the outbox with a lock or a read
//! section held. What a method decides is collected and posted when everything is let go.
//!
//! Lock order, outermost first: process table → a queue's MQD → process mutex → address map → dqm → event table
//! → deadlines → files → account. An MQD is taken with nothing held but the process table. Debug state, copies and render
//! files lie inside the process mutex beside each other; what else has a lock is a leaf, as its module's head says. Not for: how calls travel, which threads there are.
pub mod death;
pub mod eviction;
pub mod leak;
pub mod listing;
pub mod procfs;

mod copies;
pub(crate) mod cwsr;
mod displace;
pub(crate) mod doorbells;
pub(crate) mod engine;
mod exception;
mod fdinfo;
mod figures;
mod open;
pub mod orphans;
mod pressure;
mod queues;
mod ras;
mod session;
pub mod shares;
mod smi;
mod svm;
mod teardown;
mod tick;
mod turn;
mod wave_memory;
pub(crate) mod waves;

use crate::account::Account;
use crate::clock::{Clock, Monotonic};
pub use crate::device::config::ConfigError;
use crate::device::profile::Profile;
use crate::device::{Device, is_handed_out, kfd_node_bytes};
use crate::event::deadline::Deadlines;
use crate::ids::{FileId, GpuId, Nanos, ProcessId, RenderMinor, Tgid};
use crate::limits::Limits;
use crate::notice::{Outbox, Post};
use crate::process::Process;
use crate::process::files::Files;
use crate::process::table::ProcessTable;
use crate::process::vitals::Vitals;
use crate::sync::{Arc, AtomicBool, AtomicU32, Ordering};
use hsa_queue::Waves;
use notifier::srcu::Domain;
use notifier::{Notifier, Ref};

/// What a core is made of.
pub struct CoreConfig {
    /// The machine that clients see.
    pub profile: Profile,
    /// Ceilings for processes, users and the daemon.
    pub limits: Limits,
    /// Clock that deadlines and obituaries are told by.
    pub clock: Arc<dyn Clock>,
    /// What becomes of a dispatch.
    pub waves: Waves,
}

impl CoreConfig {
    /// This machine, the host's limits, the host's clock.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self { profile, limits: Limits::of_host(), clock: Arc::new(Monotonic), waves: Waves::default() }
    }
}

/// What an open yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The process object that the file belongs to.
    pub process: ProcessId,
    /// The file, for [`Core::release`].
    pub file: FileId,
    /// Whether this open made the process object: the door then watches its death and attaches its memory.
    pub fresh: bool,
}

/// What an engine's turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// Something was done: come again at once.
    Worked,
    /// Nothing is runnable: sleep until `Notice::Runnable`.
    Nothing,
    /// Queues that ran dry are polled until this time: come again soon, or at the latest then.
    PollUntil(Nanos),
}

/// Every object of the daemon behind one value; the module's head has the rules.
pub struct Core {
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) profile: Profile,
    pub(crate) waves: Waves,
    pub(crate) devices: Arc<[Device]>,
    /// Which device's queues the next turn looks at first.
    pub(crate) next_device: AtomicU32,
    pub(crate) notifier: Notifier,
    pub(crate) table: ProcessTable,
    pub(crate) files: Files,
    pub(crate) account: Arc<Account>,
    pub(crate) deadlines: Deadlines,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) closing: AtomicBool,
    outbox: Arc<dyn Outbox>,
}

impl Core {
    /// A core that serves these devices and tells what it decides to `outbox`.
    ///
    /// # Errors
    /// [`ConfigError`] when the devices or limits contradict themselves.
    pub fn new(config: CoreConfig, outbox: Arc<dyn Outbox>) -> Result<Arc<Self>, ConfigError> {
        let CoreConfig { profile, limits, clock, waves } = config;
        for (limit, name) in [(u64::from(limits.processes), "processes"), (limits.arena_bytes, "arena_bytes")]
        {
            if limit == 0 {
                return Err(ConfigError::ZeroLimit(name));
            }
        }
        let devices: Arc<[Device]> = Device::all(&profile, &limits)?.into();
        let account = Account::new(limits, devices.iter().map(Device::vram).collect());
        // A free unmaps arenas: that takes longer than what the event loop, which wakes the reclaimer, has to do, and is to
        // go on beside it.
        let domain = Domain::builder("kfd").roaming().build();
        let notifier = Notifier::on(domain.expect("without a wish the builder takes what there is"));
        let vitals = Arc::new(Vitals::new(Arc::clone(&outbox), Arc::clone(&clock)));
        Ok(Arc::new(Self {
            limits,
            clock,
            profile,
            waves,
            devices,
            next_device: AtomicU32::new(0),
            table: ProcessTable::new(limits.processes),
            files: Files::default(),
            account,
            deadlines: Deadlines::default(),
            vitals,
            closing: AtomicBool::new(false),
            notifier,
            outbox,
        }))
    }

    /// Now, by the core's clock.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// Posts what was collected. Called with nothing held.
    pub(crate) fn post(&self, post: Post) {
        for notice in post.into_notices() {
            self.outbox.post(notice);
        }
    }

    /// The machine that clients see.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Who holds what, and whose limits were hit.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Ceilings for processes, users and the daemon.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Bytes that a process's kfd node must have for every offset that ioctls hand out to lie inside.
    #[must_use]
    pub fn kfd_node_bytes(&self) -> u64 {
        kfd_node_bytes(self.devices.len())
    }

    /// Whether the page at `offset` of a kfd node is one that an ioctl hands out. A touch of another must fail: its
    /// memory would be read by nobody.
    #[must_use]
    pub fn has_kfd_page(&self, offset: u64) -> bool {
        is_handed_out(self.devices.len(), offset)
    }

    pub(crate) fn domain(&self) -> &Arc<Domain> {
        self.notifier.domain()
    }

    /// A reference to a process object, taken in a read section that ends here.
    pub(crate) fn process(&self, id: ProcessId) -> Option<Ref<Process>> {
        self.table.get(id, &self.domain().read())
    }

    /// The device with this id.
    pub(crate) fn device(&self, gpu: GpuId) -> Option<&Device> {
        self.devices.iter().find(|device| device.gpu() == gpu)
    }

    /// The device behind this render node.
    pub(crate) fn device_behind(&self, minor: RenderMinor) -> Option<&Device> {
        self.devices.iter().find(|device| device.minor() == minor)
    }

    /// The known process object of a thread group: of that address space when one is named, of its latest otherwise.
    #[must_use]
    pub fn find(&self, tgid: Tgid, mm: Option<notifier::MmId>) -> Option<ProcessId> {
        self.table.find(tgid, mm)
    }

    /// Whether [`Core::shutdown_begin`] was called.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}
