//! What is due when: timeouts of waits and the next look at parked queues, behind one announced time.
//!
//! The embedder keeps one timer. It is told with `Notice::Deadline` that something is due before all it knew of, asks
//! [`Deadlines::next`] when, and calls `Core::tick` then; nothing is announced while nothing waits. The notice carries
//! no time: two notices may overtake each other on their way, and a timer set to the later one would lose the earlier.
//!
//! Lock order: inside the event table and dqm, outside the account. Not for: what happens at a deadline.

use crate::ids::{CallId, Nanos, ProcessId};
use crate::notice::{Notice, Post};
use crate::sync::Mutex;
use std::collections::BTreeSet;

/// A kind of deadline, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The timeout of a parked WAIT_EVENTS.
    Wait(ProcessId, CallId),
    /// The next look at the parked queues on the device with this index.
    Parked(usize),
    /// The end of a slice on the device with this index.
    Slice(usize),
    /// The next check whether an eviction of this process has passed.
    Restore(ProcessId),
}

#[derive(Debug, Default)]
struct Agenda {
    due: BTreeSet<(Nanos, Due)>,
    /// The earliest deadline that the embedder knows of.
    announced: Option<Nanos>,
}

impl Agenda {
    fn announce(&mut self, post: &mut Post) {
        let Some((first, _)) = self.due.first() else { return };
        if self.announced.is_none_or(|told| *first < told) {
            self.announced = Some(*first);
            post.add(Notice::Deadline);
        }
    }
}

/// The deadlines of one core.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(Mutex<Agenda>);

impl Deadlines {
    /// Adds a deadline at `at`; posts `Notice::Deadline` when it is earlier than what the embedder knows.
    pub(crate) fn add(&self, at: Nanos, due: Due, post: &mut Post) {
        let mut agenda = self.0.lock();
        agenda.due.insert((at, due));
        agenda.announce(post);
    }

    /// Removes a deadline. A timer that the embedder set for it fires without effect.
    pub(crate) fn remove(&self, at: Nanos, due: Due) {
        self.0.lock().due.remove(&(at, due));
    }

    /// The earliest deadline; the embedder knows it from now on.
    pub(crate) fn next(&self) -> Option<Nanos> {
        let mut agenda = self.0.lock();
        agenda.announced = agenda.due.first().map(|(at, _)| *at);
        agenda.announced
    }

    /// Takes every deadline up to `now`; posts `Notice::Deadline` for those that are left.
    pub(crate) fn take(&self, now: Nanos, post: &mut Post) -> Vec<Due> {
        let mut agenda = self.0.lock();
        let mut taken = Vec::new();
        while let Some((at, due)) = agenda.due.first().copied()
            && at <= now
        {
            agenda.due.pop_first();
            taken.push(due);
        }
        if agenda.announced.is_some_and(|told| told <= now) {
            agenda.announced = None;
        }
        agenda.announce(post);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::{Deadlines, Due};
    use crate::ids::Nanos;
    use crate::notice::Post;

    fn add(deadlines: &Deadlines, at: u64) -> bool {
        let mut post = Post::default();
        deadlines.add(Nanos(at), Due::Parked(usize::try_from(at).unwrap()), &mut post);
        !post.is_empty()
    }

    #[test]
    fn the_earliest_is_found_in_whatever_order_notices_arrive() {
        let deadlines = Deadlines::default();
        assert!(add(&deadlines, 50));
        assert!(add(&deadlines, 5));
        // Both notices are under way; whichever is read first leads to the same time.
        assert_eq!(deadlines.next(), Some(Nanos(5)));
        assert_eq!(deadlines.next(), Some(Nanos(5)));
        assert!(!add(&deadlines, 20), "later than what is known");
        assert!(add(&deadlines, 3), "earlier than what is known");
    }

    #[test]
    fn a_tick_that_comes_early_loses_nothing() {
        let deadlines = Deadlines::default();
        add(&deadlines, 50);
        let mut post = Post::default();
        assert!(deadlines.take(Nanos(10), &mut post).is_empty());
        assert_eq!(deadlines.next(), Some(Nanos(50)));
    }
}
