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

/// What process objects share with their core and outlive it by.
pub(crate) struct Vitals {
    outbox: Arc<dyn Outbox>,
    clock: Arc<dyn Clock>,
    /// Process objects in memory. A leaf lock.
    alive: Mutex<u64>,
    died: Condvar,
    /// Process objects freed.
    pub(crate) freed: AtomicU64,
    /// Descriptors of arenas.
    pub(crate) arena_fds: Arc<AtomicU64>,
    /// Arenas that clients may map.
    pub(crate) orphans: Orphans,
    /// How often a process was evicted because its VRAM was needed.
    pub(crate) evictions: AtomicU64,
    /// Memory that processes have exported.
    pub(crate) shares: Arc<Shares>,
    /// Streams of events.
    pub(crate) smi: Smi,
}

impl Vitals {
    /// Nothing yet.
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

    /// Process objects in memory.
    pub(crate) fn alive(&self) -> u64 {
        *self.alive.lock()
    }

    /// Waits until no more than `left` are, or until the time is over.
    pub(crate) fn wait_until_left(&self, left: u64, time: std::time::Duration) -> bool {
        let waited = self.died.wait_timeout_while(self.alive.lock(), time, |alive| *alive > left);
        let (alive, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        *alive <= left
    }

    /// Now.
    pub(crate) fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// A process object was made.
    pub(crate) fn born(&self) {
        *self.alive.lock() += 1;
    }

    /// One is gone; told with an obituary when it had been found by somebody.
    pub(crate) fn died(&self, obituary: Option<Obituary>) {
        if let Some(obituary) = obituary {
            self.freed.fetch_add(1, Ordering::AcqRel);
            self.outbox.post(Notice::Freed(Obituary { freed_at: self.now(), ..obituary }));
        }
        *self.alive.lock() -= 1;
        self.died.notify_all();
    }
}
