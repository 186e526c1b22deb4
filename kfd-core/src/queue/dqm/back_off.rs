//! When the parked queues of a user get a look although nothing told that their dependencies changed.
//!
//! A signal may be written by a client without a call. So a few parked queues of each user are looked at each time that
//! the user's back-off is over; it doubles as long as none of them makes progress, and starts anew when one does.
//!
//! A queue that is woken otherwise stays on the list until its look comes round, so that waking costs no search.

use crate::ids::{Nanos, QueueKey};
use std::collections::VecDeque;

/// Queues of one user that one tick looks at.
const LOOKS: usize = 8;
const FIRST_NS: u64 = 20_000;
const LAST_NS: u64 = 1_000_000;

/// The parked queues of one user.
#[derive(Debug)]
pub(super) struct BackOff {
    queues: VecDeque<QueueKey>,
    span: u64,
    next: Option<Nanos>,
}

/// What a back-off knows of each queue, parked or not.
#[derive(Debug, Default)]
pub(super) struct Member {
    listed: bool,
    /// It has retired packets since it was last parked.
    moved: bool,
}

impl Member {
    /// Its queue has retired packets.
    pub(super) fn moved(&mut self) {
        self.moved = true;
    }

    /// It was taken off the list ([`BackOff::take_due`]).
    pub(super) fn unlisted(&mut self) {
        self.listed = false;
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self { queues: VecDeque::new(), span: FIRST_NS, next: None }
    }
}

impl BackOff {
    /// A queue has parked. The time of the next look, if that is sooner than it was.
    pub(super) fn park(&mut self, key: QueueKey, member: &mut Member, now: Nanos) -> Option<Nanos> {
        if !std::mem::replace(&mut member.listed, true) {
            self.queues.push_back(key);
        }
        if std::mem::take(&mut member.moved) {
            self.span = FIRST_NS;
        }
        let at = now.after(self.span);
        if self.next.is_some_and(|next| next <= at) {
            return None;
        }
        self.next = Some(at);
        self.next
    }

    /// Moves the queues that get a look at `now` into `looks`. The time of the next look, if this one was due and leaves
    /// queues on the list.
    pub(super) fn take_due(&mut self, now: Nanos, looks: &mut Vec<QueueKey>) -> Option<Nanos> {
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        let count = self.queues.len().min(LOOKS);
        looks.extend(self.queues.drain(..count));
        self.span = (self.span * 2).min(LAST_NS);
        self.next = (!self.queues.is_empty()).then(|| now.after(self.span));
        self.next
    }

    /// Takes queues for which `there` is false off the list. Whether that leaves none.
    pub(super) fn retain(&mut self, there: impl Fn(&QueueKey) -> bool) -> bool {
        self.queues.retain(there);
        self.queues.is_empty()
    }
}
