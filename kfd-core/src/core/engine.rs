//! An engine thread's turn: pick a queue, run its packets for its share, tell what came of it.
//!
//! A turn runs inside a read section and under the queue's processor mutex, and ends within one chunk of packets of the
//! moment the queue is stopped. Nothing in it waits: memory that is not at hand makes the queue sleep until
//! `Core::memory_answer`. What it decides is posted after both are let go.
//!
//! Not for: threads and sleeping, which are the embedder's.

use crate::access::UserAnswer;
use crate::clock::DeviceClock;
use crate::core::{Core, Ran};
use crate::device::busy::Meter;
use crate::device::{Device, place};
use crate::ids::{Nanos, ProcessId, QueueKey};
use crate::notice::{Notice, Post};
use crate::process::Process;
use crate::process::evictions::Reason;
use crate::process::stage::Stage;
use crate::queue::Engine;
use crate::queue::dqm::{Ended, PAGE, Turn};
use crate::queue::poll::{Linger, Lingering};
use crate::queue::view::View;
use crate::sync::{Arc, Ordering};
use hsa_queue::aql::MAX_FAR_LAG;
use hsa_queue::doorbell::SLICE_BYTES;
use hsa_queue::{EventId, QueueProcessor, Step};

/// AQL packets between two looks at the stop flag: a microsecond's worth.
const AQL_CHUNK: u32 = 64;
/// The same for a ring that has to be asked for: as many as lie between two reports of its read index.
const FAR_CHUNK: u32 = MAX_FAR_LAG as u32;
/// What a step of a PM4 or SDMA queue counts in a turn's share, in AQL packets: it may copy 64 KiB, and the flag is
/// looked at after each.
const STREAM_COST: u32 = 64;

/// What a trap has decided; see [`Core::trap`].
#[derive(Debug, Default)]
pub struct Trapped(Post);

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
            let Some(turn) = device.dqm.next(now) else { continue };
            ran = match self.table.load(turn.queue.key.process, &guard) {
                Some(process) => self.turn(device, process, &turn, now, &mut post),
                None => Ran::Worked,
            };
            drop(turn);
            drop(guard);
            break;
        }
        self.post(post);
        ran
    }

    fn turn(&self, device: &Device, process: &Process, turn: &Turn, now: Nanos, post: &mut Post) -> Ran {
        let queue = &*turn.queue;
        let (ended, packets) = match queue.engine.try_lock() {
            // Held by whoever changes the queue or takes it off the device.
            None => (Ended::Busy, 0),
            Some(mut engine) => self.packets(device, process, turn, &mut engine, post),
        };
        queue.packets.fetch_add(u64::from(packets), Ordering::Relaxed);
        let after = device.dqm.done(turn, ended, packets, now, &self.deadlines, post);
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

    /// Runs packets until the share is used up or the queue rests. How it ended, and how many packets were retired.
    fn packets(
        &self,
        device: &Device,
        process: &Process,
        turn: &Turn,
        engine: &mut Engine,
        post: &mut Post,
    ) -> (Ended, u32) {
        let (queue, budget) = (&*turn.queue, turn.budget);
        let Engine { processor, open, reported } = engine;
        let Some(processor) = processor else { return (Ended::Stopped, 0) };
        let clock = DeviceClock { clock: &*self.clock, khz: device.profile.compute.counter_khz };
        let mut view = View::new(&process.pdds[device.index].map, queue.key, open);
        let (chunk, cost) = match processor {
            // Of such a ring's turns, most time goes by in questions, and the end of a share would be one more.
            QueueProcessor::Aql(_) if view.asks() => (FAR_CHUNK, 1),
            QueueProcessor::Aql(_) => (AQL_CHUNK, 1),
            QueueProcessor::Pm4(_) | QueueProcessor::Sdma(_) => (1, STREAM_COST),
        };
        let budget = budget.max(chunk);
        let mut packets = 0;
        let mut spent = 0;
        // Something else may wait for what a turn with packets decides: a queue on another device too.
        let mut linger = Linger::new(turn, self.devices.len() == 1);
        let mut meter = Meter::start(self.now());
        let ended = loop {
            if queue.is_stopped() {
                break Ended::Stopped;
            }
            let ran = processor.run(&mut view, &clock, chunk.min(budget - spent));
            if view.rang != 0 {
                self.rings(device, process, std::mem::take(&mut view.rang), post);
            }
            packets += ran.packets;
            let looked = matches!(ran.step, Step::Empty);
            spent += ran.packets.max(u32::from(!looked)) * cost;
            if looked {
                meter.rests(|| self.now());
            }
            match ran.step {
                Step::Progress { raise } => {
                    meter.works(|| self.now());
                    if let Some(event) = raise {
                        self.raise(process, event, post);
                    }
                    if spent >= budget {
                        break Ended::Busy;
                    }
                }
                Step::Empty if spent >= budget => break Ended::Busy,
                Step::Empty if view.asks() => break Ended::Empty { rests: true },
                Step::Empty => match linger.look(&self.clock, &device.dqm, packets, post) {
                    Lingering::On => {}
                    Lingering::Left => break Ended::Empty { rests: false },
                    Lingering::Over => break Ended::Empty { rests: true },
                },
                Step::Parked { forever: false } => break Ended::Parked,
                Step::Parked { forever: true } => {
                    tracing::debug!(queue = queue.key.queue.0, process = %queue.key.process, "a barrier that nothing can meet: the queue stops");
                    break Ended::Stopped;
                }
                Step::Pending(_) => {
                    if let Some(request) = view.request.take() {
                        post.add(Notice::Memory(request));
                    }
                    break Ended::Waiting;
                }
                Step::Stopped { error, raise } => {
                    if !std::mem::replace(reported, true) {
                        self.packet_exception(process, queue, error, post);
                    }
                    if let Some(event) = raise {
                        self.raise(process, event, post);
                    }
                    break Ended::Stopped;
                }
                Step::Faulted(fault) => {
                    if !std::mem::replace(reported, true) {
                        self.memory_exception(device, process, queue.key, fault, post);
                    }
                    break Ended::Stopped;
                }
            }
        };
        let (end, span) = meter.end(|| self.now());
        device.busy.ran(end, span);
        if !queue.is_compute() {
            device.copying.ran(end, span);
        }
        queue.ran.fetch_add(span, Ordering::Relaxed);
        (ended, packets)
    }

    /// A queue stored to doorbells of its process: one bit of `pages` for each page. What a client's store on an absent
    /// page does.
    #[cold]
    fn rings(&self, device: &Device, process: &Process, pages: u64, post: &mut Post) {
        // As in `trap`.
        let inner = process.inner.lock();
        if process.stage() != Stage::Live || inner.revoked {
            return;
        }
        for page in (0..SLICE_BYTES / PAGE).filter(|page| pages >> page & 1 != 0) {
            if device.dqm.trap(process.id(), process.uid(), page as usize, self.now()) {
                post.runnable();
            }
        }
    }

    /// A queue's interrupt.
    fn raise(&self, process: &Process, event: EventId, post: &mut Post) {
        let mut table = process.events.lock();
        let woken = table.raise(crate::ids::EventId(event.0));
        process.settle(&mut table, woken, &self.deadlines, post);
    }

    /// A store hit an absent page of a process's kfd node. Leads nowhere unless that is a doorbell page of a live
    /// process. The client is still held in its store: what it submitted before is looked at now, and
    /// [`Core::trapped`] is called when it goes on.
    #[must_use = "what was decided goes out by `Core::trapped`"]
    pub fn trap(&self, process: ProcessId, offset: u64) -> Trapped {
        let mut post = Post::default();
        if let Some((device, page)) = self.doorbell_page(offset)
            && let Some(process) = self.process(process)
        {
            let now = self.now();
            let ready = {
                // Under the process mutex, so that no trap comes to the dqm after the release hook has emptied it.
                let inner = process.inner.lock();
                let live = process.stage() == Stage::Live && !inner.revoked;
                live && device.dqm.trap(process.id(), process.uid(), page, now)
            };
            if ready {
                self.first_look(device, &process, now, &mut post);
                post.runnable();
            }
        }
        Trapped(post)
    }

    /// What was decided about a trap goes out, once the client goes on.
    pub fn trapped(&self, trapped: Trapped) {
        self.post(trapped.0);
    }

    /// The first packets after a doorbell, on the thread that took the trap: an engine would have to be woken first. The
    /// share is that of the lowest priority; the engines go on with what is left.
    fn first_look(&self, device: &Device, process: &Process, now: Nanos, post: &mut Post) {
        let _section = self.domain().read();
        if let Some(mut turn) = device.dqm.next_of(process.id(), now) {
            turn.budget = AQL_CHUNK;
            self.turn(device, process, &turn, now, post);
        }
    }

    /// Doorbell pages were dropped from the client's mapping: their queues get one more look, which finds what was
    /// submitted while the page was still there.
    pub fn rearmed(&self, process: ProcessId, offset: u64, len: u64) {
        let mut post = Post::default();
        let end = if len == 0 { u64::MAX } else { offset.saturating_add(len) };
        for device in self.devices.iter() {
            for page in 0..SLICE_BYTES / PAGE {
                let start = device.doorbells() + page * PAGE;
                if start < end && offset < start + PAGE && device.dqm.rearmed(process, page as usize) {
                    post.runnable();
                }
            }
        }
        self.post(post);
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
                let mut engine = found.engine.lock();
                if answer == UserAnswer::Failed && engine.open.retry(ticket) {
                    drop(engine);
                    // The range may lie between two mappings. The queue was waiting, so it is held now, by this eviction
                    // or an earlier one, and asks again when it is let go.
                    self.evict_for(&process, Reason::Userptr, &mut post);
                    self.post(post);
                    return;
                }
                let taken = engine.open.answer(ticket, answer);
                drop(engine);
                if taken && self.devices[found.device].dqm.answered(queue) {
                    post.runnable();
                }
            }
        }
        self.post(post);
    }

    fn doorbell_page(&self, offset: u64) -> Option<(&Device, usize)> {
        let (index, within) = place(offset)?;
        let device = self.devices.get(index)?;
        (within < SLICE_BYTES).then_some((device, (within / PAGE) as usize))
    }
}

/// Asks for a doorbell page to be dropped.
pub(crate) fn rearm(device: &Device, process: ProcessId, page: usize) -> Notice {
    Notice::Rearm { process, offset: device.doorbells() + page as u64 * PAGE, len: PAGE }
}
