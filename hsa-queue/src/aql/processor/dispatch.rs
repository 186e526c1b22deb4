//! Dispatches: asked of the engine of waves, and asked again until it answers that they are over.
//!
//! A dispatch keeps its slot meanwhile, and the read index names it. So packets of one queue run one after the other, as
//! HSA allows; what ran before is told by the read index in memory before the dispatch is waited for.

use super::{Finish, Flow, Processor, Stage};
use crate::aql::packet::{INVALID_HEADER, KernelDispatchPacket};
use crate::clock::Clock;
use crate::layout::amd_queue;
use crate::memory::{Access, GpuVa, MemoryView};
use crate::step::Step;
use crate::wave::{AqlDispatch, Waves};

impl Processor {
    #[inline(never)]
    pub(super) fn dispatch<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        slot: GpuVa,
        packet: KernelDispatchPacket,
        finish: Finish,
    ) -> Flow {
        let queue = self.read_index.offset(amd_queue::READ_DISPATCH_ID.wrapping_neg());
        let dispatch = AqlDispatch { packet: &packet, slot, id: self.read, queue };
        match self.waves.aql(&dispatch, view.waves()) {
            Access::Ready(Ok(ran)) => {
                // The waves may have written anywhere.
                if let Some(window) = self.window.as_mut().filter(|_| self.waves == Waves::Run) {
                    window.clear();
                }
                let answer = view.store_u16(slot, INVALID_HEADER);
                self.free(view, clock, slot, finish.ran(ran), answer)
            }
            Access::Ready(Err(error)) => self.refuse(view, error),
            Access::Pending(ticket) => {
                self.stage = Stage::Dispatch { slot, packet, finish };
                self.rest(Step::Dispatched(ticket))
            }
            Access::Fault(fault) => self.fault(fault),
        }
    }
}
