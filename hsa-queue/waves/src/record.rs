//! Which dispatch it is, for those who run its parts.

use crate::sync::{AtomicU64, Ordering};

/// The serial of the next dispatch.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// See the module's head. Each dispatch has one, its parts together.
#[derive(Debug)]
pub(crate) struct Record {
    /// Greater than that of any dispatch that was there before.
    pub serial: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self { serial: NEXT.fetch_add(1, Ordering::Relaxed) }
    }
}
