//! The end of a packet: what it waits for, its slot given back, its completion told; or the error at which the queue stops.
//!
//! Order: the slot is INVALID before the read index passes it, and the read index is in memory before the completion signal
//! is touched.

use super::ask;
use super::{Finish, Flow, Processor, Stage};
use crate::aql::barrier::{Verdict, Wait};
use crate::aql::packet::INVALID_HEADER;
use crate::aql::report::Report;
use crate::clock::Clock;
use crate::error::QueueError;
use crate::memory::{Access, Fault, GpuVa, MemoryView};
use crate::ring::PACKET_BYTES;
use crate::signal::{EventId, SignalUpdate};
use crate::step::Step;

impl Processor {
    #[inline(never)]
    pub(super) fn wait<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        slot: GpuVa,
        mut wait: Wait,
        finish: Finish,
    ) -> Flow {
        let forever = match ask!(self, Stage::Wait { slot, wait, finish }, wait.look(view)) {
            Verdict::Met => {
                let answer = view.store_u16(slot, INVALID_HEADER);
                return self.free(view, clock, slot, finish, answer);
            }
            Verdict::Unmet => false,
            Verdict::Never => true,
        };
        self.stage = Stage::Wait { slot, wait, finish };
        self.rest(Step::Parked { forever })
    }

    pub(super) fn free<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        slot: GpuVa,
        finish: Finish,
        answer: Access<()>,
    ) -> Flow {
        ask!(self, Stage::Free { slot, finish }, answer);
        self.read = self.read.wrapping_add(1);
        if finish.signal.is_null() {
            return Flow::Retired;
        }
        self.publish_and_complete(view, clock, finish)
    }

    #[inline(never)]
    pub(super) fn publish_and_complete<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        finish: Finish,
    ) -> Flow {
        ask!(self, Stage::Publish { finish }, view.store_u64(self.read_index, self.read));
        self.published = self.read;
        self.complete(view, finish.completion(clock))
    }

    pub(super) fn complete<V: MemoryView>(&mut self, view: &mut V, mut update: SignalUpdate) -> Flow {
        let raise = ask!(self, Stage::Complete(update), update.step(view));
        // A client may aim its signals at its own ring: what was read ahead is then not what is there.
        if let Some(window) = &mut self.window
            && update.writes_into(self.ring.base(), self.ring.packets() * PACKET_BYTES)
        {
            window.clear();
        }
        match raise {
            None => Flow::Retired,
            // The read index was published before the signal was touched: nothing is left to do in this turn
            // that could be pending and make us forget the event.
            raise => self.hold(Step::Progress { raise }),
        }
    }

    /// Stops at the packet in hand, which keeps its slot.
    #[cold]
    pub(super) fn refuse<V: MemoryView>(&mut self, view: &mut V, error: QueueError) -> Flow {
        self.report(view, Report::new(error, self.read_index, self.read))
    }

    pub(super) fn report<V: MemoryView>(&mut self, view: &mut V, mut report: Report) -> Flow {
        let raise = ask!(self, Stage::Report(report), report.step(view));
        self.published = self.read;
        self.stopped(report.error(), raise)
    }

    pub(super) fn stopped(&mut self, error: QueueError, raise: Option<EventId>) -> Flow {
        self.stage = Stage::Stopped(error);
        self.hold(Step::Stopped { error, raise })
    }

    #[cold]
    pub(super) fn fault(&mut self, fault: Fault) -> Flow {
        self.stage = Stage::Faulted(fault);
        self.hold(Step::Faulted(fault))
    }
}
