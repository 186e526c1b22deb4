//! Vendor packets that hold a PM4 indirect buffer: the PM4 machine runs it, and the packet completes when it is done.
//!
//! Registers that one buffer sets are still set in the next: they are the queue's.

use super::{Finish, Flow, Processor, Stage};
use crate::aql::packet::{INVALID_HEADER, Pm4IbPacket};
use crate::clock::Clock;
use crate::error::QueueError;
use crate::layout::amd_signal;
use crate::memory::{GpuVa, MemoryView};
use crate::pm4;
use crate::step::Step;
use crate::stream::{Format, Work};

/// PM4 packets in one turn of an AQL queue.
const BUDGET: u32 = 64;

impl Processor {
    /// The word that an indirect buffer waits for.
    fn indirect_waits_on(&self) -> Option<GpuVa> {
        match self.stage {
            Stage::Indirect { .. } => self.indirect.as_ref().and_then(|machine| machine.waiting_on()),
            _ => None,
        }
    }

    /// The words in memory that the packet in hand waits for; nothing unless parked.
    pub fn waiting_on_words(&self) -> impl Iterator<Item = GpuVa> + '_ {
        self.waiting_on().map(|signal| signal.offset(amd_signal::VALUE)).chain(self.indirect_waits_on())
    }

    /// Begins with the buffer that a packet names.
    pub(super) fn enter<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        slot: GpuVa,
        packet: &Pm4IbPacket,
    ) -> Flow {
        let machine = self
            .indirect
            .get_or_insert_with(|| Box::new(pm4::Processor::indirect(GpuVa::NULL, 0, self.waves)));
        let jump = &packet.ib_jump_cmd;
        let whole = machine.format().fixed(jump[0]) == Ok(jump.len() as u64);
        let decoded = if whole { machine.format().decode(jump) } else { Err(QueueError::VendorPacket) };
        match decoded.map(|decoded| decoded.work) {
            Ok(Work::Indirect { base, dwords, .. }) => machine.restart(base, dwords),
            Ok(_) => return self.refuse(view, QueueError::VendorPacket),
            Err(error) => return self.refuse(view, error),
        }
        let [low, high] = packet.completion_signal.map(u64::from);
        let finish = Finish::of(low | high << 32, clock);
        self.indirect(view, clock, slot, finish)
    }

    /// Goes on in the buffer.
    pub(super) fn indirect<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        slot: GpuVa,
        finish: Finish,
    ) -> Flow {
        let step = match &mut self.indirect {
            Some(machine) => machine.run(view, clock, BUDGET).step,
            None => Step::Empty,
        };
        self.stage = Stage::Indirect { slot, finish };
        match step {
            Step::Empty => {
                self.stage = Stage::Next;
                // The buffer may have written anywhere.
                if let Some(window) = &mut self.window {
                    window.clear();
                }
                let answer = view.store_u16(slot, INVALID_HEADER);
                self.free(view, clock, slot, finish, answer)
            }
            Step::Parked { .. } => self.rest(step),
            // The machine waits for no dispatch (`Waves::pm4`).
            Step::Progress { .. } | Step::Pending(_) | Step::Dispatched(_) => self.hold(step),
            Step::Stopped { error, .. } => self.refuse(view, error),
            Step::Faulted(fault) => self.fault(fault),
        }
    }
}
