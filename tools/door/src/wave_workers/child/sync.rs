//! The locks, bells and clock of `turns`, in one place so that a model can replace them (`tests/wave_turns`).

use kfd_core::sync::MutexGuard;
pub(super) use kfd_core::sync::{Condvar, Mutex};
use std::sync::PoisonError;
pub(super) use std::time::Instant;

/// What the clock says.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Waits for the bell, no longer than until then; may end without reason.
pub(super) fn wait<'a, T>(
    bell: &Condvar,
    guard: MutexGuard<'a, T>,
    until: Option<Instant>,
) -> MutexGuard<'a, T> {
    match until {
        None => bell.wait(guard).unwrap_or_else(PoisonError::into_inner),
        Some(until) => {
            let left = until.saturating_duration_since(now());
            bell.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0
        }
    }
}

/// Whether a deliberate fault is in force: never.
pub(super) const fn mutant(_: super::turns::Mutant) -> bool {
    false
}
