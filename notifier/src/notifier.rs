//! The owner of a domain and of the mms whose listeners live in it.

use crate::{
    chain::sys::{Counted, Sharing},
    identity::MmId,
    listener::Listener,
    mm::{Dead, Mm},
    reference::Ref,
    shared::Shared,
    srcu::Domain,
    sync::{self, Mutex},
    walking::{self, Inside},
};
use std::{
    fmt,
    sync::{Arc, Weak},
};

/// One domain, its reclaimer, and the address spaces bound to it. Clones are the same notifier.
#[derive(Clone)]
pub struct Notifier {
    shared: Arc<Shared>,
}

impl Notifier {
    /// A notifier with its own domain.
    ///
    /// # Panics
    /// If the system refuses the reclaimer's thread.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self::on(Domain::new(name))
    }

    /// A notifier on a domain of the caller's making ([`Domain::builder`]), whose other users' sections delay it.
    #[must_use]
    pub fn on(domain: Arc<Domain>) -> Self {
        Self { shared: Arc::new(Shared { domain, mms: Mutex::default() }) }
    }

    /// The domain whose read sections protect everything bound here.
    #[must_use]
    pub fn domain(&self) -> &Arc<Domain> {
        &self.shared.domain
    }

    /// The mm of that name: the one that exists, dead or alive, or a new one. A dead mm stays dead for as
    /// long as anyone holds it, and every object bound to it does; the caller never asks for a name whose
    /// death it has seen to the end.
    #[must_use]
    pub fn mm(&self, id: MmId) -> Arc<Mm> {
        let mut mms = sync::lock(&self.shared.mms);
        if let Some(mm) = mms.get(&id).and_then(Weak::upgrade) {
            return mm;
        }
        let mm = Arc::new(Mm::new(id, self.shared.clone()));
        mms.insert(id, Arc::downgrade(&mm));
        mm
    }

    /// The one object of type `L` on this mm; made if there is none. An object whose last reference is gone
    /// is never returned: while it waits for its grace period a new, distinct one is made (rule 10).
    ///
    /// `make` runs at most once, under the mm's creation lock: other `get`s that need to make something on
    /// this mm wait for it. If exit overtakes it, its object goes straight to `Listener::free` on the
    /// reclaimer.
    ///
    /// # Errors
    /// [`Dead`] when the mm's exit has begun.
    ///
    /// # Panics
    /// When the mm is another notifier's, and when `make` calls `get` for the same mm.
    pub fn get<L: Listener>(&self, mm: &Arc<Mm>, make: impl FnOnce() -> L) -> Result<Ref<L>, Dead> {
        assert!(Arc::ptr_eq(mm.shared(), &self.shared), "an mm is used with the notifier that made it");
        if let Some(found) = find(mm)? {
            return Ok(found);
        }
        assert!(!walking::is_inside(&**mm, Inside::Make), "`make` does not call `get` for its own mm");
        let _creation = mm.creation();
        if let Some(found) = find(mm)? {
            return Ok(found);
        }
        let made = walking::enter(&**mm, Inside::Make, make);
        let node = Counted::new(mm, Box::new(made), Sharing::ByType);
        mm.link(&node)?;
        Ok(Ref::from_counted(node))
    }

    /// Returns after every callback queued before the call has run: after all puts, nothing of the caller is
    /// reachable from here any more (rule 7).
    ///
    /// # Panics
    /// As [`Domain::barrier`].
    pub fn barrier(&self) {
        self.shared.domain.barrier();
    }
}

fn find<L: Listener>(mm: &Mm) -> Result<Option<Ref<L>>, Dead> {
    let mut chain = mm.chain().lock();
    if !chain.is_open() {
        return Err(Dead);
    }
    Ok(chain.find().map(Ref::from_counted))
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("domain", &self.shared.domain).finish_non_exhaustive()
    }
}
