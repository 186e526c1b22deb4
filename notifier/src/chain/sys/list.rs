//! The list of a chain's nodes: written under its lock, walked in a read section.
//!
//! Unlinking is re-initialising (`hlist_del_init_rcu`): it marks the node, so that a second unlink is
//! harmless, and leaves its `next` in place, so that a walker standing on it can go on. A node is never
//! linked a second time.
//!
//! Lock order: inside the creation lock of the mm; outside the queue lock. Held for a few pointer writes
//! only.
#![allow(unsafe_code)]

use super::node::{Counted, Link, Node, Sharing, Space};
use crate::{
    listener::Listener,
    srcu::{Domain, Guard},
    sync::{self, AtomicPtr, Mutant, Mutex, MutexGuard, Ordering},
};
use std::{
    any::TypeId,
    ptr::{self, NonNull},
};

/// A chain's members. Open while the mm is alive; closed for good by exit.
pub(crate) struct List<S> {
    domain: u64,
    open: Mutex<bool>,
    first: AtomicPtr<Node<S>>,
}

impl<S: Space> List<S> {
    pub(crate) fn new(domain: &Domain) -> Self {
        Self { domain: domain.id(), open: Mutex::new(true), first: AtomicPtr::new(ptr::null_mut()) }
    }

    pub(crate) fn lock(&self) -> Locked<'_, S> {
        Locked { list: self, open: sync::lock(&self.open) }
    }

    /// Shows every listener that is linked during the whole walk; one that is linked or unlinked meanwhile
    /// may or may not be shown.
    ///
    /// # Panics
    /// When the guard is of another domain: it would protect nothing here.
    pub(crate) fn walk(&self, guard: &Guard<'_>, mut visit: impl FnMut(&dyn Listener)) {
        assert_eq!(guard.domain().id(), self.domain, "a chain is walked under a guard of its own domain");
        // Acquire, partner the release in `insert`: the node's contents.
        let mut at = self.first.load(Ordering::Acquire);
        while let Some(node) = NonNull::new(at) {
            // SAFETY: reached inside a read section of the domain that its free waits for.
            let node = unsafe { node.as_ref() };
            node.probe.touch();
            // SAFETY: as the node: the listener is given back together with it.
            visit(unsafe { node.listener.as_ref() });
            at = node.next.load(Ordering::Acquire);
        }
    }
}

/// The list with its lock held.
pub(crate) struct Locked<'l, S> {
    list: &'l List<S>,
    open: MutexGuard<'l, bool>,
}

impl<S: Space> Locked<'_, S> {
    pub(crate) fn is_open(&self) -> bool {
        *self.open
    }

    /// No insertion succeeds from now on.
    pub(crate) fn close(&mut self) {
        *self.open = false;
    }

    /// # Safety
    /// The node belongs to this list's space, whose lock is held, and no other reference to its link is alive.
    #[expect(clippy::mut_from_ref, reason = "the lock makes it exclusive, as the contract says")]
    unsafe fn link(node: &Node<S>) -> &mut Link<S> {
        // SAFETY: by contract.
        unsafe { &mut *node.link.get() }
    }

    fn must_be_ours(&self, node: &Node<S>) {
        assert!(ptr::eq(node.space().chain(), self.list), "a listener is linked to the chain of its own mm");
    }

    pub(crate) fn is_linked(&self, node: &Node<S>) -> bool {
        self.must_be_ours(node);
        // SAFETY: ours, locked, and the reference ends here.
        unsafe { Self::link(node) }.linked
    }

    /// Publishes the node at the front.
    pub(crate) fn insert<L: Listener>(&mut self, counted: &Counted<L, S>) {
        let node = counted.node();
        self.must_be_ours(node);
        let first = self.list.first.load(Ordering::Relaxed);
        node.next.store(first, Ordering::Relaxed);
        // SAFETY: ours, locked, and the reference ends here.
        let link = unsafe { Self::link(node) };
        assert!(!link.linked, "a node is linked once");
        *link = Link { previous: None, linked: true };
        if let Some(first) = NonNull::new(first) {
            // SAFETY: a linked node is not freed: its last put takes this lock first.
            let first = unsafe { first.as_ref() };
            // SAFETY: ours, locked, another node than above, and the reference ends here.
            unsafe { Self::link(first) }.previous = Some(counted.pointer());
        }
        // Release, partner the acquire in `walk`.
        self.list.first.store(counted.pointer().as_ptr(), Ordering::Release);
    }

    /// Re-initialising unlink: does nothing when the node is not linked.
    pub(crate) fn remove(&mut self, node: &Node<S>) {
        self.must_be_ours(node);
        // SAFETY: ours, locked, and the reference ends with this statement.
        let Link { previous, linked } = std::mem::take(unsafe { Self::link(node) });
        if !linked {
            return;
        }
        let next = node.next.load(Ordering::Relaxed);
        // Release: a walker that takes this short cut must find the next node's contents, as through
        // `insert`.
        match previous {
            // SAFETY: a linked node's neighbours are linked, and a linked node is not freed.
            Some(previous) => unsafe { previous.as_ref() }.next.store(next, Ordering::Release),
            None => self.list.first.store(next, Ordering::Release),
        }
        if let Some(next) = NonNull::new(next) {
            // SAFETY: as above.
            let next = unsafe { next.as_ref() };
            // SAFETY: ours, locked, and the reference ends here.
            unsafe { Self::link(next) }.previous = previous;
        }
    }

    /// Unlinks every node.
    pub(crate) fn remove_all(&mut self) {
        while let Some(first) = NonNull::new(self.list.first.load(Ordering::Relaxed)) {
            // SAFETY: a linked node is not freed while the lock is held.
            self.remove(unsafe { first.as_ref() });
        }
    }

    /// The live shared listener of this type. One whose count is already zero is unlinked and not returned.
    pub(crate) fn find<L: Listener>(&mut self) -> Option<Counted<L, S>> {
        let mut at = self.list.first.load(Ordering::Relaxed);
        while let Some(pointer) = NonNull::new(at) {
            // SAFETY: a linked node is not freed while the lock is held.
            let node = unsafe { pointer.as_ref() };
            at = node.next.load(Ordering::Relaxed);
            if node.sharing != Sharing::ByType || node.type_id != TypeId::of::<L>() {
                continue;
            }
            // SAFETY: the type is L's, and the lock keeps the memory.
            if let Some(counted) = unsafe { Counted::acquire(pointer, Mutant::ReviveDying) } {
                return Some(counted);
            }
            self.remove(node);
        }
        None
    }
}
