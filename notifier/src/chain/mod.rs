//! The rules of the chain: who may join, what exit does, and in which order.
//!
//! `register` checks liveness under the lock under which exit ends it (rule 1), so either the walk finds the
//! listener or the registration is refused. Exit: close, walk in a read section, unlink all (rule 2). It
//! waits for nobody: an event loop may call it. `unregister` calls release itself while the listener is
//! linked, because an exit that has begun may not have reached it yet (rule 4).
//!
//! `sys` has the members and their list: they know no mm, only that they belong to some space with a domain.

pub(crate) mod sys;

use crate::{
    listener::{Listener, Releasing},
    mm::{Dead, Mm},
    registration::Registration,
    sync::{Mutant, mutant},
    walking::{self, Inside},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};
use sys::{Counted, Sharing};

/// A panic caught in a hook, to be raised again when the chain is whole.
type Payload = Box<dyn std::any::Any + Send>;

impl Mm {
    /// Binds the listener to this address space: from now on its `release` runs before exit is over.
    ///
    /// # Errors
    /// [`Dead`] when exit has begun. The listener then goes the way of all listeners: `Listener::free` on the
    /// reclaimer.
    pub fn register<L: Listener>(self: &Arc<Self>, listener: Box<L>) -> Result<Registration<L>, Dead> {
        let node = Counted::new(self, listener, Sharing::Sole);
        self.link(&node)?;
        Ok(Registration::new(node))
    }

    pub(crate) fn link<L: Listener>(&self, node: &Counted<L, Self>) -> Result<(), Dead> {
        if mutant(Mutant::StaleAliveCheck) {
            if !self.is_alive() {
                return Err(Dead);
            }
            self.chain().lock().insert(node);
            return Ok(());
        }
        let mut chain = self.chain().lock();
        if !chain.is_open() {
            return Err(Dead);
        }
        chain.insert(node);
        Ok(())
    }

    /// The address space dies: every registered listener's `release` has run at least once when this returns,
    /// whoever called it first. Idempotent; a second caller at the same time walks too, and the hooks may
    /// then run twice. Waits for no reader. A hook started by a racing `unregister` may still be running on
    /// that thread.
    ///
    /// # Panics
    /// Inside a release hook of this mm (it would walk for ever), and with a hook's own panic, after all
    /// hooks have run and all listeners are unlinked.
    pub fn exit(&self) {
        assert!(
            !walking::is_inside(self, Inside::Walk),
            "rule 8: a release hook does not call exit of its own mm"
        );
        let mut panic = None;
        let section = self.domain().read();
        self.chain().lock().close();
        if mutant(Mutant::UnlinkBeforeWalk) {
            self.chain().lock().remove_all();
        }
        self.chain().walk(&section, |listener| {
            let outcome = self.release(listener);
            panic = panic.take().or(outcome.err());
        });
        self.chain().lock().remove_all();
        drop(section);
        tracing::trace!(inode = self.id().pidfd_inode, exec = self.id().exec_id, "mm has exited");
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Runs one hook.
    pub(crate) fn release(&self, listener: &dyn Listener) -> Result<(), Payload> {
        let hook = || walking::enter(self, Inside::Walk, || listener.release(&Releasing::new(self.id())));
        catch_unwind(AssertUnwindSafe(hook)).inspect_err(|_| {
            tracing::error!(inode = self.id().pidfd_inode, "a release hook panicked; it counts as run");
        })
    }
}
