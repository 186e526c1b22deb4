//! The clock by which waits are found too long.
//!
//! In models no time passes by itself: whoever asks is told that one tick has.

#[cfg(loom)]
use std::time::Duration;

/// All the time that a model knows.
#[cfg(loom)]
pub(crate) const TICK: Duration = Duration::from_millis(1);

#[cfg(not(loom))]
pub(crate) type Instant = std::time::Instant;

/// A moment of a model.
#[cfg(loom)]
#[derive(Clone, Copy)]
pub(crate) struct Instant;

#[cfg(loom)]
impl Instant {
    pub(crate) fn now() -> Self {
        Self
    }

    pub(crate) fn elapsed(&self) -> Duration {
        TICK
    }
}
