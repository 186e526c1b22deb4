//! The clock of deadlines: `CLOCK_MONOTONIC` in nanoseconds.
//!
//! It is the clock the kernel counts a ring's waiting time by. Not for time stamps that a client sees.

use std::ops::Add;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A point of `CLOCK_MONOTONIC`, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(u64);

impl Monotonic {
    /// What the clock shows at this moment.
    pub fn now() -> Self {
        let now =
            clock_gettime(ClockId::CLOCK_MONOTONIC).expect("invariant: Linux always has CLOCK_MONOTONIC");
        Self::from_nanos(u64::try_from(Duration::from(now).as_nanos()).unwrap_or(u64::MAX))
    }

    /// The point this many nanoseconds after the clock's zero.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long until `self` when it is `now`; zero when it has passed.
    pub const fn since(self, now: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(now.0))
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}
