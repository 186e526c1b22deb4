//! Small numbers for threads: who has one may write the counters of that number without a lock.
//!
//! A number belongs to one living thread at a time and is given back when the thread ends; the counters it
//! wrote stay as they are, because only sums matter. There are [`OWN`] numbers in the process; a thread that
//! finds none left shares the per-CPU counters.
//!
//! A number is kept as the distance of its stripe from the first one, plus half a stripe: so one comparison with the
//! domain's state word (`reader.rs`) tells whether that stripe is in use, whatever the bank bit says.
//!
//! Life: `unasked → held → gone`, or `unasked → none`. A section that is left during the thread's teardown, when
//! the number is gone, is left through the shared counters.

/// Numbers in the process. Each is summed by every grace period of a domain it has read in: that bounds it.
pub(super) const OWN: usize = if cfg!(loom) { 2 } else { 16 };

pub(super) use imp::{ask, may_have, number};

/// `log2` of a stripe's size.
pub(super) const STRIPE_SHIFT: usize = 7;

/// How the number is kept and compared.
pub(super) const fn keep(number: usize) -> usize {
    (number << STRIPE_SHIFT) + (1 << (STRIPE_SHIFT - 1))
}

/// The number that is kept so; not below [`OWN`] for a thread that has none.
pub(super) const fn index(kept: usize) -> usize {
    kept >> STRIPE_SHIFT
}

/// What stands for a thread without a number (yet, or any more): beyond every number.
#[cfg(not(loom))]
const NOBODY: usize = keep(usize::MAX >> STRIPE_SHIFT);

#[cfg(not(loom))]
mod imp {
    #![allow(clippy::disallowed_types, reason = "process-wide, like the threads it numbers; not modelled")]
    use super::{NOBODY, OWN, index, keep};
    use std::{
        cell::Cell,
        sync::atomic::{AtomicU64, Ordering},
    };

    const UNASKED: usize = NOBODY - (1 << super::STRIPE_SHIFT);
    /// One bit a number.
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    const _: () = assert!(OWN <= 64);

    thread_local! {
        /// Has no destructor, so that it can be read at any moment of a thread's life.
        static NUMBER: Cell<usize> = const { Cell::new(UNASKED) };
        static LEASE: Lease = const { Lease };
    }

    struct Lease;
    impl Drop for Lease {
        fn drop(&mut self) {
            let number = index(NUMBER.replace(NOBODY));
            if number < OWN {
                // Release, partner the acquire in `claim`: the next owner goes on from our last increments.
                TAKEN.fetch_and(!(1 << number), Ordering::Release);
            }
        }
    }

    /// This thread's number as it is kept, if it has one.
    #[inline(always)]
    pub(in super::super) fn number() -> usize {
        NUMBER.get()
    }

    /// Could [`ask`] give a number to the thread that has this one?
    #[inline(always)]
    pub(in super::super) fn may_have(kept: usize) -> bool {
        kept == UNASKED || index(kept) < OWN
    }

    /// As [`number`], and asks for one when this thread has never asked.
    ///
    /// Not fit for a signal handler the first time in a thread: it registers a destructor.
    pub(in super::super) fn ask() -> usize {
        if number() != UNASKED {
            return number();
        }
        NUMBER.set(NOBODY);
        // First the destructor, then the number that it is to give back.
        if LEASE.try_with(|_| ()).is_ok() {
            NUMBER.set(claim().map_or(NOBODY, keep));
        }
        number()
    }

    fn claim() -> Option<usize> {
        let mut taken = TAKEN.load(Ordering::Relaxed);
        loop {
            let free = taken.trailing_ones() as usize;
            if free >= OWN {
                return None;
            }
            match TAKEN.compare_exchange_weak(taken, taken | 1 << free, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Some(free),
                Err(now) => taken = now,
            }
        }
    }
}

#[cfg(loom)]
mod imp {
    use super::keep;

    pub(in super::super) fn number() -> usize {
        keep(crate::sync::stripe_seed())
    }

    pub(in super::super) fn may_have(kept: usize) -> bool {
        super::index(kept) < super::OWN
    }

    pub(in super::super) fn ask() -> usize {
        number()
    }
}
