//! The grace period: an updater runs a barrier everywhere, then looks at all readers. Where nobody is inside, that is all:
//! a look changes nothing, so any number of updaters may look at once. Where somebody is, one updater at a time has the
//! turn: it sends new readers to the other bank and waits for each bank; the others may share a period that began after
//! they asked.
//!
//! `sequence` is odd while a period runs that may be shared. A caller that reads `s` needs the value [`ticket`] computes
//! from it: a period that *began* later than the read. State: `idle (even) → running (odd) → idle (even, +2)`.
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
        readers.prepare();
        if readers.inside() == 0 {
            return;
        }
        // Whoever gets the turn at once has had the fence A that covers its removals. Nobody shares this period: it does
        // not cover the removals of those who ask from now on.
        if let Some(_turn) = sync::try_lock(&self.turn) {
            return Self::wait_for_both(readers, patience, describe);
        }
        let ticket = self.ticket();
        let _turn = sync::lock(&self.turn);
        if !self.reached(ticket) {
            self.run(readers, patience, describe);
        }
    }

    /// As [`Grace::synchronize`], and tickets are honoured by it: for whoever runs the periods that were asked for.
    pub(super) fn synchronize_for_all(&self, readers: &Readers, patience: &Patience, describe: Describe<'_>) {
        let _turn = sync::lock(&self.turn);
        self.run(readers, patience, describe);
    }

    /// One period that may be shared; the caller has the turn.
    fn run(&self, readers: &Readers, patience: &Patience, describe: Describe<'_>) {
        let started = self.sequence.load(Ordering::Relaxed) + 1;
        self.sequence.store(started, Ordering::Relaxed);
        readers.prepare();
        if readers.inside() != 0 {
            Self::wait_for_both(readers, patience, describe);
        }
        // Release: whoever shares this period through `reached` has its sections behind it too.
        self.sequence.store(started + 1, Ordering::Release);
    }

    /// Both banks, each of which no new reader enters meanwhile; the caller has the turn.
    fn wait_for_both(readers: &Readers, patience: &Patience, describe: Describe<'_>) {
        // Stragglers first: readers that loaded the index before the last flip and entered after it.
        if !mutant(Mutant::OneBank) {
            readers.wait_idle(readers.idle_state(), patience, describe);
        }
        readers.flip();
        readers.wait_idle(readers.idle_state(), patience, describe);
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
