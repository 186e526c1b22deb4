//! Small numbers for threads: who has one may write the counters of that number without a lock.
//!
//! A number belongs to one living thread at a time and is given back when the thread ends; the counters it
//! wrote stay as they are, because only sums matter. There are [`OWN`] numbers in the process; a thread that
//! finds none left shares the per-CPU counters.
//!
//! Life: `unasked → held → gone`, or `unasked → none`. A section that is left during the thread's teardown, when
//! the number is gone, is left through the shared counters.

/// Numbers in the process. Each is summed by every grace period of a domain it has read in: that bounds it.
pub(super) const OWN: usize = if cfg!(loom) { 2 } else { 16 };

pub(super) use imp::{ask, number};

/// What stands for a thread without a number (yet, or any more): beyond every number.
const NOBODY: usize = usize::MAX / 2;

#[cfg(not(loom))]
mod imp {
    #![allow(clippy::disallowed_types, reason = "process-wide, like the threads it numbers; not modelled")]
    use super::{NOBODY, OWN};
    use std::{
        cell::Cell,
        sync::atomic::{AtomicU64, Ordering},
    };

    const UNASKED: usize = NOBODY - 1;
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
            let number = NUMBER.replace(NOBODY);
            if number < OWN {
                // Release, partner the acquire in `claim`: the next owner goes on from our last increments.
                TAKEN.fetch_and(!(1 << number), Ordering::Release);
            }
        }
    }

    /// This thread's number, if it has one.
    #[inline(always)]
    pub(in super::super) fn number() -> usize {
        NUMBER.get()
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
            NUMBER.set(claim());
        }
        number()
    }

    fn claim() -> usize {
        let mut taken = TAKEN.load(Ordering::Relaxed);
        loop {
            let free = taken.trailing_ones() as usize;
            if free >= OWN {
                return NOBODY;
            }
            match TAKEN.compare_exchange_weak(taken, taken | 1 << free, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return free,
                Err(now) => taken = now,
            }
        }
    }
}

#[cfg(loom)]
mod imp {
    use super::NOBODY;

    pub(in super::super) fn number() -> usize {
        crate::sync::stripe_seed().min(NOBODY)
    }

    pub(in super::super) fn ask() -> usize {
        number()
    }
}
