//! Binds the life of any object to the life of another process's address space.

mod chain;
mod listener;
mod mm;
mod notifier;
mod reference;
mod registration;
pub mod srcu;
mod sync;
mod walking;
#[cfg(not(loom))]
pub mod watch;

pub use listener::{Listener, Releasing};
pub use mm::{Dead, Mm, MmId};
pub use notifier::Notifier;
pub use reference::Ref;
pub use registration::{Registration, Unlinked};
pub use srcu::Slot;
#[cfg(loom)]
#[doc(hidden)]
pub use sync::model;
