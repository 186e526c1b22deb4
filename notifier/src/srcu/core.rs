//! What a domain's owners share with its reclaimer.

use super::{
    grace::Grace,
    queue::Queue,
    reader::Readers,
    reader_kind::ReaderKind,
    stall::{Patience, Stall, Waiter},
};
use std::time::Duration;

/// The parts of a domain. The readers come first: their words are the ones that
/// every section looks at.
#[repr(C)]
pub(super) struct Core {
    pub(super) readers: Readers,
    pub(super) name: &'static str,
    pub(super) id: u64,
    pub(super) kind: ReaderKind,
    pub(super) grace: Grace,
    pub(super) queue: Queue,
    pub(super) patience: Patience,
    /// Does its reclaimer keep to its wakers' CPU?
    pub(super) follows: bool,
    /// In which process it was made: see [`Domain`] on forks.
    pub(super) forks: u64,
}

impl Core {
    pub(super) fn synchronize(&self) {
        let describe = |waited| self.describe(Waiter::GracePeriod, waited);
        self.grace.synchronize(&self.readers, &self.patience, &describe);
    }

    pub(super) fn synchronize_for_all(&self) {
        let describe = |waited| self.describe(Waiter::GracePeriod, waited);
        self.grace.synchronize_for_all(&self.readers, &self.patience, &describe);
    }

    pub(super) fn describe(&self, waiter: Waiter, waited: Duration) -> Stall {
        Stall {
            domain: self.name,
            waiter,
            waited,
            pending: self.queue.pending(),
            reclaimer: self.queue.stage(),
            open: self.readers.inside(),
            sections: self
                .readers
                .places
                .as_ref()
                .map(|places| places.older_than(waited))
                .unwrap_or_default(),
        }
    }
}
