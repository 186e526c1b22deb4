//! Lists that one thread each appends to by plain stores, while the reclaimer is known to be awake.
//!
//! A locked instruction waits until all earlier stores are done, and those of a caller go to the object it has just
//! unlinked, which is often in no near cache: half of what queueing costs. Plain stores wait for nothing.
//!
//! Each lane is the lane of one thread number (`own.rs`) and has two lists, left and right. States of `open`:
//! `shut → left → right → (left | shutting → shut)`; a caller opens, everything else is the reclaimer's. A thread says that
//! it queues, looks which list is open, appends there (or pushes to a stripe), and says that it is done. The reclaimer turns
//! to the other list, or to none, waits until nobody is queueing who may have looked before that, and owns the list that it
//! turned away from.
//!
//! The pair D / E keeps a thread that still appends from being overlooked: E is light, D is a membarrier (2 to 12 µs while
//! another thread runs). So a turn is for many callbacks at once.
//!
//! Order: after the turn from left to right nobody is left who has seen the lanes shut before they were opened. So what a
//! thread has pushed to a stripe is older than what it appends until they are shutting, and younger from then on;
//! `Lists::take` goes by that.
//!
//! A signal handler that finds its thread queueing is turned away, as are threads without a number; they use the stripes.
#![allow(unsafe_code)]

use super::{
    batch::Chain,
    head::Head,
    own::{self, OWN},
};
use crate::sync::{self, AtomicPtr, AtomicU64, AtomicUsize, Mutant, Ordering, mutant};
use std::{
    ptr::{self, NonNull},
    time::Duration,
};

/// The states of `open`.
const SHUT: usize = 0;
const LEFT: usize = 1;
const RIGHT: usize = 2;
/// Nobody may append, nor open before the lists are taken.
const SHUTTING: usize = 3;

/// Times in a row that a thread finds the reclaimer awake before lanes are worth while.
const OFTEN: usize = if cfg!(loom) { 1 } else { 32 };

/// Callbacks after which a thread says which CPU it is on.
const TELL_EVERY: u64 = 64;

/// Looks at a thread that queues before the reclaimer yields, and before it sleeps between looks: the thread is in the
/// midst of a dozen instructions, or has lost its CPU there.
const LOOKS: u32 = 100;
const LOOKS_WITHOUT_SLEEP: u32 = 110;
const NAP: Duration = Duration::from_micros(50);

/// The open list, and a lane for each of the first thread numbers.
pub(super) struct Lanes {
    open: AtomicUsize,
    lanes: Box<[Lane]>,
}

/// Two cache lines: the adjacent-line prefetcher of x86 pulls pairs.
#[repr(align(128))]
#[derive(Default)]
struct Lane {
    /// 1 while its thread queues.
    queueing: AtomicUsize,
    /// What its thread has queued, here or in a stripe.
    pushed: AtomicU64,
    /// How often in a row its thread has found the reclaimer awake. A hint.
    awake: AtomicUsize,
    /// The CPU that its thread was on lately. A hint.
    cpu: AtomicUsize,
    lists: [List; 2],
}

/// While it is open its thread's, otherwise the reclaimer's.
#[derive(Default)]
struct List {
    oldest: AtomicPtr<Head>,
    newest: AtomicPtr<Head>,
}

impl Lanes {
    /// So many, shut. With none they never open.
    pub(super) fn new(lanes: usize) -> Self {
        assert!(lanes <= OWN);
        Self { open: AtomicUsize::new(SHUT), lanes: (0..lanes).map(|_| Lane::default()).collect() }
    }

    #[inline]
    pub(super) fn exist(&self) -> bool {
        !self.lanes.is_empty()
    }

    /// The lane of a thread's number, as `own.rs` keeps it.
    #[inline(always)]
    fn of(&self, number: usize) -> Option<&Lane> {
        self.lanes.get(own::index(number))
    }

    /// The calling thread, whose number that is, begins to queue a callback, which is counted: before it is queued, so that
    /// the count never falls below what has been taken. Nothing when it has no lane, or is interrupted in the midst of
    /// queueing.
    #[inline(always)]
    pub(super) fn enter(&self, number: usize) -> Option<Inside<'_>> {
        let lane = self.of(number)?;
        if lane.queueing.load(Ordering::Relaxed) != 0 {
            return None;
        }
        lane.queueing.store(1, Ordering::Relaxed);
        sync::increment_own(&lane.pushed);
        // E, partner D: either the reclaimer sees this thread queueing or this thread sees where it has turned to.
        sync::light_fence(Mutant::NoAppendFence);
        // Acquire, partner the releases in `turn` and `open`: the list as the reclaimer left it.
        Some(Inside { lane, open: self.open.load(Ordering::Acquire) })
    }

    /// Everything ever counted here.
    pub(super) fn pushed(&self) -> u64 {
        self.lanes.iter().fold(0, |sum, lane| sum.wrapping_add(lane.pushed.load(Ordering::Acquire)))
    }

    /// The CPU that the thread of that lane was on lately.
    pub(super) fn cpu(&self, lane: usize) -> usize {
        self.lanes[lane].cpu.load(Ordering::Relaxed)
    }

    pub(super) fn are_shut(&self) -> bool {
        self.open.load(Ordering::Relaxed) == SHUT || mutant(Mutant::OpenSleep)
    }

    /// A thread with that number has found the reclaimer asleep or awake: should it open the lanes?
    #[inline(always)]
    pub(super) fn would_help(&self, number: usize, asleep: bool) -> bool {
        let Some(lane) = self.of(number) else { return false };
        let times = if asleep { 0 } else { lane.awake.load(Ordering::Relaxed) + 1 };
        lane.awake.store(times, Ordering::Relaxed);
        times != 0 && times.is_multiple_of(OFTEN)
    }

    /// Opens them if they are shut. The caller wakes a reclaimer that sleeps.
    pub(super) fn open(&self) {
        // Acquire and release, partner the releases in `turn`: what is opened is empty, for whoever sees it open.
        let _ = self.open.compare_exchange(SHUT, LEFT, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Takes what was appended before the call. Lanes that were turned before are shut then, or stay open.
    pub(super) fn turn(&self, stay_open: bool) -> Turned {
        let mut turned = Turned { chain: Chain::empty(), lane: None, shut: true };
        let from = self.open.load(Ordering::Relaxed);
        if from == SHUT {
            return turned;
        }
        let to = match from {
            LEFT if !mutant(Mutant::EarlyShut) => RIGHT,
            _ if stay_open => LEFT + RIGHT - from,
            _ => SHUTTING,
        };
        turned.shut = to == SHUTTING;
        // Release, partner the acquire in `enter`: the list that is opened now is empty.
        self.open.store(to, Ordering::Release);
        // D, partner E.
        sync::barrier_everywhere(Mutant::NoTurnFence);
        for (number, lane) in self.lanes.iter().enumerate() {
            if !mutant(Mutant::HastyTurn) {
                lane.wait_until_quiet();
            }
            if lane.lists[from - LEFT].move_to(&mut turned.chain) {
                turned.lane = Some(number);
            }
        }
        if turned.shut {
            // Release, partner the acquire in `open`.
            self.open.store(SHUT, Ordering::Release);
        }
        turned
    }
}

/// A thread that is queueing: the reclaimer waits for the end of it before it takes a list.
pub(super) struct Inside<'l> {
    lane: &'l Lane,
    open: usize,
}

impl Inside<'_> {
    /// Is there a list to append to?
    #[inline(always)]
    pub(super) fn is_open(&self) -> bool {
        self.open == LEFT || self.open == RIGHT
    }

    /// Appends to the open list, and is done.
    ///
    /// # Safety
    /// The lanes are open; `head` is valid and exclusively the caller's until it is taken.
    #[inline(always)]
    pub(super) unsafe fn append(self, head: NonNull<Head>) {
        if self.lane.pushed.load(Ordering::Relaxed).is_multiple_of(TELL_EVERY) {
            self.lane.tell_cpu();
        }
        // SAFETY: the caller's contract; who is queueing owns the open list of its lane.
        unsafe { self.lane.lists[(self.open - LEFT) & 1].append(head) };
    }
}

impl Drop for Inside<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release, partner the acquire in `wait_until_quiet`: the list, the callback's object and all removals before it.
        let order = if mutant(Mutant::RelaxedAppend) { Ordering::Relaxed } else { Ordering::Release };
        self.lane.queueing.store(0, order);
    }
}

/// What was in the lanes.
pub(super) struct Turned {
    pub(super) chain: Chain,
    /// One of those that something was in.
    pub(super) lane: Option<usize>,
    /// They are shut now.
    pub(super) shut: bool,
}

impl Lane {
    #[cold]
    #[inline(never)]
    fn tell_cpu(&self) {
        if let Some(cpu) = sync::current_cpu() {
            self.cpu.store(cpu, Ordering::Relaxed);
        }
    }

    /// Returns when its thread has been seen not queueing.
    fn wait_until_quiet(&self) {
        let mut looks = 0;
        // Acquire, partner the release in `Inside::drop`.
        while self.queueing.load(Ordering::Acquire) != 0 {
            looks += 1;
            match looks {
                0..LOOKS if !cfg!(loom) => std::hint::spin_loop(),
                LOOKS_WITHOUT_SLEEP.. if !cfg!(loom) => std::thread::sleep(NAP),
                _ => sync::yield_now(),
            }
        }
    }
}

impl List {
    /// # Safety
    /// `head` is valid and exclusively the caller's, and so is the list.
    #[inline(always)]
    unsafe fn append(&self, head: NonNull<Head>) {
        match NonNull::new(self.newest.load(Ordering::Relaxed)) {
            None => self.oldest.store(head.as_ptr(), Ordering::Relaxed),
            // SAFETY: a member, so valid and the list's.
            Some(newest) => unsafe { Head::set_next(newest, Some(head)) },
        }
        self.newest.store(head.as_ptr(), Ordering::Relaxed);
    }

    /// The list is the caller's. Was there anything in it?
    fn move_to(&self, chain: &mut Chain) -> bool {
        let newest = NonNull::new(self.newest.load(Ordering::Relaxed));
        if let (Some(oldest), Some(newest)) = (NonNull::new(self.oldest.load(Ordering::Relaxed)), newest) {
            // SAFETY: a member, and the list is the caller's alone.
            unsafe { Head::set_next(newest, None) };
            // SAFETY: as above; the list forgets them below.
            unsafe { chain.append(oldest, newest) };
        }
        self.newest.store(ptr::null_mut(), Ordering::Relaxed);
        newest.is_some()
    }
}
