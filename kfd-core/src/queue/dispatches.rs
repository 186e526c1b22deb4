//! The dispatches of a process that an engine of waves has and whose queues wait: the process's book of them.
//!
//! ```text
//!           begin              answer            look
//!   (none) ───────► Running ───────────► Over ─────────► (none): the queue goes on
//!                    │   ▲ look            ▲
//!              pause │   │                 │ answer
//!                    ▼   │                 │
//!                   Paused ────────────────┘
//!   any ── void (its queue ends), close (its process does) ──► (none): an answer is dropped
//! ```
//! A queue has one at a time, and looks at it in its turns only. So one that was paused goes on when its queue has a turn
//! again. Tickets count from 1 and are given once.
//!
//! A leaf in the lock order, inside a queue's MQD and the process mutex. Not for: what is told to an engine, and when
//! (`core::waves`).

use crate::dispatch::{WaveAnswer, Wish};
use crate::ids::QueueId;
use crate::sync::{AtomicU64, Mutex, Ordering};
use std::collections::HashMap;

/// The book.
#[derive(Debug, Default)]
pub(crate) struct Dispatches(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// The last ticket given.
    last: u64,
    closed: bool,
    out: HashMap<u64, Entry>,
    /// Those that were out when the book was closed, until somebody tells their engine.
    cancelled: Vec<(QueueId, u64)>,
}

#[derive(Debug)]
struct Entry {
    queue: QueueId,
    /// The index of its device.
    device: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Paused,
    Over(WaveAnswer),
}

/// The ticket of the dispatch that a queue waits for, if it does. Its turns set it, under its MQD; everybody reads it.
#[derive(Debug, Default)]
pub(crate) struct InHand(AtomicU64);

impl InHand {
    pub(crate) fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Acquire)).filter(|ticket| *ticket != 0)
    }

    pub(super) fn set(&self, ticket: u64) {
        self.0.store(ticket, Ordering::Release);
    }

    /// For one of those who take it.
    pub(crate) fn take(&self) -> Option<u64> {
        Some(self.0.swap(0, Ordering::AcqRel)).filter(|ticket| *ticket != 0)
    }
}

/// What a queue finds when it looks at its dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// It runs on; it was paused until now if it has `resumed`.
    Running { resumed: bool },
    /// It is over, and out of the book.
    Over(WaveAnswer),
    /// It is not in the book.
    Void,
}

impl Dispatches {
    /// A dispatch of a queue begins: its ticket. `None` once the book is closed.
    pub(super) fn begin(&self, queue: QueueId, device: usize) -> Option<u64> {
        let mut book = self.0.lock();
        if book.closed {
            return None;
        }
        book.last += 1;
        let ticket = book.last;
        book.out.insert(ticket, Entry { queue, device, state: State::Running });
        Some(ticket)
    }

    /// Its queue has a turn.
    pub(super) fn look(&self, ticket: u64) -> Look {
        let mut book = self.0.lock();
        let Some(entry) = book.out.get_mut(&ticket) else { return Look::Void };
        match entry.state {
            State::Running => Look::Running { resumed: false },
            State::Paused => {
                entry.state = State::Running;
                Look::Running { resumed: true }
            }
            State::Over(answer) => {
                book.out.remove(&ticket);
                Look::Over(answer)
            }
        }
    }

    /// Its engine says how it ended: the index of its queue's device, unless the answer is late.
    pub(crate) fn answer(&self, queue: QueueId, ticket: u64, answer: WaveAnswer) -> Option<usize> {
        let mut book = self.0.lock();
        let entry = book.out.get_mut(&ticket).filter(|entry| entry.queue == queue)?;
        if matches!(entry.state, State::Over(_)) {
            return None;
        }
        entry.state = State::Over(answer);
        Some(entry.device)
    }

    /// Its queue is off the run list. Whether it ran until now.
    pub(crate) fn pause(&self, ticket: u64) -> bool {
        let mut book = self.0.lock();
        let Some(entry) = book.out.get_mut(&ticket).filter(|entry| entry.state == State::Running) else {
            return false;
        };
        entry.state = State::Paused;
        true
    }

    /// It need not be paused any more.
    pub(crate) fn go_on(&self, ticket: u64) {
        if let Some(entry) = self.0.lock().out.get_mut(&ticket)
            && entry.state == State::Paused
        {
            entry.state = State::Running;
        }
    }

    /// Its queue ends. Whether its engine does not know of its end.
    pub(crate) fn void(&self, ticket: u64) -> bool {
        let entry = self.0.lock().out.remove(&ticket);
        entry.is_some_and(|entry| !matches!(entry.state, State::Over(_)))
    }

    /// The process ends, and with it all of them; none begins any more.
    pub(crate) fn close(&self) {
        let mut book = self.0.lock();
        book.closed = true;
        let out = std::mem::take(&mut book.out);
        let running = out.into_iter().filter(|(_, entry)| !matches!(entry.state, State::Over(_)));
        book.cancelled.extend(running.map(|(ticket, entry)| (entry.queue, ticket)));
    }

    /// Those that ended with the process, once.
    pub(crate) fn take_cancelled(&self) -> Vec<(QueueId, u64)> {
        std::mem::take(&mut self.0.lock().cancelled)
    }

    /// What is wished of it.
    pub(crate) fn wish(&self, queue: QueueId, ticket: u64) -> Wish {
        let book = self.0.lock();
        match book.out.get(&ticket).filter(|entry| entry.queue == queue).map(|entry| entry.state) {
            Some(State::Running) => Wish::Run,
            Some(State::Paused) => Wish::Pause,
            Some(State::Over(_)) | None => Wish::Cancel,
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().out.len() as u64
    }
}
