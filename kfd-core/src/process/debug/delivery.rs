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
//! Not for: who is told ([`super::Receiver`]); reaching memory, which `exception` does.

use crate::abi::kfd as abi;
use crate::access::UserAccess;
use crate::ids::{EventId, GpuVa, QueueId, UserVa};
use std::collections::BTreeMap;
use zerocopy::FromBytes;

/// What marks a ticket as a delivery's. Queues count theirs from 1 and do not come so far.
const TICKETS: u64 = 1 << 63;

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Read the head of the save area.
    Head,
    /// Read the word that takes the exceptions.
    Word { at: UserVa, event: EventId },
    /// Write it.
    Store { at: UserVa, event: EventId, word: u64 },
}

/// See the module's head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery {
    /// Index of the queue's device.
    pub(crate) device: usize,
    /// Which question is open.
    pub(crate) ticket: u64,
    area: GpuVa,
    mask: u64,
    step: Step,
}

impl Delivery {
    /// The access that it needs next.
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

    /// That access was answered. The event to be set, once there is nothing more to do; `Err` when the answer is no
    /// answer.
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

/// The deliveries of a process that are under way, one a queue.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    /// With what else the queue has raised since.
    open: BTreeMap<QueueId, (Delivery, u64)>,
    serial: u64,
}

impl Deliveries {
    /// Whether a ticket is one of a delivery.
    pub(crate) fn is_ticket(ticket: u64) -> bool {
        ticket & TICKETS != 0
    }

    fn ticket(&mut self) -> u64 {
        self.serial += 1;
        TICKETS | self.serial
    }

    /// Begins to tell of `mask`. `None` when the queue's last delivery is under way still: it goes on with these.
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

    /// The delivery that waits under this ticket.
    pub(crate) fn waiting(&self, queue: QueueId, ticket: u64) -> Option<Delivery> {
        let (delivery, _) = self.open.get(&queue)?;
        (delivery.ticket == ticket).then_some(*delivery)
    }

    /// It goes on later, under another ticket. False when nobody wants it any more.
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

    /// It is over. The next one, for what the queue has raised meanwhile.
    pub(crate) fn end(&mut self, queue: QueueId, delivery: &Delivery) -> Option<Delivery> {
        let (open, more) = self.open.get(&queue)?;
        if open.ticket != delivery.ticket {
            return None;
        }
        let more = *more;
        self.open.remove(&queue);
        if more == 0 { None } else { self.begin(queue, delivery.device, delivery.area, more) }
    }

    /// The queue is gone.
    pub(crate) fn forget(&mut self, queue: QueueId) {
        self.open.remove(&queue);
    }

    /// The process is going.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}
