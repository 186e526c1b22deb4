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
// before the push the pusher, after the splice the reclaimer; the push list's release/acquire pair hands over.
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
    /// The caller has exclusive access to the head's fields.
    pub(super) unsafe fn set_run(&self, run: Callback) {
        // SAFETY: exclusive by contract.
        let slot = unsafe { &mut *self.run.get() };
        debug_assert!(slot.is_none(), "a callback head queued twice");
        *slot = Some(run);
    }

    /// # Safety
    /// The caller has exclusive access to the head's fields.
    pub(super) unsafe fn set_next(&self, next: Option<NonNull<Head>>) {
        // SAFETY: exclusive by contract.
        unsafe { *self.next.get() = next }
    }

    /// # Safety
    /// The caller has exclusive access to the head's fields.
    pub(super) unsafe fn next(&self) -> Option<NonNull<Head>> {
        // SAFETY: exclusive by contract.
        unsafe { *self.next.get() }
    }

    /// # Safety
    /// The caller has exclusive access to the head's fields.
    pub(super) unsafe fn take_run(&self) -> Option<Callback> {
        // SAFETY: exclusive by contract.
        let slot = unsafe { &mut *self.run.get() };
        slot.take()
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
