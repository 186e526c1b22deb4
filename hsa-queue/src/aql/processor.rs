//! The AQL packet processor: one packet after the other, resumable at every access.
//!
//! ```text
//!            ┌──────────────────────────────────────────────────────────────────────────┐
//!            ▼                                                                          │
//!  Header ─► Index ─► Body ─► Wait ─► Free ──(no completion signal)─────────────────────┤
//!    │         │       │ │     │     ▲ └─► Publish ─► Complete ─────────────────────────┘
//!  Empty     Empty     │ │   Parked  │                 (event to raise)
//!                      │ ├─► Indirect┤ (PM4, by `indirect`)
//!                      │ └─► Dispatch┘ (Dispatched until its waves have ended, by `dispatch`)
//!                      └─► Report ─► Stopped
//!  any access without memory ─► Faulted
//! ```
//!
//! Each stage has one access that may be pending, and is a variant of `Stage` with what it needs to ask again.
//! On memory that answers at once each stage calls the next and none is ever stored; runs of packets that only pass
//! are retired in place where the view hands out words. A ring that has to be asked for is read and given back many
//! packets at a time (`window`).
//!
//! **What is trusted.** Nothing the client can write. The read index is the processor's own; what is in memory is
//! a report of it (as `CP_HQD_PQ_RPTR` and its report address are), so a client that scribbles on it deceives
//! only its own producers. A packet is read once, into a local copy, and judged there: header first, in an
//! acquiring load, then the rest, so that a packet still being written is either not seen or seen whole.
//!
//! **When a packet is acted on.** When its id is below the write index *and* its header is not INVALID. Producers
//! claim ids by advancing the write index before they write packets, so either alone is not enough: an INVALID
//! header stops the processor however far the write index ran ahead, and a valid header beyond the write index
//! waits. The doorbell's value plays no part. The header is looked at first: it lies in the line that the packet
//! is read from anyway, so a processor that has caught up with its producers does not pull at the line in which
//! they all count. When the index has to be read, the header is looked at again after it: a slot that nobody has written
//! yet may hold zeros, the header of a vendor packet, and its packet may come between the two.
//! The write index may be more than a ring ahead (a producer claims first and then waits for room): the slots
//! are taken in order, each by its header, and an id always maps into the ring. A write index *behind* the read
//! index (by less than 2^63, in wrapping arithmetic) means that nothing was submitted. The processor keeps the
//! last write index it saw until it has reached it: a client that lowers its write index takes nothing back.
//!
//! **When a slot is given back.** The header is set to INVALID, then the read index passes it, each a releasing
//! store: a producer that acquires the read index owns the slot, and this processor never writes to it again
//! before it sees a new packet there. The read index in memory may lag, up to [`MAX_LAG`] packets and half a ring,
//! since until it passes them the slots are the processor's; it is brought up to date at the end of a turn and
//! before a completion signal is touched, so whoever has been told that a packet completed finds its slot free.
//! A parked barrier holds its slot, and so does a dispatch that is not over: it is still what the read index names. A packet in error keeps its slot and its header, and the read
//! index names it: ROCR's error handler looks it up there.
//!
//! **Barrier bit and fences.** This processor completes each packet before it looks at the next, so what the
//! barrier bit asks for always holds. Memory is coherent between client and processor: the acquire fence of any
//! scope is the acquiring load of the header and of the dependencies, the release fence of any scope is the
//! releasing update of the completion signal; there is no cache to write back.

mod dispatch;
mod finish;
mod head;
mod indirect;
mod window;

use crate::aql::barrier::Wait;
use crate::aql::packet::{
    AMD_FORMAT_BARRIER_VALUE, AMD_FORMAT_PM4_IB, BarrierPacket, BarrierValuePacket, Header, INVALID_HEADER,
    KernelDispatchPacket, PacketType, Pm4IbPacket,
};
use crate::aql::report::Report;
use crate::clock::Clock;
use crate::error::QueueError;
use crate::memory::{Access, Fault, GpuVa, MemoryView, Slots};
use crate::pm4;
use crate::queue_regs::QueueRegs;
use crate::ring::{Ring, RingError};
use crate::signal::SignalUpdate;
use crate::step::{Step, Turn};
use crate::wave::{Ran, Waves};
use window::Window;
use zerocopy::IntoBytes;

/// Most packets by which the read index in memory lags during a turn.
pub const MAX_LAG: u64 = 64;
/// The same for a ring that has to be asked for, where each report of the read index is a question of its own.
pub const MAX_FAR_LAG: u64 = 4 * FAR_WINDOW;
/// Packets that are read and given back at once there: 64 KiB.
pub const FAR_WINDOW: u64 = 1024;

/// What a packet leaves for its completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Finish {
    signal: GpuVa,
    start: u64,
    /// When it was over, if that was before its completion.
    end: u64,
}

impl Finish {
    const NONE: Self = Self { signal: GpuVa::NULL, start: 0, end: u64::MAX };

    /// Of a packet that starts now. Reading the clock costs more than the rest of the packet: only for who asked.
    fn of(signal: u64, clock: &impl Clock) -> Self {
        let start = if signal == 0 { 0 } else { clock.ticks() };
        Self { signal: GpuVa(signal), start, end: u64::MAX }
    }

    /// The same of a packet whose waves ran then. That is their engine's word: neither is before the packet's start.
    fn ran(self, ran: Ran) -> Self {
        let start = ran.began.max(self.start);
        Self { start, end: ran.ended.max(start), ..self }
    }

    /// What its signal is told now. Nothing of it is later than that.
    fn completion(self, clock: &impl Clock) -> SignalUpdate {
        let now = clock.ticks();
        SignalUpdate::lower(self.signal, self.start.min(now), self.end.min(now))
    }
}

/// The access that comes next, and what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Next,
    Header {
        slot: GpuVa,
    },
    Index {
        slot: GpuVa,
    },
    Body {
        slot: GpuVa,
        header: Header,
    },
    Wait {
        slot: GpuVa,
        wait: Wait,
        finish: Finish,
    },
    /// The engine of waves runs the packet, which is as it was read.
    Dispatch {
        slot: GpuVa,
        packet: KernelDispatchPacket,
        finish: Finish,
    },
    /// The machine in `indirect` runs the packet's buffer.
    Indirect {
        slot: GpuVa,
        finish: Finish,
    },
    Free {
        slot: GpuVa,
        finish: Finish,
    },
    /// The write index, of a ring that has to be asked for.
    Far,
    /// Slots given back, and packets read.
    Exchange {
        retired: Slots,
        wanted: Slots,
    },
    /// A look at the headers of `count` slots.
    Scan {
        slot: GpuVa,
        count: u64,
    },
    /// The packets in them.
    Fill {
        slot: GpuVa,
        count: u64,
    },
    /// `count` slots given back.
    Sweep {
        slot: GpuVa,
        count: u64,
    },
    Publish {
        finish: Finish,
    },
    Complete(SignalUpdate),
    Report(Report),
    Stopped(QueueError),
    Faulted(Fault),
}

/// What became of a packet. Without payload, so that it stays in a register: the step is in `Processor::outcome`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// Retired, and nobody is to be told; look at the next.
    Retired,
    /// The turn ends in order: bring the read index up to date.
    Rest,
    /// The turn ends here: an event is to be raised, an access is open, or the queue has stopped.
    Hold,
}

/// The packet processor of one AQL queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processor {
    ring: Ring,
    write_index: GpuVa,
    read_index: GpuVa,
    /// Id of the packet in hand.
    read: u64,
    /// The read index as it is in memory.
    published: u64,
    /// The write index as it was last seen.
    limit: u64,
    /// The open access is the publication of `read` at the end of a turn, and not that of `stage`.
    publishing: bool,
    stage: Stage,
    /// Why the turn ends, when the flow says that it does.
    outcome: Step,
    waves: Waves,
    /// Runs the indirect buffers of vendor packets; made when there is one.
    indirect: Option<Box<pm4::Processor>>,
    /// Packets read ahead; there once the ring had to be asked for.
    window: Option<Box<Window>>,
}

/// Unwraps a ready access; else remembers the stage to ask again and ends the turn.
macro_rules! ask {
    ($self:ident, $stage:expr, $access:expr) => {
        match $access {
            Access::Ready(value) => value,
            Access::Pending(ticket) => {
                $self.stage = $stage;
                return $self.hold(Step::Pending(ticket));
            }
            Access::Fault(fault) => return $self.fault(fault),
        }
    };
}
use ask;

/// Whether a write index lies ahead of a read index.
#[inline]
const fn ahead(write: u64, read: u64) -> bool {
    write.wrapping_sub(read).cast_signed() > 0
}

impl Processor {
    /// A processor for a new queue: nothing read yet, index 0. Touches no memory.
    ///
    /// # Errors
    /// [`RingError`] when the ring's geometry is not one.
    pub fn new(regs: QueueRegs) -> Result<Self, RingError> {
        Ok(Self {
            ring: Ring::new(regs.ring, regs.size_bytes)?,
            write_index: regs.write_index,
            read_index: regs.read_index,
            read: 0,
            published: 0,
            limit: 0,
            publishing: false,
            stage: Stage::Next,
            outcome: Step::Empty,
            waves: Waves::Refuse,
            indirect: None,
            window: None,
        })
    }

    /// The same with another engine for waves.
    #[must_use]
    pub fn with_waves(self, waves: Waves) -> Self {
        Self { waves, ..self }
    }

    /// The geometry of the ring that packets are taken from.
    #[must_use]
    pub const fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Another ring for the same queue (`AMDKFD_IOC_UPDATE_QUEUE`). Indices go on; a packet in hand is finished
    /// where it was found.
    pub fn set_ring(&mut self, ring: Ring) {
        self.ring = ring;
        if let Some(window) = &mut self.window {
            window.clear();
        }
    }

    /// Goes on at packet `read`: of a queue that ran elsewhere before. Only for a processor that has read nothing yet.
    pub fn seek(&mut self, read: u64) {
        (self.read, self.published, self.limit) = (read, read, read);
    }

    /// Id of the next packet, counted from 0 and never taken from memory.
    #[must_use]
    pub const fn read_id(&self) -> u64 {
        self.read
    }

    /// The write index as the processor last saw it.
    #[must_use]
    pub const fn write_id_seen(&self) -> u64 {
        self.limit
    }

    /// Whether the queue stopped for good.
    #[must_use]
    pub const fn has_stopped(&self) -> bool {
        matches!(self.stage, Stage::Stopped(_) | Stage::Faulted(_))
    }

    /// The signals whose values the packet in hand still waits for; nothing unless parked.
    pub fn waiting_on(&self) -> impl Iterator<Item = GpuVa> + '_ {
        match &self.stage {
            Stage::Wait { wait, .. } => Some(wait.signals()),
            _ => None,
        }
        .into_iter()
        .flatten()
    }

    /// One packet: [`Processor::run`] with a budget of one.
    pub fn step<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock) -> Step {
        self.run(view, clock, 1).step
    }

    /// Retires packets until `budget` of them are done (at least one is tried), an event is to be raised, or
    /// something has to be waited for. Bounded: at most 16 accesses a packet, each of at most 64 bytes, and of an indirect
    /// buffer what [`crate::stream::machine`] does in a turn.
    pub fn run<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock, budget: u32) -> Turn {
        let first = self.read;
        let step = self.turn(view, clock, first.wrapping_add(u64::from(budget.max(1))));
        // The distance is at most the budget, a u32.
        Turn { packets: self.read.wrapping_sub(first) as u32, step }
    }

    fn turn<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock, end: u64) -> Step {
        if self.publishing
            && let Err(step) = self.publish(view)
        {
            return step;
        }
        loop {
            let most = if self.window.is_some() { MAX_FAR_LAG } else { MAX_LAG };
            let max_lag = (self.ring.packets() / 2).clamp(1, most);
            let flow = if matches!(self.stage, Stage::Next) {
                let lag = self.read.wrapping_sub(self.published);
                // At least one: a ring that shrank under an open access may leave more lag than it now allows.
                let stop = max_lag.saturating_sub(lag).clamp(1, end.wrapping_sub(self.read));
                let stop = self.read.wrapping_add(stop);
                if self.window.is_some() { self.far(view, clock, stop) } else { self.head(view, clock, stop) }
            } else {
                self.resume(view, clock)
            };
            match flow {
                Flow::Retired if self.read == end => {
                    self.outcome = Step::Progress { raise: None };
                    break;
                }
                Flow::Retired => {
                    if self.read.wrapping_sub(self.published) >= max_lag
                        && let Err(step) = self.publish(view)
                    {
                        return step;
                    }
                }
                Flow::Rest => break,
                Flow::Hold => return self.outcome,
            }
        }
        let rest = self.outcome;
        match self.publish(view) {
            Ok(()) => rest,
            // Asked again first thing in the next turn, which then comes to the same rest, or to news.
            Err(step) => step,
        }
    }

    /// Brings the read index in memory up to date.
    #[inline]
    fn publish<V: MemoryView>(&mut self, view: &mut V) -> Result<(), Step> {
        if self.read == self.published {
            return Ok(());
        }
        match view.store_u64(self.read_index, self.read) {
            Access::Ready(()) => {
                self.published = self.read;
                self.publishing = false;
                Ok(())
            }
            Access::Pending(ticket) => {
                self.publishing = true;
                Err(Step::Pending(ticket))
            }
            Access::Fault(fault) => {
                self.publishing = false;
                self.stage = Stage::Faulted(fault);
                Err(Step::Faulted(fault))
            }
        }
    }

    /// Goes on at the access that was not answered last time.
    #[inline(never)]
    fn resume<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock) -> Flow {
        match std::mem::replace(&mut self.stage, Stage::Next) {
            Stage::Next => {
                let slot = self.ring.slot(self.read);
                let answer = view.load_u32(slot);
                self.header(view, clock, slot, answer)
            }
            Stage::Header { slot } => {
                // This ring's memory does not answer at once.
                self.window.get_or_insert_default();
                let answer = view.load_u32(slot);
                self.header(view, clock, slot, answer)
            }
            Stage::Index { slot } => self.index(view, clock, slot),
            Stage::Body { slot, header } => self.read_body(view, clock, slot, header),
            Stage::Wait { slot, wait, finish } => self.wait(view, clock, slot, wait, finish),
            Stage::Dispatch { slot, packet, finish } => self.dispatch(view, clock, slot, packet, finish),
            Stage::Indirect { slot, finish } => self.indirect(view, clock, slot, finish),
            Stage::Far => self.look_ahead(view),
            Stage::Exchange { retired, wanted } => self.exchange(view, retired, wanted),
            Stage::Scan { slot, count } => self.scan(view, slot, count),
            Stage::Fill { slot, count } => self.fill(view, slot, count),
            Stage::Sweep { slot, count } => self.sweep(view, slot, count),
            Stage::Free { slot, finish } => {
                let answer = view.store_u16(slot, INVALID_HEADER);
                self.free(view, clock, slot, finish, answer)
            }
            Stage::Publish { finish } => self.publish_and_complete(view, clock, finish),
            Stage::Complete(update) => self.complete(view, update),
            Stage::Report(report) => self.report(view, report),
            Stage::Stopped(error) => self.stopped(error, None),
            Stage::Faulted(fault) => self.fault(fault),
        }
    }

    #[inline(never)]
    fn header<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        slot: GpuVa,
        answer: Access<u32>,
    ) -> Flow {
        let header = Header(ask!(self, Stage::Header { slot }, answer));
        if header.kind() == PacketType::Invalid {
            return self.rest(Step::Empty);
        }
        if ahead(self.limit, self.read) {
            return self.read_body(view, clock, slot, header);
        }
        self.index(view, clock, slot)
    }

    fn index<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock, slot: GpuVa) -> Flow {
        self.limit = ask!(self, Stage::Index { slot }, view.load_u64(self.write_index));
        if !ahead(self.limit, self.read) {
            return self.rest(Step::Empty);
        }
        // What was found before the index says nothing of the packet that the index tells of.
        let answer = view.load_u32(slot);
        self.header(view, clock, slot, answer)
    }

    fn read_body<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        slot: GpuVa,
        header: Header,
    ) -> Flow {
        // The whole slot in one aligned read.
        let mut words = [0u64; 8];
        let answer = view.read(slot, words.as_mut_bytes());
        self.body(view, clock, slot, header, words, answer)
    }

    #[inline(never)]
    fn body<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        slot: GpuVa,
        header: Header,
        mut words: [u64; 8],
        answer: Access<()>,
    ) -> Flow {
        ask!(self, Stage::Body { slot, header }, answer);
        // The header that was acquired is the one that is judged, whatever has become of it since.
        words[0] = words[0] & !u64::from(u32::MAX) | u64::from(header.0);
        match header.kind() {
            PacketType::BarrierAnd => {
                let packet: BarrierPacket = zerocopy::transmute!(words);
                let finish = Finish::of(packet.completion_signal, clock);
                self.wait(view, clock, slot, Wait::all(&packet), finish)
            }
            PacketType::BarrierOr => {
                let packet: BarrierPacket = zerocopy::transmute!(words);
                let finish = Finish::of(packet.completion_signal, clock);
                self.wait(view, clock, slot, Wait::any(&packet), finish)
            }
            PacketType::VendorSpecific if header.amd_format() == AMD_FORMAT_BARRIER_VALUE => {
                let packet: BarrierValuePacket = zerocopy::transmute!(words);
                let Some(wait) = Wait::value(&packet) else {
                    return self.refuse(view, QueueError::VendorPacket);
                };
                self.wait(view, clock, slot, wait, Finish::of(packet.completion_signal, clock))
            }
            PacketType::VendorSpecific if header.amd_format() == AMD_FORMAT_PM4_IB => {
                let packet: Pm4IbPacket = zerocopy::transmute!(words);
                self.enter(view, clock, slot, &packet)
            }
            PacketType::VendorSpecific => self.refuse(view, QueueError::VendorPacket),
            PacketType::KernelDispatch => {
                let packet: KernelDispatchPacket = zerocopy::transmute!(words);
                let finish = Finish::of(packet.completion_signal, clock);
                self.dispatch(view, clock, slot, packet, finish)
            }
            // INVALID was held back by `header`.
            PacketType::AgentDispatch | PacketType::Unknown(_) | PacketType::Invalid => {
                self.refuse(view, QueueError::PacketType)
            }
        }
    }

    fn rest(&mut self, step: Step) -> Flow {
        self.outcome = step;
        Flow::Rest
    }

    fn hold(&mut self, step: Step) -> Flow {
        self.outcome = step;
        Flow::Hold
    }
}
