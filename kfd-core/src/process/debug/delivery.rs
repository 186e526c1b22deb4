//! Exceptions of a queue on their way to its process's runtime (`send_exception_work_handler`, amdkfd/kfd_process.c).
//!
//! ```text
//! Head ──► Word ──► Store ──► the event is set
//! ```
//! The head of the queue's save area says where the runtime wants the exceptions, one bit each, and which event is to be
//! set then. Both are addresses of the process: what lies in an arena is reached at once, the rest by a worker, and the
//! delivery waits for its answer under a ticket of its own, whatever becomes of its queue meanwhile. What else the queue
//! raises is told after it. Addresses that lead nowhere end it, as amdkfd's do.
//!
//! Not for: who is told ([`super::Receiver`]); reaching memory, which `core::exception` does.

use crate::abi::kfd as abi;
use crate::access::UserAccess;
use crate::ids::{EventId, GpuVa, QueueId, UserVa};
use std::collections::BTreeMap;
use zerocopy::FromBytes;

/// The bit that marks a ticket as a delivery's. Queues count theirs from 1 and never reach it.
const TICKETS: u64 = 1 << 63;

/// The access to client memory that a delivery makes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Reads the head of the save area.
    Head,
    /// Reads the word that collects the exceptions.
    Word { at: UserVa, event: EventId },
    /// Writes the word with the new exceptions added.
    Store { at: UserVa, event: EventId, word: u64 },
}

/// One delivery of a queue's exceptions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// The index of the queue's device.
    pub(crate) device: usize,
    /// The ticket of the request to a worker that is not answered yet.
    pub(crate) ticket: u64,
    area: GpuVa,
    mask: u64,
    step: Step,
}

impl Delivery {
    /// The access that the delivery makes next.
    pub(crate) fn access(&self) -> UserAccess {
        match self.step {
            Step::Head => UserAccess::Read {
                va: UserVa(self.area.0),
                len: size_of::<abi::ContextSaveAreaHeader>() as u32,
            },
            Step::Word { at, .. } => UserAccess::Read { va: at, len: size_of::<u64>() as u32 },
            Step::Store { at, word, .. } => UserAccess::Write { va: at, bytes: word.to_le_bytes().to_vec() },
        }
    }

    /// Takes the answer to that access. Returns the event to be set once the word is written; `Err` when the answer is
    /// too short.
    pub(crate) fn took(&mut self, bytes: &[u8]) -> Result<Option<EventId>, ()> {
        self.step = match self.step {
            Step::Head => {
                let head = abi::ContextSaveAreaHeader::read_from_bytes(bytes).map_err(drop)?;
                Step::Word { at: UserVa(head.err_payload_addr), event: EventId(head.err_event_id) }
            }
            Step::Word { at, event } => {
                let word = u64::from_le_bytes(bytes.try_into().map_err(drop)?) | self.mask;
                Step::Store { at, event, word }
            }
            Step::Store { event, .. } => return Ok(Some(event)),
        };
        Ok(None)
    }
}

/// The deliveries under way in a process, at most one a queue.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    /// Each delivery, with the exceptions that its queue has raised since it began.
    open: BTreeMap<QueueId, (Delivery, u64)>,
    serial: u64,
}

impl Deliveries {
    /// Whether a ticket is a delivery's.
    pub(crate) fn is_ticket(ticket: u64) -> bool {
        ticket & TICKETS != 0
    }

    fn ticket(&mut self) -> u64 {
        self.serial += 1;
        TICKETS | self.serial
    }

    /// Begins a delivery of `mask`. `None` when one of the queue is under way: the next one, after it, delivers these.
    pub(crate) fn begin(
        &mut self,
        queue: QueueId,
        device: usize,
        area: GpuVa,
        mask: u64,
    ) -> Option<Delivery> {
        if let Some((_, more)) = self.open.get_mut(&queue) {
            *more |= mask;
            return None;
        }
        let delivery = Delivery { device, ticket: self.ticket(), area, mask, step: Step::Head };
        self.open.insert(queue, (delivery, 0));
        Some(delivery)
    }

    /// The delivery that waits for the answer with this ticket.
    pub(crate) fn waiting(&self, queue: QueueId, ticket: u64) -> Option<Delivery> {
        let (delivery, _) = self.open.get(&queue)?;
        (delivery.ticket == ticket).then_some(*delivery)
    }

    /// Gives a delivery that has to ask a worker a new ticket. False when its queue or its process is gone.
    pub(crate) fn put_off(&mut self, queue: QueueId, delivery: &mut Delivery) -> bool {
        let was = delivery.ticket;
        let ticket = self.ticket();
        let Some((open, _)) = self.open.get_mut(&queue).filter(|(open, _)| open.ticket == was) else {
            return false;
        };
        delivery.ticket = ticket;
        *open = *delivery;
        true
    }

    /// Ends a delivery. Returns the next one, for the exceptions that the queue has raised meanwhile.
    pub(crate) fn end(&mut self, queue: QueueId, delivery: &Delivery) -> Option<Delivery> {
        let (open, more) = self.open.get(&queue)?;
        if open.ticket != delivery.ticket {
            return None;
        }
        let more = *more;
        self.open.remove(&queue);
        if more == 0 { None } else { self.begin(queue, delivery.device, delivery.area, more) }
    }

    /// Ends the delivery of a queue that is gone.
    pub(crate) fn cancel(&mut self, queue: QueueId) {
        self.open.remove(&queue);
    }

    /// Ends every delivery, because the process is going.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}
