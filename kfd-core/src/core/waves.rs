//! Dispatches that an engine of waves runs: its answers, and what it is told when their queues stop for a while or for good.
//!
//! Nothing here waits for an engine. A queue that is held, disabled, destroyed or dead is so at once; its engine hears of it
//! by a notice, and what it answers later is kept for the queue's next turn, or dropped.
//!
//! Not for: how a dispatch is handed over (`queue::posted`).

use crate::core::Core;
use crate::device::Device;
use crate::dispatch::{WaveAnswer, Wish};
use crate::ids::QueueKey;
use crate::notice::{Notice, Post};
use crate::process::Process;
use crate::queue::Queue;
use crate::queue::posted::Tell;

impl Core {
    /// An engine's answer to `Notice::Dispatch`. A late one is dropped: the second to a ticket, or to a ticket whose queue
    /// or process is no more.
    pub fn wave_answer(&self, queue: QueueKey, ticket: u64, answer: WaveAnswer) {
        let Some(process) = self.process(queue.process) else { return };
        let Some(device) = process.dispatches.answer(queue.queue, ticket, answer) else { return };
        if self.devices[device].dqm.dispatch_over(queue) {
            let mut post = Post::default();
            post.runnable();
            self.post(post);
        }
    }

    /// What is wished of a dispatch now.
    #[must_use]
    pub fn wave_wish(&self, queue: QueueKey, ticket: u64) -> Wish {
        self.process(queue.process)
            .map_or(Wish::Cancel, |process| process.dispatches.wish(queue.queue, ticket))
    }

    /// A queue has stopped for good: nobody waits for its dispatch.
    pub(crate) fn cancel_dispatch(&self, process: &Process, queue: &Queue, post: &mut Post) {
        if let Some(ticket) = queue.in_hand.take()
            && process.dispatches.void(ticket)
        {
            post.add(Notice::Wish { queue: queue.key, ticket });
        }
    }

    /// The release hook of a process has run: its engine of waves is told of the dispatches that ended with it, and engines
    /// of the slots that it left.
    pub(crate) fn engines_left(&self, process: &Process) {
        let mut post = Post::default();
        for (queue, ticket) in process.dispatches.take_cancelled() {
            let queue = QueueKey { process: process.id(), queue };
            post.add(Notice::Wish { queue, ticket });
        }
        self.wake_for_slots(&mut post);
        self.post(post);
    }

    /// A queue that leaves the run list may leave its slot to one that waits. With dispatches on all other slots no engine
    /// is there to see it.
    pub(crate) fn wake_for_slots(&self, post: &mut Post) {
        if self.devices.iter().any(|device| device.dqm.is_due()) {
            post.runnable();
        }
    }
}

/// What an engine is told of the dispatch that a queue has in hand.
pub(crate) fn notice(queue: QueueKey, tell: Tell) -> Notice {
    match tell {
        Tell::Begins(order) => Notice::Dispatch(order),
        Tell::Resumes(ticket) => Notice::Wish { queue, ticket },
    }
}

/// A queue is off the run list for a while, and no engine is inside: its dispatch is to stand still. In the queue's next
/// turn it goes on.
pub(crate) fn pause_dispatch(process: &Process, device: &Device, queue: &Queue, post: &mut Post) {
    pause(process, queue, post, || {
        device.dqm.standing(queue.key).is_none_or(|standing| standing.state.is_off())
    });
}

/// A queue has lost its slot at the end of its slice: its dispatch is to stand still. In the queue's next turn it goes on.
pub(crate) fn pause_slice(process: &Process, device: &Device, queue: &Queue, post: &mut Post) {
    pause(process, queue, post, || {
        device.dqm.standing(queue.key).is_none_or(|standing| standing.slot.is_none())
    });
}

fn pause(process: &Process, queue: &Queue, post: &mut Post, is_off: impl FnOnce() -> bool) {
    if let Some(ticket) = queue.in_hand.get()
        && process.dispatches.pause(ticket, is_off)
    {
        post.add(Notice::Wish { queue: queue.key, ticket });
    }
}
