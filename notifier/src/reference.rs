//! The 2019 protocol: a counted reference to the one listener of its type on an mm.

use crate::{chain::sys::Counted, listener::Listener, mm::Mm};
use std::{fmt, ops::Deref, sync::Arc};

/// Clone is `get`, drop is `put`. The last put unlinks without release and queues `Listener::free` for after
/// a grace period; it never frees inline and never waits, so it may happen in a read section, and even in a
/// release hook: as `mmu_notifier_put` may, which amdkfd calls from its hook
/// (`kfd_process_notifier_release`).
pub struct Ref<L: Listener> {
    counted: Counted<L, Mm>,
}

impl<L: Listener> Ref<L> {
    pub(crate) fn from_counted(counted: Counted<L, Mm>) -> Self {
        Self { counted }
    }

    pub(crate) fn into_counted(self) -> Counted<L, Mm> {
        self.counted
    }

    /// The address space this object is bound to.
    #[must_use]
    pub fn mm(this: &Self) -> &Arc<Mm> {
        this.counted.space()
    }

    /// Do both refer to the same object?
    #[must_use]
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        this.counted.same(&other.counted)
    }
}

impl<L: Listener> Clone for Ref<L> {
    fn clone(&self) -> Self {
        Self { counted: self.counted.clone() }
    }
}

impl<L: Listener> Deref for Ref<L> {
    type Target = L;
    fn deref(&self) -> &L {
        &self.counted
    }
}

impl<L: Listener> fmt::Debug for Ref<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The listener itself need not be Debug, so that a result holding this can be unwrapped.
        f.debug_struct("Ref")
            .field("of", &std::any::type_name::<L>())
            .field("mm", &self.counted.space().id())
            .finish()
    }
}
