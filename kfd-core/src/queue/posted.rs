//! The engine of waves as a queue sees it during one turn: somewhere else, told when the turn is over, known by its answers.

use super::dispatches::{Dispatches, InHand, Look};
use crate::clock::ticks;
use crate::dispatch::{DispatchOrder, WaveAnswer};
use crate::ids::QueueKey;
use hsa_queue::memory::{Access, Fault, Ticket};
use hsa_queue::wave::AqlDispatch;
use hsa_queue::{QueueError, Ran, WaveEngine};

/// See the module's head.
pub(crate) struct Posted<'a> {
    pub(crate) queue: QueueKey,
    /// The index of its device.
    pub(crate) device: usize,
    /// The frequency of its counter.
    pub(crate) khz: u32,
    pub(crate) book: &'a Dispatches,
    pub(crate) in_hand: &'a InHand,
    /// The queue has global wave sync.
    pub(crate) cooperative: bool,
    /// What the engine is to be told.
    pub(crate) tell: Option<Tell>,
}

/// What an engine is told of the dispatch in hand.
pub(crate) enum Tell {
    Begins(DispatchOrder),
    /// It is not paused any more.
    Resumes(u64),
}

impl Posted<'_> {
    fn begin(&mut self, dispatch: &AqlDispatch<'_>) -> Access<Result<Ran, QueueError>> {
        // Without a ticket the process ends, and its queues with it: nobody asks again.
        let ticket = self.book.begin(self.queue.queue, self.device);
        if let Some(ticket) = ticket {
            let AqlDispatch { packet, slot, id, queue: amd_queue } = *dispatch;
            self.in_hand.set(ticket);
            self.tell = Some(Tell::Begins(DispatchOrder {
                queue: self.queue,
                ticket,
                device: self.device,
                packet: *packet,
                slot,
                id,
                amd_queue,
                cooperative: self.cooperative,
            }));
        }
        Access::Pending(Ticket(ticket.unwrap_or(0)))
    }
}

impl WaveEngine for Posted<'_> {
    fn dispatch(&mut self, dispatch: &AqlDispatch<'_>) -> Access<Result<Ran, QueueError>> {
        let Some(ticket) = self.in_hand.get() else { return self.begin(dispatch) };
        match self.book.look(ticket) {
            Look::Running { resumed } => {
                if resumed {
                    self.tell = Some(Tell::Resumes(ticket));
                }
                Access::Pending(Ticket(ticket))
            }
            // Its queue is being stopped.
            Look::Void => Access::Pending(Ticket(ticket)),
            Look::Over(answer) => {
                self.in_hand.take();
                match answer {
                    WaveAnswer::Done { began, ended } => {
                        let [began, ended] = [began, ended].map(|at| ticks(at, self.khz));
                        Access::Ready(Ok(Ran { began, ended }))
                    }
                    WaveAnswer::Error(error) => Access::Ready(Err(error)),
                    WaveAnswer::Fault { va, write } => Access::Fault(Fault { va, len: 1, write }),
                }
            }
        }
    }
}
