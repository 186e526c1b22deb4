//! Where callbacks wait until the reclaimer takes them: striped push lists, one stripe for each few threads.
//!
//! Pushing is one compare-and-exchange on a line that threads of other stripes do not touch; taking is a swap
//! per stripe. A thread keeps to its stripe and a stripe is taken whole, so the callbacks of one thread run in the
//! order in which they were queued; those of different threads are not ordered.
//!
//! Only the reclaimer takes. Not here: lists appended to by restartable sequences. They spare the locked
//! instruction (2 ns) but cost the reclaimer a membarrier for each taking (12 µs while another thread runs).
#![allow(unsafe_code)]

use super::{
    head::Head,
    own::{self, OWN},
};
use crate::sync::{self, AtomicPtr, AtomicU64, Mutant, Ordering, mutant};
use std::ptr::{self, NonNull};

/// Two cache lines: the adjacent-line prefetcher of x86 pulls pairs.
#[repr(align(128))]
struct Stripe {
    newest: AtomicPtr<Head>,
    pushed: AtomicU64,
}

/// A count that one thread writes.
#[repr(align(128))]
#[derive(Default)]
struct Own(AtomicU64);

/// All callbacks of a domain that nobody has taken.
pub(super) struct Lists {
    stripes: Box<[Stripe]>,
    /// What threads with a number have pushed, so that they need not count by a locked instruction.
    own: [Own; OWN],
}

impl Lists {
    /// `stripes` must be a power of two.
    pub(super) fn new(stripes: u32) -> Self {
        assert!(stripes.is_power_of_two());
        Self {
            stripes: (0..stripes)
                .map(|_| Stripe { newest: AtomicPtr::new(ptr::null_mut()), pushed: AtomicU64::new(0) })
                .collect(),
            own: std::array::from_fn(|_| Own::default()),
        }
    }

    /// Ends with the fence P of `Queue::push`.
    ///
    /// # Safety
    /// `head` is valid and exclusively the caller's until it is taken.
    #[inline]
    pub(super) unsafe fn push(&self, head: NonNull<Head>) {
        let stripe = &self.stripes[sync::stripe_seed() & (self.stripes.len() - 1)];
        // The count first: it never falls below what has been taken.
        if !mutant(Mutant::LateCount) {
            self.count(stripe);
        }
        let mut seen = stripe.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: valid and exclusively ours until the exchange below publishes it.
            unsafe { Head::set_next(head, NonNull::new(seen)) };
            // Release, partner the acquire of `take`: the callback's object and all removals before it.
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
            self.count(stripe);
        }
        sync::fence_after_rmw(Mutant::NoPushFence);
    }

    #[inline(always)]
    fn count(&self, stripe: &Stripe) {
        match self.own.get(own::index(own::number())) {
            Some(count) if !cfg!(loom) => sync::increment_own(&count.0),
            _ => {
                stripe.pushed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Is nothing to be taken? What happened before the call is seen.
    pub(super) fn are_empty(&self) -> bool {
        self.stripes.iter().all(|stripe| stripe.newest.load(Ordering::Acquire).is_null())
    }

    /// Everything ever pushed, at least as much as has been taken.
    pub(super) fn pushed(&self) -> u64 {
        let own = self.own.iter().take(if cfg!(loom) { 0 } else { OWN }).map(|own| &own.0);
        let counts = self.stripes.iter().map(|stripe| &stripe.pushed).chain(own);
        counts.fold(0, |sum, count| sum.wrapping_add(count.load(Ordering::Acquire)))
    }

    /// Takes every callback whose push happened before the call. The reclaimer's alone.
    pub(super) fn take(&self) -> Chain {
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

/// Callbacks that were taken, each stripe's oldest first; owned by whoever holds the chain.
pub(super) struct Chain {
    first: Option<NonNull<Head>>,
    last: Option<NonNull<Head>>,
}

impl Chain {
    pub(super) fn empty() -> Self {
        Self { first: None, last: None }
    }

    /// # Safety
    /// The members from `first` to `last`, whose next is nothing, are exclusively the caller's and become the
    /// chain's.
    unsafe fn append(&mut self, first: NonNull<Head>, last: NonNull<Head>) {
        match self.last.replace(last) {
            None => self.first = Some(first),
            // SAFETY: the chain's own member.
            Some(before) => unsafe { Head::set_next(before, Some(first)) },
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn pop(&mut self) -> Option<NonNull<Head>> {
        let head = self.first?;
        // SAFETY: the chain owns its members until they are popped.
        self.first = unsafe { Head::next(head) };
        Some(head)
    }
}
