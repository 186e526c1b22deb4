//! The only door to atomics, locks and threads in this crate, so that a model checker can stand in for them.
//!
//! Plain builds get `std`. `--cfg loom` makes a model of the crate: loom's versions, a probe that reports a use
//! after free as a causality violation, and the mutants: small deliberate faults that the models must catch
//! (`tests/loom`). `--cfg loom --cfg shuttle` is the same model run by shuttle (`tests/shuttle`): many more threads,
//! random schedules, but every order is SeqCst there, so faults of ordering are loom's to find.
//! Not for memory shared with other processes: a model cannot overlay that.
#![allow(clippy::disallowed_types)]

use std::sync::{LockResult, PoisonError};

#[cfg(all(loom, not(shuttle)))]
use loom as checker;
#[cfg(shuttle)]
use shuttle as checker;

#[cfg(loom)]
use checker::sync::atomic;
#[cfg(not(loom))]
use std::sync::atomic;

#[cfg(loom)]
pub(crate) use checker::{
    sync::{Condvar, Mutex, MutexGuard},
    thread_local,
};
#[cfg(not(loom))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard},
    thread_local,
};

pub(crate) use atomic::Ordering;
// Aliases, not re-exports: the lint that bans the types elsewhere sees through a re-export.
pub(crate) type AtomicPtr<T> = atomic::AtomicPtr<T>;
pub(crate) type AtomicU64 = atomic::AtomicU64;
pub(crate) type AtomicUsize = atomic::AtomicUsize;

mod clock;
mod word;
#[cfg(not(loom))]
pub(crate) use crate::srcu::sys::{
    Cpus, count_forks, cpus_of_this_thread, current_cpu, forks, has_membarrier, increment_own, processors,
    rseq_offset, this_thread,
};
pub(crate) use clock::Instant;
pub(crate) use word::WaitWord;

/// Ignores poisoning: no lock of this crate is held while state is between two consistent shapes.
pub(crate) fn unpoisoned<G>(result: LockResult<G>) -> G {
    result.unwrap_or_else(PoisonError::into_inner)
}

/// Locks, ignoring poisoning.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    unpoisoned(mutex.lock())
}

/// A full fence. Every fence of the crate names the mutant that removes it, so that none is without one.
pub(crate) fn full_fence(removed_by: Mutant) {
    if !mutant(removed_by) {
        atomic::fence(Ordering::SeqCst);
    }
}

/// What was written before the releases that this thread has read is visible from here on.
#[inline]
pub(crate) fn acquire_fence(removed_by: Mutant) {
    if !mutant(removed_by) {
        atomic::fence(Ordering::Acquire);
    }
}

/// A full barrier here and in every running thread of this process.
pub(crate) fn barrier_everywhere(removed_by: Mutant) {
    if mutant(removed_by) {
        return;
    }
    #[cfg(not(loom))]
    crate::srcu::sys::barrier_everywhere();
    // The readers have a full fence there too.
    #[cfg(loom)]
    atomic::fence(Ordering::SeqCst);
}

/// A full fence directly after a read-modify-write of this thread.
///
/// On x86 a locked instruction is already a full barrier (Intel SDM vol. 3A 9.2.2), so only the compiler has
/// to be held back; everywhere else, and in models, this is the fence that the ordering argument names.
#[inline]
pub(crate) fn fence_after_rmw(removed_by: Mutant) {
    if mutant(removed_by) {
        return;
    }
    #[cfg(all(not(loom), any(target_arch = "x86", target_arch = "x86_64")))]
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
    #[cfg(any(loom, not(any(target_arch = "x86", target_arch = "x86_64"))))]
    atomic::fence(Ordering::SeqCst);
}

/// The reader's half of a fence pair whose other half is [`barrier_everywhere`]: only the compiler is held back.
/// A full fence in models, where the other half is one too.
#[inline(always)]
pub(crate) fn light_fence(removed_by: Mutant) {
    if mutant(removed_by) {
        return;
    }
    #[cfg(not(loom))]
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
    #[cfg(loom)]
    atomic::fence(Ordering::SeqCst);
}

/// As std's, ignoring poisoning; `None` when it is held.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(std::sync::TryLockError::WouldBlock) => None,
    }
}

/// What `srcu::sys` says outside models.
#[cfg(loom)]
mod modelled {
    /// The kernel restarts the sequence, so it is as if it were one step. Its commit is a plain store of x86.
    pub(crate) fn increment_restartable(counter: &super::AtomicU64) {
        use super::{Mutant, Ordering, mutant};
        if mutant(Mutant::NoRestart) {
            let seen = counter.load(Ordering::Relaxed);
            counter.store(seen + 1, Ordering::Release);
        } else if mutant(Mutant::RelaxedLeave) {
            counter.fetch_add(1, Ordering::Relaxed);
        } else {
            counter.fetch_add(1, Ordering::Release);
        }
    }

    pub(crate) fn increment_own(counter: &super::AtomicU64) {
        counter.fetch_add(1, super::Ordering::Release);
    }

    pub(crate) fn forks() -> u64 {
        0
    }

    pub(crate) fn count_forks() {}

    pub(crate) fn this_thread() -> (i32, String) {
        (0, String::new())
    }

    pub(crate) fn current_cpu() -> Option<usize> {
        None
    }

    /// A model's threads have no CPUs.
    pub(crate) enum Cpus {}

    pub(crate) fn cpus_of_this_thread() -> Option<Cpus> {
        None
    }

    impl Cpus {
        pub(crate) fn only(&self, _: usize) -> Option<Self> {
            None
        }

        pub(crate) fn run_this_thread(&self) -> bool {
            false
        }
    }

    pub(crate) fn processors() -> usize {
        1
    }

    pub(crate) fn rseq_offset() -> Option<isize> {
        None
    }

    pub(crate) fn has_membarrier() -> bool {
        false
    }
}
#[cfg(loom)]
pub(crate) use modelled::*;

pub(crate) use thread::{JoinHandle, ThreadId, current_thread, spawn, stripe_seed, yield_now};

#[cfg(not(loom))]
mod thread {
    use super::{AtomicUsize, Ordering};
    pub(crate) use std::thread::{JoinHandle, ThreadId, yield_now};

    static NEXT: AtomicUsize = AtomicUsize::new(0);
    std::thread_local! {
        static SEED: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that spreads threads evenly over counters.
    #[inline]
    pub(crate) fn stripe_seed() -> usize {
        // During a thread's teardown the key is gone; any stripe is correct.
        SEED.try_with(|seed| *seed).unwrap_or(0)
    }

    pub(crate) fn current_thread() -> ThreadId {
        std::thread::current().id()
    }

    /// Starts a named thread; the name is cut to what the kernel keeps (15 bytes).
    pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
        let name: String = name.chars().take(15).collect();
        std::thread::Builder::new().name(name).spawn(body)
    }
}

#[cfg(loom)]
mod thread {
    use super::checker::thread;
    pub(crate) use super::checker::thread::yield_now;

    pub(crate) type JoinHandle<T> = thread::JoinHandle<T>;
    pub(crate) type ThreadId = thread::ThreadId;

    pub(crate) fn stripe_seed() -> usize {
        // The id's number, which the checkers only show by Debug. Its hash also holds the run, and a model must
        // repeat itself exactly.
        let shown = format!("{:?}", thread::current().id());
        shown
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
    }

    pub(crate) fn current_thread() -> ThreadId {
        thread::current().id()
    }

    pub(crate) fn spawn(_: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
        Ok(thread::spawn(body))
    }
}

/// A number that no other call has returned or will return; never zero.
pub(crate) fn unique_id() -> u64 {
    // Not modelled: it carries no ordering, and loom's atomics cannot be statics.
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// Is this deliberate fault switched on? Always no outside models.
#[cfg(not(loom))]
#[inline]
pub(crate) const fn mutant(_: Mutant) -> bool {
    false
}

#[cfg(loom)]
pub(crate) use model::mutant;

/// Declares the faults and the list of all of them, so that a test can ask for each.
macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The faults the models must catch; each is one place in the code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant { $($(#[$doc])* $name,)* }

        impl Mutant {
            /// Every fault that a model can be told to have.
            #[cfg_attr(not(loom), expect(dead_code, reason = "only models ask for it"))]
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

mutants! {
    /// The grace period sums the lock counters before the unlock counters.
    LockSumFirst,
    /// The grace period looks at one bank instead of both.
    OneBank,
    /// No fence after a reader's increment of a counter that threads share.
    NoReaderFence,
    /// No fence after a reader's store to its own word.
    NoOwnFence,
    /// No fence after the store that first uses a reader's own word.
    NoFirstFence,
    /// No fence after a reader's increment of its CPU's counter.
    NoCpuFence,
    /// No fence after the increment that counts a section inside another.
    NoCpuFirstFence,
    /// No fence at all between the updater's removal and its sums.
    NoUpdaterFence,
    /// No fence when a grace period begins; who shares it is not covered.
    NoPeriodFence,
    /// No fence when an updater asks for a grace period that it may share.
    NoTicketFence,
    /// A per-CPU counter is incremented without the restart: two threads of one CPU may lose a count.
    NoRestart,
    /// The reader leaves without release ordering.
    RelaxedLeave,
    /// A reader that leaves by its own word looks for a sleeping updater without a fence.
    NoWakeFence,
    /// A reader that leaves by its CPU's counter does.
    NoCpuWakeFence,
    /// A reader that leaves by a shared counter does.
    NoSharedWakeFence,
    /// A domain that is dropped under forgotten sections looks for a sleeping updater without a fence.
    NoCloseFence,
    /// The updater announces its sleep after its last look at the counters.
    LateWaiting,
    /// Callbacks run without a grace period.
    NoGrace,
    /// `barrier` is a mere `synchronize`.
    BarrierIsSynchronize,
    /// `barrier` looks at the queue only and forgets the batch that is being run.
    BarrierSkipsBatch,
    /// A reader's own word is looked at only after it has begun to read.
    LateStripe,
    /// The updater announces its sleep without a fence before its last look.
    NoSleepFence,
    /// A caller looks for a sleeping reclaimer without a fence.
    NoPushFence,
    /// The reclaimer announces its sleep without a fence before its last look.
    NoIdleFence,
    /// The reclaimer lingers without a fence before its look for waiters.
    NoLingerFence,
    /// The reclaimer announces its sleep after its last look at the lists.
    LateSleep,
    /// The reclaimer looks for waiters without a fence after its news.
    NoNewsFence,
    /// A waiter looks at what has run without a fence after it has counted itself.
    NoWaiterFence,
    /// A callback is counted only after it can be taken.
    LateCount,
    /// A thread that appends to its lane looks which list is open without a fence.
    NoAppendFence,
    /// A caller that opens the lanes looks for a sleeping reclaimer without a fence.
    NoOpenFence,
    /// The reclaimer turns to another list without a fence.
    NoTurnFence,
    /// The reclaimer takes the list it turned from without waiting for whoever still appends.
    HastyTurn,
    /// An append ends without release ordering.
    RelaxedAppend,
    /// The reclaimer shuts lanes that were opened since its last turn.
    EarlyShut,
    /// The reclaimer sleeps while lanes are open.
    OpenSleep,
    /// The reclaimer looks for a flood only when the batch has run.
    LateFloodLook,
    /// A wait that has lasted too long is taken for one that is over.
    TimeoutEndsPeriod,
    /// A wait that has lasted too long is not told of.
    SilentStall,
    /// Registration looks at liveness before it takes the chain lock.
    StaleAliveCheck,
    /// Exit unlinks before it walks.
    UnlinkBeforeWalk,
    /// `unregister` does not wait for a grace period.
    UnregisterNoWait,
    /// `unregister` takes "exit has begun" for "release has run".
    TrustDead,
    /// The last put does not acquire what the other holders did.
    NoPutFence,
    /// The last put frees at once.
    InlineFree,
    /// The last put queues the free before it unlinks.
    FreeBeforeUnlink,
    /// `Slot::get` increments without looking for zero.
    GetFromZero,
    /// A reference that is refused is put all the same.
    RefusedPut,
    /// `Notifier::get` hands out an object whose count is already zero.
    ReviveDying,
}

/// The switch for [`Mutant`]s, per OS thread: the checkers run all threads of one model on the thread that
/// called them.
#[cfg(loom)]
pub mod model {
    pub use super::Mutant;
    pub use crate::srcu::Probe;
    use std::cell::Cell;

    std::thread_local! {
        static ACTIVE: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Runs `body` with one fault switched on, or none.
    pub fn with_mutant<R>(which: Option<Mutant>, body: impl FnOnce() -> R) -> R {
        struct Restore;
        impl Drop for Restore {
            fn drop(&mut self) {
                ACTIVE.set(None);
            }
        }
        ACTIVE.set(which);
        let _restore = Restore;
        body()
    }

    pub(crate) fn mutant(which: Mutant) -> bool {
        ACTIVE.get() == Some(which)
    }

    /// A faulty run may touch memory after it was given back; then models keep it allocated.
    pub(crate) fn keep_memory() -> bool {
        ACTIVE.get().is_some()
    }
}
