//! The stand-in for another process's address space: an identity, a liveness, and the chain of those who want
//! to know.
//!
//! States: `alive → dead`, by [`Mm::exit`], once; there is no way back.
//!
//! Lock order, outermost first: creation (held while `make` of [`Notifier::get`](crate::Notifier::get) runs)
//! → chain. Neither is ever held while a hook runs or a grace period is waited for.

use crate::{
    chain::sys::{List, Space},
    identity::MmId,
    shared::Shared,
    srcu::Domain,
    sync::{self, Mutex, MutexGuard},
};
use std::{fmt, sync::Arc};

/// The address space has begun to die: nothing can be bound to it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address space is dead")]
pub struct Dead;

/// An address space. Made by [`Notifier::mm`](crate::Notifier::mm); shared by everyone who names the same
/// [`MmId`].
pub struct Mm {
    id: MmId,
    shared: Arc<Shared>,
    chain: List<Mm>,
    /// Serialises making an object with finding it, so that `make` runs at most once per object.
    creation: Mutex<()>,
}

impl Mm {
    pub(crate) fn new(id: MmId, shared: Arc<Shared>) -> Self {
        let chain = List::new(&shared.domain);
        Self { id, shared, chain, creation: Mutex::new(()) }
    }

    /// Which address space this is.
    #[must_use]
    pub fn id(&self) -> MmId {
        self.id
    }

    /// False once [`Mm::exit`] has begun.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.chain.lock().is_open()
    }

    /// The domain whose read sections protect this mm's listeners.
    #[must_use]
    pub fn domain(&self) -> &Arc<Domain> {
        &self.shared.domain
    }

    pub(crate) fn chain(&self) -> &List<Self> {
        &self.chain
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn creation(&self) -> MutexGuard<'_, ()> {
        sync::lock(&self.creation)
    }
}

impl Space for Mm {
    fn domain(&self) -> &Arc<Domain> {
        self.domain()
    }

    fn chain(&self) -> &List<Self> {
        self.chain()
    }
}

impl Drop for Mm {
    fn drop(&mut self) {
        self.shared.forget(self);
    }
}

impl fmt::Debug for Mm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mm").field("id", &self.id).finish_non_exhaustive()
    }
}
