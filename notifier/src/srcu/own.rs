//! Small numbers for threads: who has one may write the words of that number without a lock.
//!
//! A number belongs to one living thread at a time and is given back when the thread ends. There are [`OWN`] numbers in
//! the process; a thread that finds none left shares the counters.
//!
//! A number is kept as the distance of its word from the first one (`reader.rs`). A thread without a number has that of
//! a word behind all of them that is never free: so the reader's path makes one look, whoever it runs for.
//!
//! Life: `unasked → held → gone`, or `unasked → none`. A section that is still open when the number goes, in the thread's
//! teardown, keeps its word, and the number's next owner finds the word taken: it counts elsewhere until then.

/// Numbers in the process. Each is looked at by every grace period of a domain it has read in: that bounds it.
pub(super) const OWN: usize = if cfg!(shuttle) {
    6
} else if cfg!(loom) {
    2
} else {
    16
};

pub(super) use imp::{ask, number};

/// Words in a row that threads look at: those of the numbers, that of threads that have never asked, and that of
/// threads that have no number (yet, or any more).
pub(super) const WORDS: usize = OWN + 2;
pub(super) const UNASKED: usize = keep(OWN);
const NOBODY: usize = keep(OWN + 1);

/// `log2` of the distance of two words.
pub(super) const WORD_SHIFT: usize = 7;

/// How the number is kept.
const fn keep(number: usize) -> usize {
    number << WORD_SHIFT
}

/// The number that is kept so; not below [`OWN`] for a thread that has none.
pub(super) const fn index(kept: usize) -> usize {
    kept >> WORD_SHIFT
}

#[cfg(not(loom))]
mod imp {
    #![allow(clippy::disallowed_types, reason = "process-wide, like the threads it numbers; not modelled")]
    use super::{NOBODY, OWN, UNASKED, index, keep};
    use std::{
        cell::Cell,
        sync::atomic::{AtomicU64, Ordering},
    };

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

    /// As [`number`], and asks for one when this thread has never asked.
    ///
    /// Not fit for a signal handler the first time in a thread: it registers a destructor.
    #[inline]
    pub(in super::super) fn ask() -> usize {
        let number = number();
        if number == UNASKED { ask_now() } else { number }
    }

    #[cold]
    #[inline(never)]
    fn ask_now() -> usize {
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
    use super::{NOBODY, keep};

    pub(in super::super) fn number() -> usize {
        keep(crate::sync::stripe_seed()).min(NOBODY)
    }

    pub(in super::super) fn ask() -> usize {
        number()
    }
}
