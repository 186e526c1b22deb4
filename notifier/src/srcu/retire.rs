//! The safe face of `call`: values that carry their callback head with them, and closures.
#![allow(unsafe_code)]

use super::{domain::Domain, head::Head};
use std::{
    fmt,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

#[repr(C)]
struct Carried<T> {
    head: Head,
    value: T,
}

/// A box whose value can later be dropped after a grace period without allocating.
pub struct Retirable<T: Send + 'static>(Box<Carried<T>>);

impl<T: Send + 'static> Retirable<T> {
    /// Boxes the value next to a head.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Box::new(Carried { head: Head::new(), value }))
    }

    /// Drops the value on the domain's reclaimer after a grace period. Not fit for a signal handler the first time in a thread.
    pub fn retire(self, domain: &Domain) {
        // SAFETY: from here the queue owns the allocation; `drop_carried::<T>` is its matching end.
        unsafe { queue(domain, self.0, drop_carried::<T>) };
    }
}

impl<T: Send + 'static> Deref for Retirable<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: Send + 'static> DerefMut for Retirable<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.value
    }
}

impl<T: Send + fmt::Debug + 'static> fmt::Debug for Retirable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Retirable").field(&**self).finish()
    }
}

impl Domain {
    /// Drops the value on the reclaimer after a grace period. One small allocation;
    /// [`Retirable`](super::Retirable) needs none.
    pub fn retire<T: Send + 'static>(&self, value: Box<T>) {
        Retirable::new(value).retire(self);
    }

    /// Runs `f` on the reclaimer after a grace period. One small allocation.
    pub fn defer<F: FnOnce() + Send + 'static>(&self, f: F) {
        // SAFETY: the queue owns the allocation; `run_carried::<F>` is its matching end.
        unsafe { queue(self, Box::new(Carried { head: Head::new(), value: f }), run_carried::<F>) };
    }
}

/// # Safety
/// `end` must take the allocation back as a `Box<Carried<T>>`.
unsafe fn queue<T: Send + 'static>(domain: &Domain, carried: Box<Carried<T>>, end: unsafe fn(NonNull<Head>)) {
    domain.ask_for_a_lane();
    let head = NonNull::from(Box::leak(carried)).cast::<Head>();
    // SAFETY: the head is the first field (repr(C)) of an allocation nobody else knows; T is Send, so any
    // thread may end it.
    unsafe { domain.call(head, end) };
}

/// # Safety
/// `head` is the head of a leaked `Box<Carried<T>>`, given back once.
unsafe fn drop_carried<T>(head: NonNull<Head>) {
    // SAFETY: by contract.
    drop(unsafe { take_back::<T>(head) });
}

/// # Safety
/// `head` is the head of a leaked `Box<Carried<F>>`, given back once.
unsafe fn run_carried<F: FnOnce()>(head: NonNull<Head>) {
    // SAFETY: by contract.
    let carried = unsafe { take_back::<F>(head) };
    (carried.value)();
}

/// # Safety
/// `head` is the head of a leaked `Box<Carried<T>>`, given back once.
unsafe fn take_back<T>(head: NonNull<Head>) -> Box<Carried<T>> {
    let carried = head.cast::<Carried<T>>().as_ptr();
    #[cfg(loom)]
    if crate::sync::model::keep_memory() {
        // SAFETY: by contract; a copy goes, and the memory stays for whoever is at fault.
        return Box::new(unsafe { carried.read() });
    }
    // SAFETY: by contract.
    unsafe { Box::from_raw(carried) }
}
