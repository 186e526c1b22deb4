//! Where callbacks wait until the reclaimer takes them: lanes, each appended to by one thread, and stripes, pushed to by
//! everyone else.
//!
//! Lanes (`lanes.rs`) cost a caller no locked instruction but must be shut before the reclaimer sleeps, which takes a
//! membarrier. So they are open only in a flood: a caller opens them when it has found the reclaimer awake many times in a
//! row, and the reclaimer shuts them when it has taken few. Callbacks of a quiet domain go to stripes.
//!
//! Pushing to a stripe is one compare-and-exchange on a line that threads of other stripes do not touch; taking is a
//! swap per stripe.
//!
//! The callbacks of one thread run in the order in which they were queued, but for those of its signal handlers and, in a
//! flood, those from before or after the thread had a lane. Those of different threads are not ordered.
//!
//! Only the reclaimer takes.
#![allow(unsafe_code)]

use super::{
    batch::Chain,
    head::Head,
    lanes::{Lanes, Turned},
};
use crate::sync::{self, AtomicPtr, AtomicU64, Mutant, Ordering, mutant};
use std::ptr::{self, NonNull};

/// Two cache lines: the adjacent-line prefetcher of x86 pulls pairs.
#[repr(align(128))]
struct Stripe {
    newest: AtomicPtr<Head>,
    pushed: AtomicU64,
}

/// All callbacks of a domain that nobody has taken.
pub(super) struct Lists {
    stripes: Box<[Stripe]>,
    pub(super) lanes: Lanes,
}

impl Lists {
    /// `stripes` must be a power of two; `lanes` are for the threads with the first numbers.
    pub(super) fn new(stripes: u32, lanes: usize) -> Self {
        assert!(stripes.is_power_of_two());
        Self {
            stripes: (0..stripes)
                .map(|_| Stripe { newest: AtomicPtr::new(ptr::null_mut()), pushed: AtomicU64::new(0) })
                .collect(),
            lanes: Lanes::new(lanes),
        }
    }

    /// Queues for the thread with that number. True when the reclaimer may be asleep, and the caller is to look; it ends with
    /// the fence P then.
    ///
    /// # Safety
    /// `head` is valid and exclusively the caller's until it is taken.
    #[inline]
    pub(super) unsafe fn push(&self, number: usize, head: NonNull<Head>) -> bool {
        match self.lanes.enter(number) {
            Some(inside) if inside.is_open() => {
                // SAFETY: they are open; the rest is the caller's contract.
                unsafe { inside.append(head) };
                false
            }
            inside => {
                // SAFETY: the caller's contract.
                unsafe { self.push_to_stripe(inside.is_some(), head) };
                true
            }
        }
    }

    /// # Safety
    /// As [`Lists::push`].
    unsafe fn push_to_stripe(&self, counted: bool, head: NonNull<Head>) {
        let stripe = &self.stripes[sync::stripe_seed() & (self.stripes.len() - 1)];
        let count = || {
            if !counted {
                stripe.pushed.fetch_add(1, Ordering::Relaxed);
            }
        };
        // The count first: it never falls below what has been taken.
        if !mutant(Mutant::LateCount) {
            count();
        }
        let mut seen = stripe.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: valid and exclusively ours until the exchange below publishes it.
            unsafe { Head::set_next(head, NonNull::new(seen)) };
            // Release, partner the acquire of `take_stripes`: the callback's object and all removals before it.
            match stripe.newest.compare_exchange_weak(
                seen,
                head.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        if mutant(Mutant::LateCount) {
            count();
        }
        sync::fence_after_rmw(Mutant::NoPushFence);
    }

    /// Is nothing in the stripes? What happened before the call is seen. With the lanes shut: is nothing to be taken?
    pub(super) fn are_empty(&self) -> bool {
        self.stripes.iter().all(|stripe| stripe.newest.load(Ordering::Acquire).is_null())
    }

    /// Everything ever pushed, at least as much as has been taken.
    pub(super) fn pushed(&self) -> u64 {
        let shared = self
            .stripes
            .iter()
            .fold(0, |sum: u64, stripe| sum.wrapping_add(stripe.pushed.load(Ordering::Acquire)));
        shared.wrapping_add(self.lanes.pushed())
    }

    /// Takes every callback whose push happened before the call. Open lanes stay so if `stay_open`, or are shut within two
    /// calls.
    pub(super) fn take(&self, stay_open: bool) -> Taken {
        let Turned { chain: lanes, lane, shut } = self.lanes.turn(stay_open);
        // What the same thread has put into both is in this order: see `lanes.rs`.
        let chain = if shut { lanes.then(self.take_stripes()) } else { self.take_stripes().then(lanes) };
        Taken { chain, lane }
    }

    fn take_stripes(&self) -> Chain {
        let mut chain = Chain::empty();
        for stripe in &self.stripes {
            if stripe.newest.load(Ordering::Relaxed).is_null() {
                continue;
            }
            let newest = NonNull::new(stripe.newest.swap(ptr::null_mut(), Ordering::Acquire));
            let (mut rest, mut oldest) = (newest, None);
            while let Some(head) = rest {
                // SAFETY: the swap made this thread the only owner of the whole list.
                rest = unsafe { Head::next(head) };
                // SAFETY: as above.
                unsafe { Head::set_next(head, oldest) };
                oldest = Some(head);
            }
            if let (Some(first), Some(last)) = (oldest, newest) {
                // SAFETY: as above.
                unsafe { chain.append(first, last) };
            }
        }
        chain
    }
}

/// What was queued.
pub(super) struct Taken {
    pub(super) chain: Chain,
    /// In a flood, a lane that some of it was in.
    pub(super) lane: Option<usize>,
}
