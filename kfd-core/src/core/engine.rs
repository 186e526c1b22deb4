//! An engine thread's part: pick a queue, take its turn, tell what came of it.
//!
//! A turn runs inside a read section and under the queue's MQD mutex, and ends within one chunk of packets of the moment
//! the queue is stopped. Nothing in it waits: memory that is not at hand makes the queue sleep until
//! `Core::memory_answer`. What it decides is posted after both are let go.
//!
//! Not for: the packets of a turn (`turn`); threads and sleeping, which are the embedder's.

use crate::access::UserAnswer;
use crate::core::doorbells::rearm;
use crate::core::turn::Took;
use crate::core::waves::pause_slice;
use crate::core::{Core, Ran};
use crate::device::Device;
use crate::event::deadline::Due;
use crate::ids::{Nanos, QueueKey};
use crate::notice::Post;
use crate::process::Process;
use crate::process::evictions::Reason;
use crate::queue::dqm::{Ended, Next, Turn};
use crate::sync::{Arc, Ordering};

impl Core {
    /// One turn of an engine thread. Any number of threads may take turns at the same time.
    pub fn run_next(&self, now: Nanos) -> Ran {
        let mut post = Post::default();
        let first = self.next_device.fetch_add(1, Ordering::Relaxed) as usize;
        let count = self.devices.len();
        let mut ran = Ran::Nothing;
        for index in (0..count).map(|step| (first % count + step) % count) {
            let device = &self.devices[index];
            // The section is entered first and left last: a queue's last owner may be this turn, and the process it
            // belongs to must outlast it.
            let guard = self.domain().read();
            let Next { turn, look_at, paused } = device.dqm.next(now);
            for queue in paused {
                if let Some(process) = self.table.load(queue.key.process, &guard) {
                    pause_slice(process, device, &queue, &mut post);
                }
            }
            if let Some(at) = look_at {
                self.deadlines.add(at, Due::Slice(index), &mut post);
            }
            let Some(turn) = turn else { continue };
            ran = match self.table.load(turn.queue.key.process, &guard) {
                Some(process) => self.take_turn(device, process, &turn, now, &mut post),
                None => Ran::Worked,
            };
            drop(turn);
            drop(guard);
            break;
        }
        self.post(post);
        ran
    }

    /// Runs the packets of a turn, and does what its end asks for.
    pub(super) fn take_turn(
        &self,
        device: &Device,
        process: &Process,
        turn: &Turn,
        now: Nanos,
        post: &mut Post,
    ) -> Ran {
        let queue = &*turn.queue;
        let Took { ended, packets, violation } = match queue.mqd.try_lock() {
            // Held by whoever changes the queue or takes it off the device.
            None => Took::nothing(Ended::Busy),
            Some(mut mqd) => self.packets(device, process, turn, &mut mqd, post),
        };
        queue.packets.fetch_add(u64::from(packets), Ordering::Relaxed);
        let after = device.dqm.done(turn, ended, packets, now, &self.deadlines, post);
        if let Some(fault) = violation {
            // Waits for turns of the process's other queues, which are being stopped: no queue's state is locked here.
            self.memory_exception(device, process, queue.key, fault, post);
        }
        // A completion here may be what a queue of the same process on another device waits for.
        let others = self.devices.iter().filter(|other| packets > 0 && other.index != device.index);
        if others.fold(after.woke, |woke, other| other.dqm.wake_parked(process.id()) | woke) {
            post.runnable();
        }
        if let Some(page) = after.rearm {
            post.add(rearm(device, process.id(), page));
        }
        after.poll_until.map_or(Ran::Worked, Ran::PollUntil)
    }

    /// A worker's answer to `Notice::Memory`. A late one, of a queue or a ticket that is no more, is dropped. What a queue
    /// tells its runtime is answered here too.
    pub fn memory_answer(&self, queue: QueueKey, ticket: u64, answer: UserAnswer) {
        let mut post = Post::default();
        if let Some(process) = self.process(queue.process) {
            if Self::is_delivery(ticket) {
                self.delivery_answer(&process, queue.queue, ticket, &answer, &mut post);
                self.post(post);
                return;
            }
            let found = process.inner.lock().pqm.get(queue.queue.0).map(|entry| Arc::clone(&entry.queue));
            if let Some(found) = found {
                let mut mqd = found.mqd.lock();
                if answer == UserAnswer::Failed && mqd.open.retry(ticket) {
                    drop(mqd);
                    // The range may lie between two mappings. The queue was waiting, so it is held now, by this eviction
                    // or an earlier one, and asks again when it is let go.
                    self.evict_for(&process, Reason::Userptr, &mut post);
                    self.post(post);
                    return;
                }
                let taken = mqd.open.answer(ticket, answer);
                drop(mqd);
                if taken && self.devices[found.device].dqm.answered(queue) {
                    post.runnable();
                }
            }
        }
        self.post(post);
    }
}
