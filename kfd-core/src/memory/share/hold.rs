//! One who holds a share: a buffer object, a descriptor that is open somewhere, a call that is about to make one.
//!
//! With the last hold nothing finds the share any more and its cost is returned, at once. Its bytes may be looked at for a
//! grace period yet: who lets a hold go while its process lives keeps what [`Hold::part`] gives until that is over, and the
//! range is given back then.

use super::Share;
use crate::sync::{Arc, Ordering};
use std::ops::Deref;

/// One hold on a share, counted in [`Share::holds`].
pub(crate) struct Hold(Arc<Share>);

impl Hold {
    /// Counts one more hold. The caller has the index locked or holds the share already.
    pub(super) fn of(share: &Arc<Share>) -> Self {
        share.holds.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(share))
    }

    /// Ends the hold and returns the share, which then only keeps its range from being given back.
    pub(crate) fn part(self) -> Arc<Share> {
        Arc::clone(&self.0)
    }

    /// Whether both holds are of the same share.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn share(&self) -> &Arc<Share> {
        &self.0
    }
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        Self::of(&self.0)
    }
}

impl Deref for Hold {
    type Target = Share;

    fn deref(&self) -> &Share {
        &self.0
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.0.shares.let_go(&self.0) {
            self.0.range.arena.uncharge_shared(self.0.range.offset);
        }
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
