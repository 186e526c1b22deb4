//! A listener on the heap with everything the chain needs around it, and the counted handle to it.
//!
//! Life: `made (count 1) → linked → count 0 → unlinked → queued → grace period → Listener::free`. The last
//! put unlinks *before* it queues the free: the grace period must begin after the last moment a walker could
//! find the node.
//!
//! Lock order: the last put takes the chain lock, then (separately) the queue lock. It never waits for
//! readers, so it may happen anywhere, also inside a read section or a release hook.
#![allow(unsafe_code)]

use super::list::List;
use crate::{
    listener::Listener,
    srcu::{Domain, Head, Probe},
    sync::{self, AtomicPtr, AtomicUsize, Mutant, Ordering, mutant},
};
use std::{
    any::TypeId,
    cell::UnsafeCell,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::{self, NonNull},
    sync::Arc,
};

/// What a chain belongs to: an address space, whose death its members are told of.
pub(crate) trait Space: Send + Sync + Sized + 'static {
    /// The domain whose read sections protect the members.
    fn domain(&self) -> &Arc<Domain>;

    fn chain(&self) -> &List<Self>;
}

/// Who may hold the node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// One owner, a `Registration`.
    Sole,
    /// Counted, and found by its type through `Notifier::get`.
    ByType,
}

/// The node's way back in its list; touched only under that list's lock.
pub(super) struct Link<S> {
    pub(super) previous: Option<NonNull<Node<S>>>,
    pub(super) linked: bool,
}

impl<S> Default for Link<S> {
    fn default() -> Self {
        Self { previous: None, linked: false }
    }
}

/// One member of a chain. The head comes first: a queued head is cast back to its node.
#[repr(C)]
pub(crate) struct Node<S> {
    head: Head,
    /// Kept when the node is unlinked, so that a walker standing on it can go on.
    pub(super) next: AtomicPtr<Node<S>>,
    pub(super) link: UnsafeCell<Link<S>>,
    count: AtomicUsize,
    pub(super) sharing: Sharing,
    pub(super) type_id: TypeId,
    /// From `Box::into_raw`; given back exactly once.
    pub(super) listener: NonNull<dyn Listener>,
    pub(super) probe: Probe,
    /// As the probe, but for those who hold references: given back by the last put.
    held: Probe,
    space: ManuallyDrop<Arc<S>>,
}

impl<S> Node<S> {
    pub(super) fn space(&self) -> &Arc<S> {
        &self.space
    }

    /// One more reference, unless the last one is already gone.
    fn get_unless_zero(&self, mutant_here: Mutant) -> bool {
        let mut count = self.count.load(Ordering::Relaxed);
        loop {
            if count == 0 && !mutant(mutant_here) {
                return false;
            }
            assert!(count <= isize::MAX as usize, "reference count overflow");
            match self.count.compare_exchange_weak(count, count + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
    }

    /// Takes the listener out and gives the rest of the node back.
    ///
    /// # Safety
    /// Called once, when nobody else can reach the node: unlinked, unpublished, count zero (or sole), a grace
    /// period later.
    unsafe fn dismantle(node: NonNull<Node<S>>) -> Box<dyn Listener> {
        // SAFETY: valid until this function gives it back.
        unsafe { node.as_ref() }.probe.end();
        // SAFETY: the sole owner takes back what `Counted::new` leaked.
        let mut node = unsafe { Box::from_raw(node.as_ptr()) };
        // SAFETY: from `Box::into_raw` in `Counted::new`; the probe above and the contract say: once.
        let listener = unsafe { Box::from_raw(node.listener.as_ptr()) };
        // SAFETY: not touched again.
        unsafe { ManuallyDrop::drop(&mut node.space) };
        #[cfg(loom)]
        if crate::sync::model::keep_memory() {
            Box::leak(node);
        }
        listener
    }
}

/// # Safety
/// `head` belongs to a node as in [`Node::dismantle`].
unsafe fn free<S: Space>(head: NonNull<Head>) {
    // Held over the free, so that the space and its domain outlive what the listener does there.
    // SAFETY: the head is the node's first field and carries the whole allocation's provenance.
    let space = unsafe { head.cast::<Node<S>>().as_ref() }.space().clone();
    // SAFETY: by contract.
    let listener = unsafe { Node::<S>::dismantle(head.cast()) };
    listener.free();
    drop(space);
}

/// One reference to a node whose listener is an `L`.
pub(crate) struct Counted<L: Listener, S: Space> {
    node: NonNull<Node<S>>,
    _listener: PhantomData<Arc<L>>,
}

// SAFETY: as `Arc<L>`: a shared reference and a count; listeners are Send + Sync, and so is their space.
unsafe impl<L: Listener, S: Space> Send for Counted<L, S> {}
// SAFETY: as above.
unsafe impl<L: Listener, S: Space> Sync for Counted<L, S> {}

impl<L: Listener, S: Space> Counted<L, S> {
    /// An unlinked node with one reference.
    pub(crate) fn new(space: &Arc<S>, listener: Box<L>, sharing: Sharing) -> Self {
        let listener: Box<dyn Listener> = listener;
        let listener = NonNull::from(Box::leak(listener));
        let node = Box::new(Node {
            head: Head::new(),
            next: AtomicPtr::new(ptr::null_mut()),
            link: UnsafeCell::default(),
            count: AtomicUsize::new(1),
            sharing,
            type_id: TypeId::of::<L>(),
            listener,
            probe: Probe::default(),
            held: Probe::default(),
            space: ManuallyDrop::new(space.clone()),
        });
        Self { node: NonNull::from(Box::leak(node)), _listener: PhantomData }
    }

    pub(crate) fn node(&self) -> &Node<S> {
        // SAFETY: a reference is held, so the node is not freed.
        unsafe { self.node.as_ref() }
    }

    /// For links: unlike a pointer made from a reference it may later be used to give the node back.
    pub(super) fn pointer(&self) -> NonNull<Node<S>> {
        self.node
    }

    pub(crate) fn space(&self) -> &Arc<S> {
        self.node().space()
    }

    /// Are these references to the same node?
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.node == other.node
    }

    /// Takes the node off its chain; harmless when exit has done so already.
    pub(crate) fn unlink(&self) {
        self.space().chain().lock().remove(self.node());
    }

    /// Unlinks, waits until every walker has left, and gives the listener back.
    pub(crate) fn reclaim(self) -> Box<L> {
        assert!(self.node().sharing == Sharing::Sole, "only a sole owner can take its listener back");
        let space = self.space().clone();
        self.unlink();
        if !mutant(Mutant::UnregisterNoWait) {
            space.domain().synchronize();
        }
        // SAFETY: sole, unlinked, and a grace period has passed since.
        unsafe { Self::dismantle(self.into_node()) }
    }

    /// Unlinks and hands the listener to `f` on the reclaimer after a grace period.
    pub(crate) fn defer(self, f: impl FnOnce(Box<L>) + Send + 'static) {
        assert!(self.node().sharing == Sharing::Sole, "only a sole owner can give its listener away");
        let space = self.space().clone();
        self.unlink();
        let sole = SoleNode(self.into_node());
        space.domain().defer(move || {
            let sole = sole;
            // SAFETY: sole, unlinked before it was queued, and a grace period has passed since.
            f(unsafe { Self::dismantle(sole.0) });
        });
    }

    /// # Safety
    /// As [`Node::dismantle`].
    unsafe fn dismantle(node: NonNull<Node<S>>) -> Box<L> {
        // SAFETY: by contract.
        let listener = unsafe { Node::dismantle(node) };
        // SAFETY: `Counted::new` made this node of a `Box<L>`, and a `Counted<L>` is only ever made for an
        // `L`.
        unsafe { Box::from_raw(Box::into_raw(listener).cast::<L>()) }
    }

    /// Gives up the handle without giving up the reference.
    pub(super) fn into_node(self) -> NonNull<Node<S>> {
        ManuallyDrop::new(self).node
    }

    /// # Safety
    /// `node`'s listener is an `L`, and the caller gives one reference to it away.
    pub(super) unsafe fn from_node(node: NonNull<Node<S>>) -> Self {
        Self { node, _listener: PhantomData }
    }

    /// A new reference, or `None` when the last one is gone and the free is on its way.
    ///
    /// # Safety
    /// `node`'s listener is an `L`, and its memory is kept for the moment by a read section or by its list's
    /// lock.
    pub(super) unsafe fn acquire(node: NonNull<Node<S>>, mutant_here: Mutant) -> Option<Self> {
        // SAFETY: by contract.
        let got = unsafe { node.as_ref() }.get_unless_zero(mutant_here);
        // Made only then: the drop of a handle is a put.
        if mutant(Mutant::RefusedPut) {
            return got.then_some(Self { node, _listener: PhantomData });
        }
        got.then(|| Self { node, _listener: PhantomData })
    }
}

struct SoleNode<S>(NonNull<Node<S>>);
// SAFETY: it is the only handle to a node whose parts are all Send.
unsafe impl<S: Space> Send for SoleNode<S> {}

impl<L: Listener, S: Space> Clone for Counted<L, S> {
    fn clone(&self) -> Self {
        let before = self.node().count.fetch_add(1, Ordering::Relaxed);
        assert!(before <= isize::MAX as usize, "reference count overflow");
        Self { node: self.node, _listener: PhantomData }
    }
}

impl<L: Listener, S: Space> Deref for Counted<L, S> {
    type Target = L;
    fn deref(&self) -> &L {
        let node = self.node();
        node.probe.touch();
        node.held.touch();
        // SAFETY: a reference is held, so the listener is not freed; it is an `L` by this type's invariant.
        unsafe { node.listener.cast::<L>().as_ref() }
    }
}

impl<L: Listener, S: Space> Drop for Counted<L, S> {
    fn drop(&mut self) {
        if cfg!(loom) && std::thread::panicking() {
            // The model has failed already and its locks are not there any more.
            return;
        }
        let node = self.node();
        node.probe.touch();
        // Release, partner the acquire below: what any holder did comes before the free.
        if node.count.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        sync::acquire_fence(Mutant::NoPutFence);
        node.held.end();
        // Once the free is queued the node may go at any moment, and with it the last owner of the domain.
        let space = node.space().clone();
        if mutant(Mutant::InlineFree) {
            space.chain().lock().remove(node);
            // SAFETY: none; this is the fault that models must catch.
            return unsafe { free::<S>(self.node.cast()) };
        }
        if !mutant(Mutant::FreeBeforeUnlink) {
            space.chain().lock().remove(node);
        }
        // SAFETY: the count is zero and stays zero, so this happens once; the node is valid until `free`
        // runs.
        unsafe { space.domain().call(self.node.cast(), free::<S>) };
        if mutant(Mutant::FreeBeforeUnlink) {
            space.chain().lock().remove(node);
        }
    }
}
