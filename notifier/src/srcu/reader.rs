//! The reader's path and what the updater sees of it: words that one thread writes, and two banks of enter and leave
//! counters for everyone else. The first of three ways that can be had is used:
//!
//! 1. **own word**: written by one thread, the holder of that number (`own.rs`), by plain stores: the bank when a section
//!    begins and [`FREE`] when it ends. A word stands for one section: one that begins inside another, or while the word
//!    is not this thread's yet, is counted instead;
//! 2. **per CPU**: counters written by whoever runs on that CPU, by plain increments inside a restartable sequence
//!    (`rseq.rs`);
//! 3. **shared**: counters written by anyone, by locked increments.
//!
//! Of counters only sums matter, so a counted section may leave through other counters than it entered by. A section with
//! a word leaves through it and no other, also when the thread has lost its number since.
//!
//! The reader's fences hold back the compiler only; their partners in the updater run a barrier on every CPU
//! (membarrier). In a fenced domain both halves are ordinary full fences and only shared counters are used.
//!
//! Nothing is modified in place by an own word's section, so nothing waits for the store before it: a section costs what
//! two stores and four loads of the first-level cache cost. In a signal handler the word is as it was when the handler
//! ends, for which sections that begin in a handler must end in it.
//!
//! [`Readers::enter`], [`Readers::leave`], [`Readers::prepare`] and [`Readers::wait_idle`] are all that the rest
//! of the crate sees. No locks.
#![allow(unsafe_code)]

#[cfg(not(loom))]
use super::rseq;
use super::{
    own::{self, OWN, UNASKED, WORDS},
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

/// A word that one thread writes: [`FREE`], [`UNUSED`], [`NEVER`], or the state that its section began in.
#[repr(align(128))]
struct Word(AtomicUsize);

/// Its thread may begin a section with it.
const FREE: usize = 0;
/// Not looked at by updaters yet.
const UNUSED: usize = 3;
/// Nobody begins a section with it.
const NEVER: usize = 4;

#[cfg(not(loom))]
const _: () =
    assert!(size_of::<Stripe>() == 1 << rseq::STRIDE_SHIFT && size_of::<Word>() == 1 << own::WORD_SHIFT);

/// The states: which bank new readers use, as it is written into own words.
const FIRST: usize = 1;
const SECOND: usize = 2;

/// The counters' index.
#[inline(always)]
const fn bank(state: usize) -> usize {
    state & 1
}

/// How a section was entered, to be given back when it is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Where its word is, as `own::number` says it; or [`COUNTED`].
    at: usize,
    state: usize,
}

/// Not a place of a word. Above it comes the number `Places` keeps the section's place under (0 when nobody does).
const COUNTED: usize = 1;
const PLACE_SHIFT: u32 = 1;

/// Which counters a domain has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Numbers of threads that have a word: at most [`OWN`].
    pub(super) own: usize,
    /// CPUs with a stripe for restartable sequences, and where the threads' `struct rseq` is.
    pub(super) cpus: u32,
    #[cfg_attr(loom, expect(dead_code, reason = "a model has no such sequences"))]
    pub(super) rseq_offset: isize,
    /// Locked stripes, a power of two.
    pub(super) shared: u32,
    /// Both halves of each fence pair are full fences; no membarrier.
    pub(super) fenced: bool,
}

/// Every reader of one domain.
#[repr(C)]
pub(super) struct Readers {
    /// [`FIRST`] or [`SECOND`].
    state: AtomicUsize,
    /// The state whose leaving readers an updater sleeps for, or 0.
    waiting: WaitWord,
    layout: Layout,
    /// The CPUs' stripes, then the shared ones.
    common: Box<[Stripe]>,
    /// 1 once nobody can read any more, whatever the counters say.
    closed: AtomicU64,
    pub(super) places: Option<Places>,
    /// So many words are looked at.
    used: AtomicUsize,
    own: [Word; WORDS],
}

impl Readers {
    pub(super) fn new(layout: Layout, places: Option<Places>) -> Self {
        assert!(layout.shared.is_power_of_two() && layout.own <= OWN);
        let own = if places.is_none() { layout.own } else { 0 };
        let word = |number| {
            let asks = own != 0 && number == own::index(UNASKED);
            Word(AtomicUsize::new(if number < own || asks { UNUSED } else { NEVER }))
        };
        Self {
            state: AtomicUsize::new(FIRST),
            waiting: WaitWord::new(0),
            layout,
            common: (0..layout.cpus + layout.shared).map(|_| Stripe::default()).collect(),
            closed: AtomicU64::new(0),
            places,
            used: AtomicUsize::new(0),
            own: std::array::from_fn(word),
        }
    }

    /// The word of that number, as `own.rs` keeps it.
    #[inline(always)]
    fn word(&self, number: usize) -> &AtomicUsize {
        debug_assert!(own::index(number) < WORDS && number.is_multiple_of(size_of::<Word>()));
        // A model may have no addresses; and this is the one index that is worth it.
        if cfg!(loom) {
            return &self.own[own::index(number)].0;
        }
        // SAFETY: every number that `own.rs` says, and an entry keeps, is the distance of one of these words.
        let word = unsafe { self.own.as_ptr().byte_add(number) };
        // SAFETY: as above.
        unsafe { &(*word).0 }
    }

    #[inline]
    pub(super) fn enter(&self, place: &'static Location<'static>) -> Entry {
        let state = self.state.load(Ordering::Relaxed);
        let number = own::number();
        let word = self.word(number);
        // Acquire, partner C: the number's owner before this thread may have ended its last section just now.
        let seen = word.load(Ordering::Acquire);
        if seen == FREE {
            // Release, as C: who sees this section sees that the one before it is over.
            word.store(state, Ordering::Release);
            // B, partner A: what this section reads, it reads after its word can be seen.
            sync::light_fence(Mutant::NoOwnFence);
            return Entry { at: number, state };
        }
        self.enter_counted(seen, state, place)
    }

    /// Out of the way of those with a word: `cold` says only where the code lies.
    #[cold]
    #[inline(never)]
    fn enter_counted(&self, seen: usize, state: usize, place: &'static Location<'static>) -> Entry {
        if seen == NEVER && self.increment_cpu(false, |stripe| &stripe.enter[bank(state)]) {
            // B, as in `enter`.
            sync::light_fence(Mutant::NoCpuFence);
            return Entry { at: COUNTED, state };
        }
        self.enter_slowly(state, place)
    }

    /// One more in the counter of this CPU; false when there is none.
    #[inline(always)]
    fn increment_cpu(&self, leaving: bool, of: impl Fn(&Stripe) -> &AtomicU64) -> bool {
        if self.layout.cpus == 0 {
            return false;
        }
        #[cfg(loom)]
        {
            // As `shared`: a section leaves on another CPU than it entered on, if there is one.
            let cpu = (sync::stripe_seed() + usize::from(leaving)) % self.layout.cpus as usize;
            sync::increment_restartable(of(&self.common[cpu]));
            true
        }
        #[cfg(not(loom))]
        {
            let _ = leaving;
            // SAFETY: `common` begins with the CPUs' stripes, of which there is one at least.
            let first = unsafe { self.common.get_unchecked(0) };
            // SAFETY: the offset is glibc's, so many stripes follow at the asserted distance, and they are written
            // nowhere else.
            unsafe { rseq::increment(of(first), self.layout.cpus, self.layout.rseq_offset) }
        }
    }

    /// A thread's first section in this domain, one inside another, or one without a number and a CPU.
    #[cold]
    #[inline(never)]
    fn enter_slowly(&self, state: usize, place: &'static Location<'static>) -> Entry {
        let mut number = own::number();
        if number == UNASKED && self.word(number).load(Ordering::Relaxed) == UNUSED {
            number = own::ask();
        }
        let word = self.word(number);
        // Acquire, as in `enter`.
        let seen = word.load(Ordering::Acquire);
        if seen == FREE || (seen == UNUSED && own::index(number) < OWN) {
            let late = mutant(Mutant::LateStripe);
            if !late {
                self.take_into_use(number);
            }
            word.store(state, Ordering::Release);
            // B, partner A: the word is looked at, and can be seen, before anything is read.
            sync::light_fence(Mutant::NoFirstFence);
            if late {
                self.take_into_use(number);
            }
            return Entry { at: number, state };
        }
        if self.increment_cpu(false, |stripe| &stripe.enter[bank(state)]) {
            // B, as above.
            sync::light_fence(Mutant::NoCpuFirstFence);
            return Entry { at: COUNTED, state };
        }
        let place = self.places.as_ref().map_or(0, |places| places.entered(place));
        self.shared(false).enter[bank(state)].fetch_add(1, Ordering::Relaxed);
        // B, as above.
        self.fence_after_locked(Mutant::NoReaderFence);
        Entry { at: COUNTED + (place << PLACE_SHIFT), state }
    }

    /// From the next look on the words up to this number are looked at.
    fn take_into_use(&self, number: usize) {
        self.used.fetch_max(own::index(number) + 1, Ordering::Relaxed);
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
        // C, partner the acquire looks in `empty`: the section is over before that can be seen.
        let order = if mutant(Mutant::RelaxedLeave) { Ordering::Relaxed } else { Ordering::Release };
        if entry.at & COUNTED != 0 {
            return self.leave_counted(entry, order);
        }
        self.word(entry.at).store(FREE, order);
        // G, partner F: either the updater sees this leave or this thread sees it sleeping.
        sync::light_fence(Mutant::NoWakeFence);
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.wake(entry);
        }
    }

    /// As [`Readers::enter_counted`].
    #[cold]
    #[inline(never)]
    fn leave_counted(&self, entry: Entry, order: Ordering) {
        if entry.at != COUNTED || !self.leave_cpu(entry) {
            return self.leave_slowly(entry, order);
        }
        // G, as in `leave`.
        sync::light_fence(Mutant::NoCpuWakeFence);
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.wake(entry);
        }
    }

    #[inline(always)]
    fn leave_cpu(&self, entry: Entry) -> bool {
        // C: a plain store of x86 is a release, and the assembly holds the compiler back.
        self.increment_cpu(true, |stripe| &stripe.leave[bank(entry.state)])
    }

    #[cold]
    #[inline(never)]
    fn leave_slowly(&self, entry: Entry, order: Ordering) {
        if let Some(places) = &self.places {
            places.left(entry.at >> PLACE_SHIFT);
        }
        self.shared(true).leave[bank(entry.state)].fetch_add(1, order);
        // G, as in `leave`.
        self.fence_after_locked(Mutant::NoSharedWakeFence);
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.wake(entry);
        }
    }

    /// Only who leaves the bank that is waited for has news.
    #[cold]
    #[inline(never)]
    fn wake(&self, left: Entry) {
        if self.waiting.load(Ordering::Relaxed) == left.state as u32 {
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

    /// The state that new readers do not begin in.
    pub(super) fn idle_state(&self) -> usize {
        FIRST + SECOND - self.state.load(Ordering::Relaxed)
    }

    /// Sends new readers to the other bank. Only the holder of the grace-period turn flips.
    pub(super) fn flip(&self) {
        self.state.store(self.idle_state(), Ordering::Relaxed);
    }

    fn sum(&self, of: impl Fn(&Stripe) -> &AtomicU64, order: Ordering) -> u64 {
        self.common.iter().fold(0, |sum, stripe| sum.wrapping_add(of(stripe).load(order)))
    }

    /// Words of sections that have not been left.
    fn words_in_use(&self, mut counts: impl FnMut(usize) -> bool) -> usize {
        let used = self.used.load(Ordering::Relaxed);
        // Acquire, partner C: what is seen in the word's place comes after the section that wrote it.
        self.own[..used].iter().filter(|word| counts(word.0.load(Ordering::Acquire))).count()
    }

    /// Has everyone left this bank who entered before the looks began?
    fn empty(&self, state: usize) -> bool {
        if self.words_in_use(|seen| seen == state) != 0 {
            return false;
        }
        let bank = bank(state);
        if mutant(Mutant::LockSumFirst) {
            let entered = self.sum(|stripe| &stripe.enter[bank], Ordering::Relaxed);
            return entered == self.sum(|stripe| &stripe.leave[bank], Ordering::Acquire);
        }
        // Acquire, partner C: a counted leave brings its enter into the sum below.
        let left = self.sum(|stripe| &stripe.leave[bank], Ordering::Acquire);
        left == self.sum(|stripe| &stripe.enter[bank], Ordering::Relaxed)
    }

    /// Returns when the bank has been seen empty.
    pub(super) fn wait_idle(&self, state: usize, patience: &Patience, describe: Describe<'_>) {
        for look in 0..LOOKS {
            if self.empty(state) {
                return;
            }
            if look < LOOKS_WITHOUT_YIELD {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        self.sleep_until_idle(state, patience, describe);
    }

    #[cold]
    fn sleep_until_idle(&self, state: usize, patience: &Patience, describe: Describe<'_>) {
        let announced = state as u32;
        let late = mutant(Mutant::LateWaiting);
        let mut stall = patience.begin();
        loop {
            if !late {
                self.waiting.store(announced, Ordering::Relaxed);
            }
            // F, partner G: announced before the look below.
            self.fence_everywhere(Mutant::NoSleepFence);
            if self.empty(state) || self.closed.load(Ordering::Acquire) != 0 {
                break;
            }
            if late {
                self.waiting.store(announced, Ordering::Relaxed);
            }
            self.waiting.wait(announced, stall.timeout());
            if mutant(Mutant::TimeoutEndsPeriod) && stall.timeout().is_some() {
                break;
            }
            stall.report(describe);
        }
        self.waiting.store(0, Ordering::Relaxed);
    }

    /// Sections entered and not left, whichever bank they are in: one look at both. At least as many as entered before the
    /// look and have not left by its end; exact only when no thread is inside `enter` or `leave`.
    pub(super) fn inside(&self) -> u64 {
        let words = self.words_in_use(|seen| seen == FIRST || seen == SECOND) as u64;
        let both = |of: fn(&Stripe) -> &[AtomicU64; 2], order| {
            self.common.iter().fold(0_u64, |sum, stripe| {
                let [first, second] = of(stripe);
                sum.wrapping_add(first.load(order)).wrapping_add(second.load(order))
            })
        };
        // As in `empty`: leaves first, so that the difference is never negative.
        let left = both(|stripe| &stripe.leave, Ordering::Acquire);
        words.wrapping_add(both(|stripe| &stripe.enter, Ordering::Relaxed).wrapping_sub(left))
    }

    /// Nobody can read any more: every wait ends now, whatever forgotten guards have left in the counters.
    pub(super) fn close(&self) {
        self.closed.store(1, Ordering::Release);
        // As a leaving reader's G: the updater sees it closed or is seen sleeping.
        sync::full_fence(Mutant::NoCloseFence);
        self.wake_now();
    }
}
