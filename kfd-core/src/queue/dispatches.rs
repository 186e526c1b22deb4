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

    /// Its queue is off the run list, as far as `is_off` still says so. Whether it ran until now.
    ///
    /// The queue may have been let go and have had its next turn before it is paused here: then there is no other turn that
    /// would end the pause, and `is_off` says no. If the queue is let go after `is_off` has said yes, that turn is to come.
    pub(crate) fn pause(&self, ticket: u64, is_off: impl FnOnce() -> bool) -> bool {
        let paused = self.exchange(ticket, State::Running, State::Paused);
        if paused && !is_off() {
            self.exchange(ticket, State::Paused, State::Running);
        }
        paused
    }

    fn exchange(&self, ticket: u64, from: State, to: State) -> bool {
        let mut book = self.0.lock();
        let entry = book.out.get_mut(&ticket).filter(|entry| entry.state == from);
        entry.is_some_and(|entry| {
            entry.state = to;
            true
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Nanos;

    const QUEUE: QueueId = QueueId(3);
    const DONE: WaveAnswer = WaveAnswer::Done { began: Nanos(1), ended: Nanos(2) };

    #[test]
    fn a_pause_that_comes_after_the_turn_of_a_queue_let_go_is_none() {
        // Where between the pause and its look at the run list the queue is let go and has its turn.
        for (let_go, turn, expected) in [
            ("before", "before", Wish::Run),
            ("before", "between", Wish::Run),
            ("before", "after", Wish::Run),
            ("between", "between", Wish::Run),
            ("between", "after", Wish::Run),
            ("after", "after", Wish::Run),
            ("never", "never", Wish::Pause),
        ] {
            let book = Dispatches::default();
            let ticket = book.begin(QUEUE, 0).unwrap();
            if turn == "before" {
                assert_eq!(book.look(ticket), Look::Running { resumed: false });
            }
            let paused = book.pause(ticket, || {
                if turn == "between" {
                    assert_eq!(book.look(ticket), Look::Running { resumed: true });
                }
                !["before", "between"].contains(&let_go)
            });
            assert!(paused);
            if turn == "after" {
                book.look(ticket);
            }
            assert_eq!(book.wish(QUEUE, ticket), expected, "let go {let_go}, turn {turn}");
        }
    }

    #[test]
    fn an_answer_beside_a_pause_is_kept_and_taken_once() {
        let book = Dispatches::default();
        let ticket = book.begin(QUEUE, 1).unwrap();
        let mut answered = None;
        assert!(book.pause(ticket, || {
            answered = book.answer(QUEUE, ticket, DONE);
            false
        }));
        assert_eq!(answered, Some(1));
        assert!(!book.pause(ticket, || true), "it is over");
        assert_eq!(book.answer(QUEUE, ticket, DONE), None, "twice");
        assert_eq!(book.look(ticket), Look::Over(DONE));
        assert_eq!((book.look(ticket), book.count()), (Look::Void, 0));
    }

    #[test]
    fn a_closed_book_has_none_takes_none_and_tells_once_which_ran() {
        let book = Dispatches::default();
        let [running, over, paused] = [(); 3].map(|()| book.begin(QUEUE, 0).unwrap());
        book.answer(QUEUE, over, DONE);
        book.pause(paused, || true);
        book.close();
        assert_eq!((book.count(), book.begin(QUEUE, 0)), (0, None));
        let mut told = book.take_cancelled();
        told.sort_unstable_by_key(|(_, ticket)| *ticket);
        assert_eq!(told, [(QUEUE, running), (QUEUE, paused)]);
        assert!(book.take_cancelled().is_empty());
        assert_eq!(book.answer(QUEUE, running, DONE), None);
    }
}
