//! Where a packet's start and end timestamps come from.
//!
//! Not for: scheduling or deadlines; nothing in this crate waits.

/// The agent's timestamp counter.
pub trait Clock {
    /// The counter now, in ticks of the frequency that the device's profile reports (the `gpu_clock_counter`
    /// of `AMDKFD_IOC_GET_CLOCK_COUNTERS`); never goes backwards.
    fn ticks(&self) -> u64;
}
