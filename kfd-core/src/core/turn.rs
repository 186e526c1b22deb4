//! A queue's turn on an engine: its packets run until its budget is spent or the queue rests.
//!
//! A turn is a loop of steps. The packet processor takes one, of at most a chunk of packets, and what that came to says
//! whether the turn goes on or how it [`Ended`]; the queue's stop flag is looked at before each. A queue that has nothing to
//! do and nobody beside it is polled for a while inside the turn ([`Poll`]); how busy the device was is metered without
//! that.
//!
//! This is the loop that every packet goes through: no allocation, no lock and no look at the clock in it that a step
//! does not need. Not for: whose turn it is (`queue::dqm`), nor what follows from its end (`engine`).

use crate::clock::DeviceClock;
use crate::core::Core;
use crate::core::waves;
use crate::device::Device;
use crate::device::busy::Meter;
use crate::notice::{Notice, Post};
use crate::process::Process;
use crate::queue::dqm::{Ended, Turn};
use crate::queue::poll::{Poll, Polled};
use crate::queue::posted::Posted;
use crate::queue::view::View;
use crate::queue::{Mqd, Queue};
use crate::sync::Ordering;
use hsa_queue::aql::MAX_FAR_LAG;
use hsa_queue::{EventId, Fault, QueueError, QueueProcessor, Step};

/// AQL packets between two looks at the stop flag: a microsecond's worth.
pub(super) const AQL_CHUNK: u32 = 64;
/// The same for a ring in client memory, which has to be asked for: as many as lie between two reports of its read
/// index.
const FAR_CHUNK: u32 = MAX_FAR_LAG as u32;
/// What a step of a PM4 or SDMA queue costs, in AQL packets: it may copy 64 KiB, and the flag is looked at after each.
const STREAM_COST: u32 = 64;

/// What a turn came to.
pub(super) struct Took {
    pub(super) ended: Ended,
    /// Packets retired.
    pub(super) packets: u32,
    /// The access at which the queue stopped, of which its process has not been told.
    pub(super) violation: Option<Fault>,
}

impl Took {
    /// A turn in which nothing ran.
    pub(super) const fn nothing(ended: Ended) -> Self {
        Self { ended, packets: 0, violation: None }
    }
}

/// How much a turn may run and has run. Time is counted in AQL packets.
struct Budget {
    /// What the turn may cost.
    limit: u32,
    spent: u32,
    /// Packets of one step.
    chunk: u32,
    /// What a packet costs, and a step that retires none.
    cost: u32,
    /// Packets retired.
    packets: u32,
}

impl Budget {
    /// `limit`, and in any case one step. `far` when the ring is in client memory.
    fn new(limit: u32, processor: &QueueProcessor, far: bool) -> Self {
        let (chunk, cost) = match processor {
            // A turn over such a ring is spent on waiting for answers; a turn's end inside a chunk would be one more.
            QueueProcessor::Aql(_) if far => (FAR_CHUNK, 1),
            QueueProcessor::Aql(_) => (AQL_CHUNK, 1),
            QueueProcessor::Pm4(_) | QueueProcessor::Sdma(_) => (1, STREAM_COST),
        };
        Self { limit: limit.max(chunk), spent: 0, chunk, cost, packets: 0 }
    }

    /// How many packets the next step may retire.
    #[inline]
    fn step(&self) -> u32 {
        self.chunk.min(self.limit - self.spent)
    }

    /// A step has retired so many; a look at a dry ring is free.
    #[inline]
    fn spend(&mut self, packets: u32, dry: bool) {
        self.packets += packets;
        self.spent += packets.max(u32::from(!dry)) * self.cost;
    }

    #[inline]
    fn is_spent(&self) -> bool {
        self.spent >= self.limit
    }
}

impl Core {
    /// Runs a queue's packets.
    pub(super) fn packets(
        &self,
        device: &Device,
        process: &Process,
        turn: &Turn,
        mqd: &mut Mqd,
        post: &mut Post,
    ) -> Took {
        let queue = &*turn.queue;
        let Mqd { processor, open, reported } = mqd;
        let Some(processor) = processor else { return Took::nothing(Ended::Stopped) };
        let clock = DeviceClock { clock: &*self.clock, khz: device.profile.compute.counter_khz };
        let mut view = View::new(&process.pdds[device.index].map, queue.key, open)
            .with_waves(engine(device, process, queue));
        let mut budget = Budget::new(turn.budget, processor, view.asks());
        // With more devices a queue on another may wait for what a turn with packets decides.
        let mut poll = Poll::new(turn, self.devices.len() == 1);
        let mut meter = Meter::start(self.now());
        let mut violation = None;
        let ended = loop {
            if !queue.may_run() {
                // Off for a while, the turn is over already.
                break if queue.is_stopped() { Ended::Stopped } else { Ended::Busy };
            }
            let ran = processor.run(&mut view, &clock, budget.step());
            if view.rang != 0 {
                self.rings(device, process, std::mem::take(&mut view.rang), post);
            }
            budget.spend(ran.packets, matches!(ran.step, Step::Empty));
            match ran.step {
                Step::Progress { raise } => {
                    meter.works(|| self.now());
                    if let Some(event) = raise {
                        self.raise(process, event, post);
                    }
                    if budget.is_spent() {
                        break Ended::Busy;
                    }
                }
                Step::Empty => {
                    meter.rests(|| self.now());
                    if let Some(ended) = self.dry(device, &budget, view.asks(), &mut poll, post) {
                        break ended;
                    }
                }
                Step::Parked { forever } => break parked(queue, forever),
                Step::Pending(_) => break asked(&mut view, post),
                Step::Dispatched(_) => break Ended::Dispatched,
                Step::Stopped { error, raise } => {
                    let first = !std::mem::replace(reported, true);
                    break self.stopped(process, queue, error, raise, first, post);
                }
                Step::Faulted(fault) => {
                    // The client is told once, when the queue's state is let go.
                    violation = (!std::mem::replace(reported, true)).then_some(fault);
                    break Ended::Stopped;
                }
            }
        };
        match view.tell() {
            _ if ended == Ended::Stopped => self.cancel_dispatch(process, queue, post),
            Some(tell) => post.add(waves::notice(queue.key, tell)),
            None => {}
        }
        let (end, span) = meter.end(|| self.now());
        device.busy.ran(end, span);
        if !queue.is_compute() {
            device.copying.ran(end, span);
        }
        queue.ran.fetch_add(span, Ordering::Relaxed);
        Took { ended, packets: budget.packets, violation }
    }

    /// The ring is dry. How the turn ends, unless the ring is looked at again.
    #[inline]
    fn dry(
        &self,
        device: &Device,
        budget: &Budget,
        far: bool,
        poll: &mut Poll,
        post: &Post,
    ) -> Option<Ended> {
        if budget.is_spent() {
            return Some(Ended::Busy);
        }
        if far {
            return Some(Ended::Empty { rests: true });
        }
        match poll.look(&self.clock, &device.dqm, budget.packets, post) {
            Polled::Again => None,
            Polled::Interrupted => Some(Ended::Empty { rests: false }),
            Polled::Expired => Some(Ended::Empty { rests: true }),
        }
    }

    /// The processor stopped at a packet that it cannot run. Its client is told the `first` time.
    fn stopped(
        &self,
        process: &Process,
        queue: &Queue,
        error: QueueError,
        raise: Option<EventId>,
        first: bool,
        post: &mut Post,
    ) -> Ended {
        if first {
            self.packet_exception(process, queue, error, post);
        }
        if let Some(event) = raise {
            self.raise(process, event, post);
        }
        Ended::Stopped
    }

    /// Raises the event that a packet's signal names: a queue's interrupt.
    fn raise(&self, process: &Process, event: EventId, post: &mut Post) {
        let mut table = process.events.lock();
        let woken = table.raise(crate::ids::EventId(event.0));
        process.settle(&mut table, woken, &self.deadlines, post);
    }
}

/// The packet in hand has a dependency that is not met, or that nothing can meet.
fn parked(queue: &Queue, forever: bool) -> Ended {
    if !forever {
        return Ended::Parked;
    }
    tracing::debug!(queue = queue.key.queue.0, process = %queue.key.process, "a barrier that nothing can meet: the queue stops");
    Ended::Stopped
}

/// The engine of waves for one turn of a queue.
fn engine<'a>(device: &Device, process: &'a Process, queue: &'a Queue) -> Posted<'a> {
    Posted {
        queue: queue.key,
        device: device.index,
        khz: device.profile.compute.counter_khz,
        book: &process.dispatches,
        in_hand: &queue.in_hand,
        cooperative: queue.has_gws(),
        tell: None,
    }
}

/// An access to client memory is open. A worker is asked for it, unless one was when an earlier turn opened it.
fn asked(view: &mut View<'_>, post: &mut Post) -> Ended {
    if let Some(request) = view.request.take() {
        post.add(Notice::Memory(request));
    }
    Ended::Waiting
}
