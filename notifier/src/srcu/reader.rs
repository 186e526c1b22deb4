//! The reader's path and what the updater sees of it: two banks of enter and leave counters.
//!
//! Only sums matter, so a section may leave through other counters than it entered by. There are three kinds
//! of stripes (a counter pair per bank in cache lines of its own), and the first that can be had is used:
//!
//! 1. **own**: written by one thread, the holder of that number (`own.rs`), by plain increments;
//! 2. **per CPU**: written by whoever runs on that CPU, by plain increments inside a restartable sequence
//!    (`rseq.rs`);
//! 3. **shared**: written by anyone, by locked increments.
//!
//! The reader's fences hold back the compiler only; their partners in the updater run a barrier on every CPU
//! (membarrier). In a fenced domain both halves are ordinary full fences and only shared stripes are used.
//!
//! [`Readers::enter`], [`Readers::leave`], [`Readers::prepare`] and [`Readers::wait_idle`] are all that the rest
//! of the crate sees. No locks: a section may begin and end in a signal handler.
#![allow(unsafe_code)]

use super::{
    own::{self, OWN},
    rseq,
    stall::{Describe, Patience, Places},
};
use crate::sync::{self, AtomicU64, AtomicUsize, Mutant, Ordering, WaitWord, mutant};
use std::panic::Location;

/// Looks at the counters before the updater sleeps: the bound of its back-off. The later ones offer the CPU
/// to others.
const LOOKS: u32 = if cfg!(loom) { 1 } else { 104 };
const LOOKS_WITHOUT_YIELD: u32 = 100;

/// Two cache lines: the adjacent-line prefetcher of x86 pulls pairs.
#[repr(C, align(128))]
#[derive(Default)]
struct Stripe {
    enter: [AtomicU64; 2],
    leave: [AtomicU64; 2],
}

#[cfg(not(loom))]
const _: () =
    assert!(size_of::<Stripe>() == 1 << rseq::STRIDE_SHIFT && size_of::<Stripe>() == 1 << own::STRIPE_SHIFT);

/// Which counters of a stripe, by where they are.
const ENTER: usize = std::mem::offset_of!(Stripe, enter);
const LEAVE: usize = std::mem::offset_of!(Stripe, leave);

/// Where the bank's number is in the state word and in an [`Entry`]: as the distance of its counter.
const BANK: usize = size_of::<u64>();

/// How a section was entered, to be given back when it is left: one word, so that a guard stays in registers. It is
/// the bank (as [`BANK`] says) plus the number it was entered under (as `own::keep` does), or plus [`SHARED`] and the
/// number `Places` keeps the section's place under (0 when nobody does).
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(usize);

/// Above all numbers, and so far below what stands for a thread without one that no place reaches it.
const SHARED: usize = 1 << 48;

impl Entry {
    #[inline(always)]
    fn shared(bank: usize, place: usize) -> Self {
        Self(SHARED + bank * BANK + (place << own::STRIPE_SHIFT))
    }

    #[inline(always)]
    fn bank(self) -> usize {
        (self.0 / BANK) & 1
    }

    /// As `own::number` says it.
    #[inline(always)]
    fn number(self) -> usize {
        self.0 & !BANK
    }

    fn place(self) -> usize {
        own::index(self.number() - SHARED)
    }
}

/// Which counters a domain has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Numbers of threads that may have a stripe of their own: at most [`OWN`].
    pub(super) own: usize,
    /// CPUs with a stripe for restartable sequences, and where the threads' `struct rseq` is.
    pub(super) cpus: u32,
    pub(super) rseq_offset: isize,
    /// Locked stripes, a power of two.
    pub(super) shared: u32,
    /// Both halves of each fence pair are full fences; no membarrier.
    pub(super) fenced: bool,
}

/// Every reader of one domain.
#[repr(C)]
pub(super) struct Readers {
    /// The bank that new readers use, as [`BANK`] says, plus the size of the own stripes that are in use.
    state: AtomicUsize,
    /// 1 + the bank whose leaving readers an updater sleeps for, or 0.
    waiting: WaitWord,
    layout: Layout,
    /// The CPUs' stripes, then the shared ones.
    common: Box<[Stripe]>,
    /// 1 once nobody can read any more, whatever the counters say.
    closed: AtomicU64,
    pub(super) places: Option<Places>,
    own: [Stripe; OWN],
}

impl Readers {
    pub(super) fn new(layout: Layout, places: Option<Places>) -> Self {
        assert!(layout.shared.is_power_of_two() && layout.own <= OWN);
        Self {
            state: AtomicUsize::new(0),
            waiting: WaitWord::new(0),
            layout,
            common: (0..layout.cpus + layout.shared).map(|_| Stripe::default()).collect(),
            closed: AtomicU64::new(0),
            places,
            own: std::array::from_fn(|_| Stripe::default()),
        }
    }

    #[inline]
    pub(super) fn enter(&self, place: &'static Location<'static>) -> Entry {
        let state = self.state.load(Ordering::Relaxed);
        let number = own::number();
        // The bank is less than the half stripe that a number has on top.
        if number < state {
            let entry = Entry((state & BANK) | number);
            // SAFETY: its stripe is in use.
            unsafe { self.increment_own::<ENTER>(entry, Ordering::Relaxed) };
            // B, partner A: what this section reads, it reads after its enter can be counted.
            sync::light_fence(Mutant::NoOwnFence);
            return entry;
        }
        let bank = (state / BANK) & 1;
        // A thread's first section in this domain goes the slow way, where it may get a stripe of its own.
        let first = self.layout.own != 0 && own::may_have(number);
        if !first && self.increment_cpu(|stripe| &stripe.enter[bank]) {
            // B, as above.
            sync::light_fence(Mutant::NoCpuFence);
            return Entry::shared(bank, 0);
        }
        self.enter_slowly(bank, place)
    }

    /// One more in a counter of this thread's own stripe.
    ///
    /// # Safety
    /// The entry is of a number below [`OWN`], held by this thread.
    #[inline(always)]
    unsafe fn increment_own<const WHICH: usize>(&self, entry: Entry, order: Ordering) {
        #[cfg(all(target_arch = "x86_64", not(loom)))]
        {
            // One instruction, so that a signal handler which does the same finds the counter whole. A release,
            // as every store of x86.
            let _ = order;
            // SAFETY: by contract the stripe exists, and only this thread and its handlers write it.
            unsafe {
                std::arch::asm!(
                    "inc qword ptr [{readers} + {entry} + {place}]",
                    readers = in(reg) self,
                    entry = in(reg) entry.0,
                    place = const std::mem::offset_of!(Self, own) + WHICH - own::keep(0),
                    options(nostack),
                );
            }
        }
        #[cfg(not(all(target_arch = "x86_64", not(loom))))]
        {
            let stripe = &self.own[own::index(entry.number())];
            let counters = if WHICH == ENTER { &stripe.enter } else { &stripe.leave };
            counters[entry.bank()].fetch_add(1, order);
        }
    }

    /// One more in the counter of this CPU; false when there is none.
    #[inline(always)]
    fn increment_cpu(&self, of: impl Fn(&Stripe) -> &AtomicU64) -> bool {
        if self.layout.cpus == 0 {
            return false;
        }
        // SAFETY: `common` begins with the CPUs' stripes, of which there is one at least.
        let first = unsafe { self.common.get_unchecked(0) };
        // SAFETY: the offset is glibc's, so many stripes follow at the asserted distance, and they are written
        // nowhere else.
        unsafe { rseq::increment(of(first), self.layout.cpus, self.layout.rseq_offset) }
    }

    #[cold]
    #[inline(never)]
    fn enter_slowly(&self, bank: usize, place: &'static Location<'static>) -> Entry {
        let number = own::ask();
        if own::index(number) < self.layout.own && self.places.is_none() {
            let late = mutant(Mutant::LateStripe);
            if !late {
                self.take_into_use(number);
            }
            let entry = Entry(bank * BANK + number);
            // SAFETY: `layout.own` is at most OWN, and the number is this thread's.
            unsafe { self.increment_own::<ENTER>(entry, Ordering::Relaxed) };
            // B, partner A: the stripe is summed, and the enter counted, before anything is read.
            sync::light_fence(Mutant::NoFirstFence);
            if late {
                self.take_into_use(number);
            }
            return entry;
        }
        if self.increment_cpu(|stripe| &stripe.enter[bank]) {
            // B, as above.
            sync::light_fence(Mutant::NoCpuFirstFence);
            return Entry::shared(bank, 0);
        }
        let place = self.places.as_ref().map_or(0, |places| places.entered(place));
        self.shared(false).enter[bank].fetch_add(1, Ordering::Relaxed);
        // B, as above.
        self.fence_after_locked(Mutant::NoReaderFence);
        Entry::shared(bank, place)
    }

    /// From the next sum on the own stripes up to this number are summed.
    fn take_into_use(&self, number: usize) {
        let size = (own::index(number) + 1) << own::STRIPE_SHIFT;
        let mut state = self.state.load(Ordering::Relaxed);
        while state < size {
            let wanted = (state & BANK) | size;
            match self.state.compare_exchange_weak(state, wanted, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
    }

    /// A stripe that threads share by locked increments. In models a section leaves through another one than it
    /// entered by, if there is one: as a thread does that has changed CPUs.
    fn shared(&self, leaving: bool) -> &Stripe {
        let among = self.layout.shared as usize - 1;
        let seed = sync::stripe_seed() + usize::from(cfg!(loom) && leaving);
        &self.common[self.layout.cpus as usize + (seed & among)]
    }

    fn fence_after_locked(&self, removed_by: Mutant) {
        if self.layout.fenced {
            sync::fence_after_rmw(removed_by);
        } else {
            sync::light_fence(removed_by);
        }
    }

    #[inline]
    pub(super) fn leave(&self, entry: Entry) {
        // C, partner the acquire sum in `empty`: the section is over before its leave can be counted.
        let order = if mutant(Mutant::RelaxedLeave) { Ordering::Relaxed } else { Ordering::Release };
        // The number may have been given back since, in the thread's teardown.
        if entry.number() == own::number() {
            // SAFETY: the number was below OWN on entry, and it is still this thread's.
            unsafe { self.increment_own::<LEAVE>(entry, order) };
        } else if !self.leave_cpu(entry.bank()) {
            return self.leave_slowly(entry, order);
        }
        // G, partner F: either the updater counts this leave or this thread sees it sleeping.
        sync::light_fence(Mutant::NoWakeFence);
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.wake(entry.bank());
        }
    }

    #[inline(always)]
    fn leave_cpu(&self, bank: usize) -> bool {
        // C: a plain store of x86 is a release, and the assembly holds the compiler back.
        self.increment_cpu(|stripe| &stripe.leave[bank])
    }

    #[cold]
    #[inline(never)]
    fn leave_slowly(&self, entry: Entry, order: Ordering) {
        if let Some(places) = &self.places {
            places.left(entry.place());
        }
        self.shared(true).leave[entry.bank()].fetch_add(1, order);
        // G, as in `leave`.
        self.fence_after_locked(Mutant::NoSharedWakeFence);
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.wake(entry.bank());
        }
    }

    /// Only who leaves the bank that is waited for has news.
    #[cold]
    #[inline(never)]
    fn wake(&self, left: usize) {
        if self.waiting.load(Ordering::Relaxed) == left as u32 + 1 {
            self.wake_now();
        }
    }

    fn wake_now(&self) {
        self.waiting.store(0, Ordering::Relaxed);
        self.waiting.wake_all();
    }

    /// The updater's half of a fence pair whose other half is in the readers.
    fn fence_everywhere(&self, removed_by: Mutant) {
        if self.layout.fenced {
            sync::full_fence(removed_by);
        } else {
            sync::barrier_everywhere(removed_by);
        }
    }

    /// The updater's half of the fence pair, once per grace period.
    pub(super) fn prepare(&self) {
        // A, partner B: the caller's removals come before every sum of this grace period.
        if !mutant(Mutant::NoUpdaterFence) {
            self.fence_everywhere(Mutant::NoPeriodFence);
        }
    }

    /// The bank that new readers are not sent to.
    pub(super) fn idle_bank(&self) -> usize {
        ((self.state.load(Ordering::Relaxed) / BANK) & 1) ^ 1
    }

    /// Sends new readers to the other bank. Only the holder of the grace-period turn flips.
    pub(super) fn flip(&self) {
        self.state.fetch_xor(BANK, Ordering::Relaxed);
    }

    fn sum(&self, of: impl Fn(&Stripe) -> &AtomicU64, order: Ordering) -> u64 {
        let used = own::index(self.state.load(Ordering::Relaxed));
        let stripes = self.own[..used].iter().chain(&self.common);
        stripes.fold(0, |sum, stripe| sum.wrapping_add(of(stripe).load(order)))
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
    pub(super) fn wait_idle(&self, bank: usize, patience: &Patience, describe: Describe<'_>) {
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
        self.sleep_until_idle(bank, patience, describe);
    }

    #[cold]
    fn sleep_until_idle(&self, bank: usize, patience: &Patience, describe: Describe<'_>) {
        let announced = bank as u32 + 1;
        let late = mutant(Mutant::LateWaiting);
        let mut stall = patience.begin();
        loop {
            if !late {
                self.waiting.store(announced, Ordering::Relaxed);
            }
            // F, partner G: announced before the look below.
            self.fence_everywhere(Mutant::NoSleepFence);
            if self.empty(bank) || self.closed.load(Ordering::Acquire) != 0 {
                break;
            }
            if late {
                self.waiting.store(announced, Ordering::Relaxed);
            }
            self.waiting.wait(announced, stall.timeout());
            stall.report(describe);
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
        self.closed.store(1, Ordering::Release);
        // As a leaving reader's G: the updater sees it closed or is seen sleeping.
        sync::full_fence(Mutant::NoCloseFence);
        self.wake_now();
    }
}
