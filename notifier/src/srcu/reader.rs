//! The reader's path and what the updater sees of it: two banks of enter and leave counters.
//!
//! Threads are spread over stripes (a counter pair per bank in its own cache lines), so that readers on
//! different CPUs do not share a line. Sums run over all stripes; nothing requires a section to leave through
//! the stripe it entered by. A reader costs two locked increments. A faster path (rseq with plain increments;
//! fence B as a compiler fence whose other half is a membarrier in place of A) replaces this file only:
//! `enter`, `leave`, `prepare` and `wait_idle` are the seam.
//!
//! Lock order: the gate is innermost. A leaving reader takes it only to wake a sleeping updater.

use crate::sync::{self, AtomicU64, AtomicUsize, Condvar, Mutant, Mutex, Ordering, fence, mutant};

/// Looks at the counters before the updater sleeps: the bound of its back-off. The later ones offer the CPU
/// to others.
const LOOKS: u32 = if cfg!(loom) { 1 } else { 104 };
const LOOKS_WITHOUT_YIELD: u32 = 100;

/// Two cache lines: the adjacent-line prefetcher of x86 pulls pairs.
#[repr(align(128))]
#[derive(Default)]
struct Stripe {
    enter: [AtomicU64; 2],
    leave: [AtomicU64; 2],
}

/// Where a section was entered, to be given back when it is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    bank: u32,
    stripe: u32,
}

/// Every reader of one domain.
pub(super) struct Readers {
    stripes: Box<[Stripe]>,
    /// The low bit is the bank that new readers use.
    flips: AtomicUsize,
    /// 1 while an updater sleeps on `left`.
    waiting: AtomicUsize,
    /// Guards the sleep; true once nobody can read any more, whatever the counters say.
    gate: Mutex<bool>,
    left: Condvar,
}

impl Readers {
    /// `stripes` must be a power of two.
    pub(super) fn new(stripes: usize) -> Self {
        assert!(stripes.is_power_of_two());
        Self {
            stripes: (0..stripes).map(|_| Stripe::default()).collect(),
            flips: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            gate: Mutex::new(false),
            left: Condvar::new(),
        }
    }

    #[inline]
    pub(super) fn enter(&self) -> Entry {
        let stripe = sync::stripe_seed() & (self.stripes.len() - 1);
        let bank = self.flips.load(Ordering::Relaxed) & 1;
        self.stripes[stripe].enter[bank].fetch_add(1, Ordering::Relaxed);
        // B, partner A: what this section reads, it reads after its enter can be counted.
        if !mutant(Mutant::NoReaderFence) {
            sync::fence_after_rmw();
        }
        Entry { bank: bank as u32, stripe: stripe as u32 }
    }

    #[inline]
    pub(super) fn leave(&self, entry: Entry) {
        // C, partner the acquire sum in `empty`: the section is over before its leave can be counted.
        let order = if mutant(Mutant::RelaxedLeave) { Ordering::Relaxed } else { Ordering::Release };
        self.stripes[entry.stripe as usize].leave[entry.bank as usize].fetch_add(1, order);
        // G, partner F: either the updater counts this leave or this thread sees it sleeping.
        if !mutant(Mutant::NoWakeFence) {
            sync::fence_after_rmw();
        }
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        // With the gate held the updater is either before its last look, which counts us, or asleep.
        drop(sync::lock(&self.gate));
        self.left.notify_all();
    }

    /// The updater's half of the fence pair, once per grace period.
    pub(super) fn prepare(&self) {
        // A, partner B: the caller's removals come before every sum of this grace period.
        if !mutant(Mutant::NoUpdaterFence) && !mutant(Mutant::NoPeriodFence) {
            fence(Ordering::SeqCst);
        }
    }

    /// The bank that new readers are not sent to.
    pub(super) fn idle_bank(&self) -> usize {
        (self.flips.load(Ordering::Relaxed) & 1) ^ 1
    }

    /// Sends new readers to the other bank. Only the holder of the grace-period turn flips.
    pub(super) fn flip(&self) {
        self.flips.fetch_add(1, Ordering::Relaxed);
    }

    fn sum(&self, of: impl Fn(&Stripe) -> &AtomicU64, order: Ordering) -> u64 {
        self.stripes.iter().fold(0, |sum, stripe| sum.wrapping_add(of(stripe).load(order)))
    }

    /// Has everyone left this bank who entered before the sums began?
    fn empty(&self, bank: usize) -> bool {
        if mutant(Mutant::LockSumFirst) {
            let entered = self.sum(|stripe| &stripe.enter[bank], Ordering::Relaxed);
            return entered == self.sum(|stripe| &stripe.leave[bank], Ordering::Acquire);
        }
        // Acquire, partner C: a counted leave brings its enter into the sum below.
        let left = self.sum(|stripe| &stripe.leave[bank], Ordering::Acquire);
        left == self.sum(|stripe| &stripe.enter[bank], Ordering::Relaxed)
    }

    /// Returns when the bank has been seen empty.
    pub(super) fn wait_idle(&self, bank: usize) {
        for look in 0..LOOKS {
            if self.empty(bank) {
                return;
            }
            if look < LOOKS_WITHOUT_YIELD {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        let mut closed = sync::lock(&self.gate);
        let late = mutant(Mutant::LateWaiting);
        if !late {
            self.waiting.store(1, Ordering::Relaxed);
        }
        // F, partner G: announced before the looks below.
        fence(Ordering::SeqCst);
        while !self.empty(bank) && !*closed {
            if late {
                self.waiting.store(1, Ordering::Relaxed);
            }
            closed = sync::unpoisoned(self.left.wait(closed));
        }
        self.waiting.store(0, Ordering::Relaxed);
    }

    /// Sections entered and not left; exact only when no thread is inside `enter` or `leave`.
    pub(super) fn inside(&self) -> u64 {
        (0..2).fold(0, |sum: u64, bank| {
            let left = self.sum(|stripe| &stripe.leave[bank], Ordering::Acquire);
            sum.wrapping_add(self.sum(|stripe| &stripe.enter[bank], Ordering::Relaxed).wrapping_sub(left))
        })
    }

    /// Nobody can read any more: every wait ends now, whatever forgotten guards have left in the counters.
    pub(super) fn close(&self) {
        *sync::lock(&self.gate) = true;
        self.left.notify_all();
    }
}
