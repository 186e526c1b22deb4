//! What process objects share with their core and outlive it by: how many there are, who hears of a free, and the
//! time.
//!
//! `alive` is a leaf lock: nothing is called with it held. Not for: what a process object holds, which `account` books.

use crate::clock::Clock;
use crate::event::smi::Smi;
use crate::ids::Nanos;
use crate::memory::orphans::Orphans;
use crate::memory::share::Shares;
use crate::notice::{Notice, Outbox};
use crate::process::obituary::Obituary;
use crate::sync::{Arc, AtomicU64, Condvar, Mutex, Ordering};

/// The part of the core's state that process objects use and may outlive the core by.
pub(crate) struct Vitals {
    outbox: Arc<dyn Outbox>,
    clock: Arc<dyn Clock>,
    /// The number of process objects in memory. A leaf lock.
    alive: Mutex<u64>,
    died: Condvar,
    /// The number of process objects freed.
    pub(crate) freed: AtomicU64,
    /// The number of arena memfds.
    pub(crate) arena_fds: Arc<AtomicU64>,
    /// The arenas that clients may map.
    pub(crate) orphans: Orphans,
    /// The number of evictions of processes for VRAM.
    pub(crate) evictions: AtomicU64,
    /// The buffers that processes have exported.
    pub(crate) shares: Arc<Shares>,
    /// The streams of SMI events.
    pub(crate) smi: Smi,
}

impl Vitals {
    /// The state of a core without processes.
    pub(crate) fn new(outbox: Arc<dyn Outbox>, clock: Arc<dyn Clock>) -> Self {
        let zero = || AtomicU64::new(0);
        let (alive, died) = (Mutex::new(0), Condvar::new());
        Self {
            outbox,
            clock,
            alive,
            died,
            freed: zero(),
            arena_fds: Arc::default(),
            evictions: zero(),
            orphans: Orphans::default(),
            shares: Arc::default(),
            smi: Smi::default(),
        }
    }

    /// The number of process objects in memory.
    pub(crate) fn alive(&self) -> u64 {
        *self.alive.lock()
    }

    /// Waits until at most `left` process objects are in memory. False when `time` is over first.
    pub(crate) fn wait_until_left(&self, left: u64, time: std::time::Duration) -> bool {
        let waited = self.died.wait_timeout_while(self.alive.lock(), time, |alive| *alive > left);
        let (alive, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        *alive <= left
    }

    /// The time on the core's clock.
    pub(crate) fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// Counts a process object that was made.
    pub(crate) fn born(&self) {
        *self.alive.lock() += 1;
    }

    /// Counts a process object that was freed, and posts the obituary of one that had been published.
    pub(crate) fn died(&self, obituary: Option<Obituary>) {
        if let Some(obituary) = obituary {
            self.freed.fetch_add(1, Ordering::AcqRel);
            self.outbox.post(Notice::Freed(Obituary { freed_at: self.now(), ..obituary }));
        }
        *self.alive.lock() -= 1;
        self.died.notify_all();
    }
}
