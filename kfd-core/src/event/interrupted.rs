//! Waits that a signal interrupted, until the calls come back that go on with them.
//!
//! The struct of WAIT_EVENTS counts whole milliseconds. amdkfd counts in ticks that all calls share
//! (`user_timeout_to_jiffies`), so what one call leaves over the next one has; a number of milliseconds from now does not
//! do that, and under a timer of 300 us each restart would lose or gain most of one. So the end of the interrupted wait is
//! kept, with the struct that was answered. The time in it is what is left, rounded down, but never to 0, which would not
//! wait.
//!
//! The call that goes on is told by its struct, which comes back as it was answered, by the same thread and at once: it
//! ends when the interrupted one would have. Any other wait of that thread for the time that was left (the signal's handler
//! took long, or the client has made the struct anew) ends then or when it asks to, whichever is later: no wait is shorter
//! than it asks for because another one was interrupted.
//!
//! Lives inside the event table and under its lock. Not for: waits that are parked (`wait`).

use crate::abi::kfd as abi;
use crate::ids::{Nanos, Tid};

/// The nanoseconds of a millisecond, the unit of WAIT_EVENTS.
pub(crate) const MS: u64 = 1_000_000;

/// The number of interrupted waits that are kept, more than threads are between two calls at a time. The oldest gives
/// way: its thread has made another call, or none.
const KEPT: usize = 128;

#[derive(Debug, Clone, Copy)]
struct Interrupted {
    thread: Tid,
    answered: abi::WaitEvents,
    deadline: Nanos,
    at: Nanos,
}

/// The interrupted waits of one process, oldest first.
#[derive(Debug, Default)]
pub(crate) struct InterruptedWaits(Vec<Interrupted>);

impl InterruptedWaits {
    /// The time that is left of an interrupted wait, in whole milliseconds as its answer tells it.
    pub(crate) fn time_left(deadline: Nanos, now: Nanos) -> u32 {
        let left = deadline.0.saturating_sub(now.0);
        let whole = if left == 0 { 0 } else { (left / MS).max(1) };
        u32::try_from(whole).unwrap_or(u32::MAX - 1)
    }

    /// Keeps the end of an interrupted wait of a thread, and the struct that the call was answered with.
    pub(crate) fn keep(&mut self, thread: Tid, answered: abi::WaitEvents, deadline: Nanos, now: Nanos) {
        self.0.retain(|kept| kept.deadline > now);
        if self.0.len() == KEPT {
            self.0.remove(0);
        }
        self.0.push(Interrupted { thread, answered, deadline, at: now });
    }

    /// The time at which a wait that the thread begins is to end: `asked`, or the end of the interrupted wait that it
    /// continues.
    pub(crate) fn go_on(&mut self, thread: Tid, call: &abi::WaitEvents, now: Nanos, asked: Nanos) -> Nanos {
        let is_it = |kept: &Interrupted| kept.thread == thread && kept.answered.timeout == call.timeout;
        let Some(at) = self.0.iter().rposition(is_it) else { return asked };
        let Interrupted { answered, deadline, at, .. } = self.0.remove(at);
        let at_once = now.0.saturating_sub(at.0) < MS;
        if at_once && answered == *call { deadline } else { asked.max(deadline) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(timeout: u32) -> abi::WaitEvents {
        abi::WaitEvents { events_ptr: 0x1000, num_events: 1, timeout, wait_result: 2, ..Default::default() }
    }

    #[test]
    fn the_time_left_is_rounded_down_but_never_to_none() {
        for (left, told) in
            [(0, 0), (1, 1), (MS - 1, 1), (MS, 1), (2 * MS - 1, 1), (2 * MS, 2), (70 * MS, 70)]
        {
            assert_eq!(InterruptedWaits::time_left(Nanos(5 + left), Nanos(5)), told, "{left}");
        }
    }

    const NOW: Nanos = Nanos(10 * MS);

    fn kept(timeout: u32, deadline: u64) -> InterruptedWaits {
        let mut waits = InterruptedWaits::default();
        waits.keep(Tid(1), call(timeout), Nanos(deadline), NOW);
        waits
    }

    // Keeps: wait-not-shorter
    #[test]
    fn the_struct_that_comes_back_at_once_goes_on_and_whatever_else_is_never_shorter_than_it_asks() {
        let end = 15 * MS + 400;
        let go_on = |mut waits: InterruptedWaits, thread, timeout, at: u64| {
            let asked = Nanos(at + u64::from(timeout) * MS);
            (waits.go_on(Tid(thread), &call(timeout), Nanos(at), asked).0, asked.0)
        };
        for after in [300, 500, MS - 1] {
            assert_eq!(go_on(kept(5, end), 1, 5, NOW.0 + after).0, end, "at once");
        }
        for (thread, timeout, at) in
            [(1, 5, NOW.0 + MS), (1, 4, NOW.0), (2, 5, NOW.0), (1, 5, NOW.0 + 9 * MS)]
        {
            let (deadline, asked) = go_on(kept(5, end), thread, timeout, at);
            assert_eq!(deadline, asked, "{thread} {timeout} {at}");
        }
        let mut waits = kept(5, end);
        for expected in [end, 15 * MS + 1] {
            let asked = Nanos(15 * MS + 1);
            assert_eq!(waits.go_on(Tid(1), &call(5), Nanos(NOW.0 + 1), asked).0, expected, "once");
        }
    }

    #[test]
    fn another_wait_in_between_as_of_the_signals_handler_changes_nothing() {
        let mut waits = kept(5, 15 * MS + 400);
        assert_eq!(waits.go_on(Tid(1), &call(0), NOW, NOW), NOW);
        assert_eq!(waits.go_on(Tid(1), &call(5), NOW, Nanos(15 * MS)), Nanos(15 * MS + 400));
    }

    // Keeps: wait-not-shorter
    #[test]
    fn a_struct_made_anew_or_one_that_comes_back_late_is_another_wait() {
        let end = NOW.0 + MS / 2;
        let go_on = |call, at| kept(1, end).go_on(Tid(1), &call, Nanos(at), Nanos(at + MS)).0;
        assert_eq!(go_on(call(1), NOW.0 + 100), end);
        assert_eq!(go_on(call(1), end + 100), end, "its time has come meanwhile");
        assert_eq!(go_on(call(1), NOW.0 + MS), NOW.0 + 2 * MS, "late");
        let anew = abi::WaitEvents { wait_result: 0, ..call(1) };
        assert_eq!(go_on(anew, NOW.0 + 100), NOW.0 + 100 + MS);
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_has_passed_is_not_kept() {
        let mut waits = InterruptedWaits::default();
        for thread in 0..1000 {
            waits.keep(Tid(thread), call(5), Nanos(100), Nanos(0));
        }
        assert_eq!(waits.0.len(), KEPT);
        assert_eq!(waits.go_on(Tid(999), &call(5), Nanos(1), Nanos(90)), Nanos(100));
        waits.keep(Tid(1), call(5), Nanos(300), Nanos(200));
        assert_eq!(waits.0.len(), 1);
    }
}
