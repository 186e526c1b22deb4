//! Tells a model when memory is used and when it is given back; nothing at all in plain builds.
//!
//! Not a check for users: it exists so that loom reports a use that is not ordered before the give-back, even
//! in a schedule in which it happened to come first.
#![cfg_attr(loom, allow(unsafe_code))]

/// One piece of memory as a model sees it.
#[derive(Default)]
pub struct Probe {
    /// Shuttle has no such cell: there only `gone` tells.
    #[cfg(all(loom, not(shuttle)))]
    cell: loom::cell::UnsafeCell<()>,
    /// Not modelled: it only notices the second give-back and the use after it.
    #[cfg(loom)]
    gone: std::cell::Cell<bool>,
}

// SAFETY: the checkers run one thread at a time on one OS thread, and reporting races is what the cell is for.
#[cfg(loom)]
unsafe impl Sync for Probe {}
// SAFETY: as above.
#[cfg(loom)]
unsafe impl Send for Probe {}

impl Probe {
    /// The memory is in use now.
    #[inline]
    pub fn touch(&self) {
        #[cfg(loom)]
        {
            // What unwinds out of a model that has failed is not asked again: a second panic would end the process.
            if std::thread::panicking() {
                return;
            }
            assert!(!self.gone.get(), "used after it was given back");
            #[cfg(not(shuttle))]
            self.cell.with(|_| ());
        }
    }

    /// The memory is given back now. Under loom any use not ordered before this fails the model.
    #[inline]
    pub fn end(&self) {
        #[cfg(loom)]
        {
            if std::thread::panicking() {
                return;
            }
            assert!(!self.gone.replace(true), "given back twice");
            #[cfg(not(shuttle))]
            self.cell.with_mut(|_| ());
        }
    }
}
