//! Time: timeouts of waits, the back-off of parked queues, the ends of evictions. And signals, which end a wait from outside.

use crate::call::Outcome;
use crate::core::Core;
use crate::event::deadline::Due;
use crate::ids::{CallId, Nanos, ProcessId};
use crate::notice::Post;

impl Core {
    /// When [`Core::tick`] is to be called next (monotonic): the timeout of a parked call or the next look at parked
    /// queues; `None` while nothing waits for a time. To be asked after every `Notice::Deadline` and every tick.
    #[must_use]
    pub fn next_due(&self) -> Option<Nanos> {
        self.deadlines.next()
    }

    /// To be called at [`Core::next_due`]; earlier or more often does no harm.
    pub fn tick(&self, now: Nanos) {
        let mut post = Post::default();
        for due in self.deadlines.take(now, &mut post) {
            match due {
                Due::Wait(process, call) => self.time_out(process, call, now, &mut post),
                Due::Restore(process) => self.restore_due(process, now, &mut post),
                Due::Slice(_) => post.runnable(),
                Due::Parked(device) => {
                    if self.devices[device].dqm.look_at_parked(now, &self.deadlines, &mut post) {
                        post.runnable();
                    }
                }
            }
        }
        self.post(post);
    }

    fn time_out(&self, process: ProcessId, call: CallId, now: Nanos, post: &mut Post) {
        let Some(process) = self.process(process) else { return };
        let mut table = process.events.lock();
        let over = table.waits.get(&call).and_then(|wait| wait.deadline).is_some_and(|at| at <= now);
        if over && let Some(wait) = process.end_wait(&mut table, call, &self.deadlines) {
            let outcome = wait.time_out();
            post.add(crate::notice::Notice::Complete { call, process: process.id(), outcome });
        }
    }

    /// A signal interrupts a parked call: its answer, with errno [`RESTART`](crate::call::Errno::RESTART) and the struct
    /// as the restarted call is to bring it again. `None` when the call has ended already; its answer is on the way.
    #[must_use]
    pub fn interrupt(&self, process: ProcessId, call: CallId) -> Option<Outcome> {
        let mut post = Post::default();
        let process = self.process(process)?;
        if let Some(outcome) = process.debug.lock().interrupt(call) {
            return Some(outcome);
        }
        if let Some(outcome) = process.copies.interrupt(call) {
            return Some(outcome);
        }
        let outcome = {
            let mut table = process.events.lock();
            let wait = process.end_wait(&mut table, call, &self.deadlines)?;
            let (outcome, woken) = wait.interrupt(&mut table, self.now());
            process.settle(&mut table, woken, &self.deadlines, &mut post);
            outcome
        };
        self.post(post);
        Some(outcome)
    }
}
