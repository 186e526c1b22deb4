//! The one clock of the core: `CLOCK_MONOTONIC` in nanoseconds, replaceable so that tests own time.
//!
//! Not for: calendar time, which nothing here needs.

use crate::ids::Nanos;

/// A source of time. Called from any thread, under any lock.
pub trait Clock: Send + Sync + 'static {
    /// The time of `CLOCK_MONOTONIC`.
    fn now(&self) -> Nanos;

    /// The time of `CLOCK_MONOTONIC_RAW`, the `cpu_clock_counter` of GET_CLOCK_COUNTERS.
    fn raw(&self) -> Nanos {
        self.now()
    }

    /// The time of `CLOCK_BOOTTIME`, the `system_clock_counter` of GET_CLOCK_COUNTERS.
    fn boottime(&self) -> Nanos {
        self.now()
    }
}

/// The counter of a device that runs at `khz`, derived from the core's clock; packets are stamped with it too.
#[derive(Clone, Copy)]
pub(crate) struct DeviceClock<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) khz: u32,
}

impl hsa_queue::Clock for DeviceClock<'_> {
    fn ticks(&self) -> u64 {
        ticks(self.clock.now(), self.khz)
    }
}

/// What a device's counter of `khz` says at a time.
#[must_use]
pub fn ticks(now: Nanos, khz: u32) -> u64 {
    let ticks = u128::from(now.0) * u128::from(khz) / 1_000_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Monotonic;

fn read(id: nix::time::ClockId) -> Nanos {
    let time = nix::time::clock_gettime(id).expect("invariant: every Linux has this clock");
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or(0);
    Nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

impl Clock for Monotonic {
    fn now(&self) -> Nanos {
        read(nix::time::ClockId::CLOCK_MONOTONIC)
    }

    fn raw(&self) -> Nanos {
        read(nix::time::ClockId::CLOCK_MONOTONIC_RAW)
    }

    fn boottime(&self) -> Nanos {
        read(nix::time::ClockId::CLOCK_BOOTTIME)
    }
}
