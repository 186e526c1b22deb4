//! How soon a process has a CPU that others want, and how long it keeps it.
//!
//! Linux hands a CPU from one ordinary task to another at the end of a slice, at a tick, or when somebody is woken whose turn it is
//! (kernel/sched/fair.c). With a busy worker on each CPU, whoever is woken right after it slept waits for the next tick: 4 ms at
//! 250 Hz, for each step of a client's death. So the daemon, which computes little and is waited for, has short slices; and a worker
//! stands behind everybody, has slices of a turn, and offers its CPU after each.
//!
//! All of it is a favour, so nothing here fails: a kernel before 6.12 knows no slices, a service manager may forbid the call.

use crate::sys;
use std::time::Duration;

/// What the daemon's threads compute at a time, at most, unless they are engines.
const PROMPT: Duration = Duration::from_micros(300);
/// Behind everybody who did not ask for less.
const BEHIND: i32 = 10;

/// Has this thread, and those that it makes, wait less for a CPU. Nothing changes under a policy that somebody chose.
pub fn be_prompt() {
    let _ = sys::set_slice(sys::nice(), PROMPT);
}

/// Has this thread, and those that it makes, compute behind all others and `slice` at a time.
pub(crate) fn stand_behind(slice: Duration) {
    let behind = BEHIND.max(sys::nice());
    // The niceness alone, where slices are forbidden.
    if sys::set_slice(behind, slice).is_err() {
        let _ = sys::set_nice(behind);
    }
}
