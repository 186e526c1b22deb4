//! A published pointer to a counted listener: readers find it without a lock and may keep it if it is still
//! alive.
//!
//! States: `empty → published → empty …`; while published the slot owns one reference. Taking it out waits
//! for nobody: readers that found it keep it valid by their sections, because its free waits for them.
//!
//! Not for more than one domain: the first publication fixes it, and a guard or a reference of another domain
//! is refused.
#![allow(unsafe_code)]

use super::node::{Counted, Node};
use crate::{
    listener::Listener,
    mm::Mm,
    reference::Ref,
    srcu::Guard,
    sync::{AtomicPtr, AtomicU64, Mutant, Ordering},
};
use std::{
    fmt,
    marker::PhantomData,
    ptr::{self, NonNull},
};

/// An SRCU-protected pointer to an `L`.
pub struct Slot<L: Listener> {
    node: AtomicPtr<Node<Mm>>,
    /// The domain of everything ever published here; 0 before the first publication.
    domain: AtomicU64,
    _owned: PhantomData<Counted<L, Mm>>,
}

impl<L: Listener> Slot<L> {
    /// A slot with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self { node: AtomicPtr::new(ptr::null_mut()), domain: AtomicU64::new(0), _owned: PhantomData }
    }

    /// Puts the reference in; gives it back when the slot is taken.
    ///
    /// # Errors
    /// The reference, when something is published already.
    ///
    /// # Panics
    /// When the slot was used with another domain before.
    pub fn publish(&self, reference: Ref<L>) -> Result<(), Ref<L>> {
        let id = Ref::mm(&reference).domain().id();
        let fixed = match self.domain.compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => id,
            Err(before) => before,
        };
        assert_eq!(fixed, id, "a slot serves one domain");
        let node = reference.into_counted().into_node();
        // Release, partner the acquire in `find`: the listener's contents and the domain above.
        match self.node.compare_exchange(ptr::null_mut(), node.as_ptr(), Ordering::Release, Ordering::Relaxed)
        {
            Ok(_) => Ok(()),
            // SAFETY: the reference given up just above.
            Err(_) => Err(Ref::from_counted(unsafe { Counted::from_node(node) })),
        }
    }

    /// Takes the reference out. Readers that found it before may still be reading.
    #[must_use = "dropping the reference may be the last put"]
    pub fn take(&self) -> Option<Ref<L>> {
        let node = NonNull::new(self.node.swap(ptr::null_mut(), Ordering::AcqRel))?;
        // SAFETY: the swap gave us the slot's own reference; only `Ref<L>`s are published here.
        Some(Ref::from_counted(unsafe { Counted::from_node(node) }))
    }

    fn find(&self, guard: &Guard<'_>) -> Option<NonNull<Node<Mm>>> {
        let node = NonNull::new(self.node.load(Ordering::Acquire))?;
        let fixed = self.domain.load(Ordering::Relaxed);
        assert_eq!(guard.domain().id(), fixed, "a slot is read under a guard of its own domain");
        // SAFETY: found in the slot inside a read section of the domain that its free waits for.
        unsafe { node.as_ref() }.probe.touch();
        Some(node)
    }

    /// What is published, valid as long as the guard, not longer:
    ///
    /// ```compile_fail,E0515
    /// # use notifier::{Listener, Slot, srcu::Domain};
    /// fn keep<'s, L: Listener>(slot: &'s Slot<L>, domain: &'s Domain) -> Option<&'s L> {
    ///     let guard = domain.read();
    ///     slot.load(&guard)
    /// }
    /// ```
    ///
    /// # Panics
    /// When the guard is of another domain: it would protect nothing here.
    pub fn load<'g>(&self, guard: &'g Guard<'_>) -> Option<&'g L> {
        let node = self.find(guard)?;
        // SAFETY: as in `find`: valid while the guard lives, by the grace period between the last put and the
        // free.
        let listener = unsafe { node.as_ref() }.listener.cast::<L>();
        // SAFETY: as above; it is an `L` because only `Ref<L>`s are published here.
        Some(unsafe { listener.as_ref() })
    }

    /// A reference that outlives the guard; `None` when nothing is published or the last reference is already
    /// gone.
    ///
    /// # Panics
    /// When the guard is of another domain: it would protect nothing here.
    pub fn get(&self, guard: &Guard<'_>) -> Option<Ref<L>> {
        let node = self.find(guard)?;
        // SAFETY: the guard keeps the memory, and only `Ref<L>`s are published here.
        unsafe { Counted::acquire(node, Mutant::GetFromZero) }.map(Ref::from_counted)
    }
}

impl<L: Listener> Drop for Slot<L> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<L: Listener> Default for Slot<L> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<L: Listener> fmt::Debug for Slot<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("published", &!self.node.load(Ordering::Relaxed).is_null()).finish()
    }
}
