//! The grace period: one updater at a time waits for both banks; the others may share a period that began
//! after they asked.
//!
//! `sequence` is odd while a period runs. A caller that reads `s` needs the value [`ticket`] computes from
//! it: a period that *began* later than the read. State: `idle (even) → running (odd) → idle (even, +2)`.
//!
//! Lock order: the turn is held while waiting for readers, so no reader may ever want it: it is private to
//! this file.

use super::{
    reader::Readers,
    stall::{Describe, Patience},
};
use crate::sync::{self, AtomicU64, Mutant, Mutex, Ordering, mutant};

/// One domain's grace periods.
pub(super) struct Grace {
    turn: Mutex<()>,
    sequence: AtomicU64,
}

/// The sequence value at which a period that begins after `seen` was read is over.
///
/// Idle (even): the next period, +2. Running (odd): that one may have begun too early; the one after it, +3.
const fn ticket(seen: u64) -> u64 {
    (seen + 3) & !1
}

impl Grace {
    pub(super) fn new() -> Self {
        Self { turn: Mutex::new(()), sequence: AtomicU64::new(0) }
    }

    /// The value [`Grace::reached`] must be asked for, so that everything before this call is covered.
    pub(super) fn ticket(&self) -> u64 {
        // T, partner A: the caller's removals come before the fence A of any period that begins after this
        // read.
        if !mutant(Mutant::NoUpdaterFence) {
            sync::full_fence(Mutant::NoTicketFence);
        }
        ticket(self.sequence.load(Ordering::Acquire))
    }

    /// Is that period over?
    pub(super) fn reached(&self, ticket: u64) -> bool {
        self.sequence.load(Ordering::Acquire) >= ticket
    }

    /// Returns after every read section that began before the call has ended.
    pub(super) fn synchronize(&self, readers: &Readers, patience: &Patience, describe: Describe<'_>) {
        // Whoever gets the turn at once runs a period of its own, whose fence A covers its removals.
        if let Some(_turn) = sync::try_lock(&self.turn) {
            return self.run(readers, patience, describe);
        }
        let ticket = self.ticket();
        let _turn = sync::lock(&self.turn);
        if !self.reached(ticket) {
            self.run(readers, patience, describe);
        }
    }

    /// One period; the caller has the turn.
    fn run(&self, readers: &Readers, patience: &Patience, describe: Describe<'_>) {
        let started = self.sequence.load(Ordering::Relaxed) + 1;
        self.sequence.store(started, Ordering::Relaxed);
        readers.prepare();
        // Stragglers first: readers that loaded the index before the last flip and entered after it.
        if !mutant(Mutant::OneBank) {
            readers.wait_idle(readers.idle_state(), patience, describe);
        }
        readers.flip();
        readers.wait_idle(readers.idle_state(), patience, describe);
        // Release: whoever shares this period through `reached` has its sections behind it too.
        self.sequence.store(started + 1, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::ticket;

    #[test]
    fn a_ticket_never_accepts_a_period_that_was_already_running() {
        assert_eq!(ticket(0), 2);
        assert_eq!(ticket(1), 4);
        assert_eq!(ticket(2), 4);
    }
}
