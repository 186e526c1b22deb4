//! The callback head: two words inside the object that is to be freed, so that queueing allocates nothing.
#![allow(unsafe_code)]

use std::{cell::UnsafeCell, ptr::NonNull};

/// Runs once, after a grace period, with the head that was queued.
pub type Callback = unsafe fn(NonNull<Head>);

/// Embedded in an object that is freed by [`Domain::call`](super::Domain::call): 16 bytes on 64-bit machines.
///
/// An object queues its head at most once at a time.
pub struct Head {
    next: UnsafeCell<Option<NonNull<Head>>>,
    run: UnsafeCell<Option<Callback>>,
}

// SAFETY: the fields are touched only through the unsafe functions below, whose contract is exclusive access:
// before the push the pusher, after the splice the reclaimer; the push list's release/acquire pair hands
// over.
unsafe impl Sync for Head {}
// SAFETY: as above; a head is two words without thread affinity.
unsafe impl Send for Head {}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Head>() == 2 * size_of::<usize>());

impl Head {
    /// A head that is not queued.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: UnsafeCell::new(None), run: UnsafeCell::new(None) }
    }

    /// # Safety
    /// `head` is valid and the caller has exclusive access to its fields.
    pub(super) unsafe fn set_run(head: NonNull<Self>, run: Callback) {
        // SAFETY: valid by contract.
        let cell = unsafe { &head.as_ref().run };
        // SAFETY: exclusive by contract.
        let slot = unsafe { &mut *cell.get() };
        debug_assert!(slot.is_none(), "a callback head is queued once at a time");
        *slot = Some(run);
    }

    /// # Safety
    /// As [`Head::set_run`].
    pub(super) unsafe fn take_run(head: NonNull<Self>) -> Option<Callback> {
        // SAFETY: valid by contract.
        let cell = unsafe { &head.as_ref().run };
        // SAFETY: exclusive by contract.
        let slot = unsafe { &mut *cell.get() };
        // Only the check in `set_run` and faulty models look at it again: in release builds the line stays clean.
        if cfg!(any(debug_assertions, loom)) { slot.take() } else { *slot }
    }

    /// # Safety
    /// As [`Head::set_run`].
    pub(super) unsafe fn set_next(head: NonNull<Self>, next: Option<NonNull<Self>>) {
        // SAFETY: valid by contract.
        let cell = unsafe { &head.as_ref().next };
        // SAFETY: exclusive by contract.
        unsafe { *cell.get() = next };
    }

    /// # Safety
    /// As [`Head::set_run`].
    pub(super) unsafe fn next(head: NonNull<Self>) -> Option<NonNull<Self>> {
        // SAFETY: valid by contract.
        let cell = unsafe { &head.as_ref().next };
        // SAFETY: exclusive by contract.
        unsafe { *cell.get() }
    }
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Head")
    }
}
