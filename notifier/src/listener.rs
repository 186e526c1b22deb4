//! What a user of the chain implements, and the token that a release hook gets instead of an mm.

use crate::identity::MmId;
use std::{any::Any, fmt, marker::PhantomData};

/// Bound to an address space; told when it dies.
///
/// `release` may run twice, may run at the same time on two threads, and may race the owner's `unregister` or
/// last put; it must tolerate all three. It runs in bounded time (rule 8): it revokes. It does not free, does
/// not wait for a client, and does not unlink. A hook that panics counts as having run: the walk goes on to
/// the other listeners, and the panic is raised again when the walk is complete.
pub trait Listener: Any + Send + Sync {
    /// The address space is going away: take back everything that reaches it.
    fn release(&self, mm: &Releasing<'_>);

    /// The end: runs on the reclaimer when the last reference is gone and no walker or reader can see the
    /// listener any more. What it drops, it drops there.
    fn free(self: Box<Self>) {}
}

/// Proof of being inside a release walk. It can name the mm and nothing else: there is no way from here to an
/// unlink (rule 3).
pub struct Releasing<'w> {
    mm: MmId,
    /// The walk, which the token does not outlive.
    _walk: PhantomData<&'w ()>,
}

impl Releasing<'_> {
    pub(crate) fn new(mm: MmId) -> Self {
        Self { mm, _walk: PhantomData }
    }

    /// Which address space is going away.
    #[must_use]
    pub fn id(&self) -> MmId {
        self.mm
    }
}

impl fmt::Debug for Releasing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Releasing").field(&self.mm).finish()
    }
}
