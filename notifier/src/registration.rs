//! The 2014 protocol: a sole owner that ends its registration in one of two ways.
//!
//! `Registration → unregister → the listener`, which waits; or `Registration → unregister_no_release →
//! Unlinked → call_srcu`, which does not. Dropping either means `call_srcu(Listener::free)`.

use crate::{
    chain::sys::Counted,
    listener::Listener,
    mm::Mm,
    sync::{Mutant, mutant},
    walking::{self, Inside, RULE_3},
};
use std::{fmt, ops::Deref, panic::resume_unwind, sync::Arc};

/// A listener that is bound to an mm, held by its one owner.
#[must_use = "dropping a registration ends it"]
pub struct Registration<L: Listener> {
    /// Taken only by the methods that consume the registration.
    node: Option<Counted<L, Mm>>,
}

impl<L: Listener> Registration<L> {
    pub(crate) fn new(node: Counted<L, Mm>) -> Self {
        Self { node: Some(node) }
    }

    fn node(&self) -> &Counted<L, Mm> {
        self.node.as_ref().expect("taken only by methods that consume the registration")
    }

    /// Takes the node, unless this is a release hook of the same mm.
    fn take(&mut self) -> Counted<L, Mm> {
        let node = self.node.take().expect("taken only by methods that consume the registration");
        // The node is dropped by the unwinding: unlinked without waiting and freed after the walk.
        assert!(!walking::is_inside(&**node.space(), Inside::Walk), "{RULE_3}");
        node
    }

    /// The address space this listener is bound to.
    #[must_use]
    pub fn mm(&self) -> &Arc<Mm> {
        self.node().space()
    }

    /// Calls `release` if no exit has done so, unlinks, and waits until nobody can be inside a hook of this
    /// listener. Then the listener is its owner's again.
    ///
    /// # Panics
    /// Inside a release hook of the same mm (rule 3); in debug builds inside a read section of the domain;
    /// and with the hook's own panic, after the wait.
    pub fn unregister(mut self) -> Box<L> {
        let node = self.take();
        let mm = node.space().clone();
        mm.domain().may_wait("unregister");
        let mut outcome = Ok(());
        let mut linked = mm.chain().lock().is_linked(node.node());
        if mutant(Mutant::TrustDead) {
            linked &= mm.is_alive();
        }
        if linked {
            let _section = mm.domain().read();
            outcome = mm.release(&*node);
        }
        let listener = node.reclaim();
        match outcome {
            Ok(()) => listener,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Unlinks and calls nothing. **Not a fence**: walkers may still be inside the listener's hooks, so all
    /// that can be done with the result is to let it go after a grace period.
    ///
    /// # Panics
    /// Inside a release hook of the same mm (rule 3).
    pub fn unregister_no_release(mut self) -> Unlinked<L> {
        let node = self.take();
        node.unlink();
        Unlinked { node }
    }
}

impl<L: Listener> Deref for Registration<L> {
    type Target = L;
    fn deref(&self) -> &L {
        self.node()
    }
}

impl<L: Listener> Drop for Registration<L> {
    fn drop(&mut self) {
        let Some(node) = self.node.take() else { return };
        let forbidden = walking::is_inside(&**node.space(), Inside::Walk);
        drop(node);
        assert!(!forbidden || std::thread::panicking(), "{RULE_3}");
    }
}

impl<L: Listener> fmt::Debug for Registration<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The listener itself need not be Debug, so that a result holding this can be unwrapped.
        f.debug_struct("Registration")
            .field("of", &std::any::type_name::<L>())
            .field("mm", &self.mm().id())
            .finish()
    }
}

/// A listener that is off its chain while walkers may still be inside it. It cannot be looked at or taken
/// back, only let go:
///
/// ```compile_fail,E0308
/// # use notifier::{Listener, Registration};
/// fn look_inside<L: Listener>(registration: Registration<L>) {
///     let _: &L = &registration.unregister_no_release();
/// }
/// ```
pub struct Unlinked<L: Listener> {
    node: Counted<L, Mm>,
}

impl<L: Listener> Unlinked<L> {
    /// Gives the listener to `free` on the reclaimer, after every walker that could see it has left. One
    /// small allocation for the closure; dropping the `Unlinked` instead calls `Listener::free` there and
    /// allocates nothing.
    pub fn call_srcu(self, free: impl FnOnce(Box<L>) + Send + 'static) {
        self.node.defer(free);
    }
}

impl<L: Listener> fmt::Debug for Unlinked<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unlinked")
    }
}
