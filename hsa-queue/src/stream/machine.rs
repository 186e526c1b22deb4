//! The processor of a dword stream: one packet after the other, resumable at every access.
//!
//! ```text
//!            ┌──────────────────────────────────────────────────┐
//!            ▼                                                  │
//!  Fetch ─► decode ─┬─► Op ─► after ─────────► retired ─────────┤
//!    │              ├─► Registers ─────────────────┘            │
//!  Empty            ├─► Look ─► (skip) ────────────┘            │
//!                   ├─► Groups ─► dispatch ────────┘            │
//!                   ├─► indirect buffer ────────────────────────┘
//!                   └─► Stopped            Op: Parked while a value is waited for
//!  any access without memory ─► Faulted
//! ```
//!
//! **What is trusted.** Nothing the client can write. A packet is decoded from a local copy of its fixed part; what is
//! only moved (the payload of a write) is read where it lies, since nothing is decided by it.
//!
//! **Bounds.** A turn retires at most its budget of packets, those of indirect buffers included, and moves at most 64
//! KiB; a buffer that leads to itself is a queue that is always busy, and gets its share. An event to raise ends the
//! turn. The read index is brought up to date at the end of each turn in order, and nothing is raised before it is.
//!
//! **Order.** A packet is complete when its last access is; the next one starts after that. Caches there are none: what
//! a flush or an invalidation asks for always holds.

use crate::clock::Clock;
use crate::error::QueueError;
use crate::memory::{Access, Fault, GpuVa, MemoryView};
use crate::queue_regs::QueueRegs;
use crate::ring::{Ring, RingError};
use crate::signal::EventId;
use crate::step::{Step, Turn};
use crate::stream::feed::{Feed, Index, Supply};
use crate::stream::format::{Format, Packet, Work};
use crate::stream::op::Op;
use crate::stream::outcome::Outcome;
use crate::stream::transfer::{PIECE, Transfer};
use zerocopy::IntoBytes;

/// What a packet in hand leaves to do when its present work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rest {
    total: u64,
    after: Option<Transfer>,
    raise: Option<EventId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fetch,
    Op { op: Op, rest: Rest },
    Registers { register: u32, left: u64 },
    Look { va: GpuVa, reference: u32, equal: bool, skip: u64, total: u64 },
    Skip { total: u64 },
    Groups { va: GpuVa, initiator: u32, total: u64 },
    Stopped(QueueError),
    Faulted(Fault),
}

/// What became of a packet.
enum Flow {
    Retired,
    /// The turn is used up.
    More,
    /// The turn ends in order: bring the read index up to date.
    Rest(Step),
    /// The turn ends here.
    Hold(Step),
}

/// The packet processor of one queue of dwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine<F> {
    format: F,
    feed: Feed,
    stage: Stage,
    /// The open access is the publication of the read index at the end of a turn, and not that of `stage`.
    publishing: bool,
    /// An event of a retired packet, not yet handed out.
    raise: Option<EventId>,
    buffer: Vec<u8>,
}

macro_rules! ask {
    ($self:ident, $stage:expr, $access:expr) => {
        match $access {
            Access::Ready(value) => value,
            Access::Pending(ticket) => {
                $self.stage = $stage;
                return Flow::Hold(Step::Pending(ticket));
            }
            Access::Fault(fault) => return $self.fault(fault),
        }
    };
}

impl<F: Format> Machine<F> {
    /// A processor for a new queue: nothing read yet. Touches no memory.
    ///
    /// # Errors
    /// [`RingError`] when the ring's geometry is not one.
    pub fn with_format(regs: QueueRegs, index: Index, format: F) -> Result<Self, RingError> {
        Ok(Self::over(Feed::new(regs, index)?, format))
    }

    /// A processor for one indirect buffer, without a ring: empty when it is done.
    #[must_use]
    pub fn over_buffer(base: GpuVa, dwords: u64, format: F) -> Self {
        Self::over(Feed::buffer(base, dwords), format)
    }

    const fn over(feed: Feed, format: F) -> Self {
        Self { format, feed, stage: Stage::Fetch, publishing: false, raise: None, buffer: Vec::new() }
    }

    /// Another ring for the same queue (`AMDKFD_IOC_UPDATE_QUEUE`). Positions go on.
    pub fn set_ring(&mut self, ring: &Ring) {
        self.feed.set_ring(ring);
    }

    /// Goes on at a position in the ring, dwords: of a queue that ran elsewhere before. Only for a processor that has read
    /// nothing yet.
    pub fn seek(&mut self, position: u64) {
        self.feed.seek(position);
    }

    /// Goes on in another buffer. Only for a processor without a ring that is done with its own.
    pub(crate) fn restart(&mut self, base: GpuVa, dwords: u64) {
        self.feed = Feed::buffer(base, dwords);
        self.stage = Stage::Fetch;
    }

    /// The format, and what it remembers.
    #[must_use]
    pub const fn format(&self) -> &F {
        &self.format
    }

    /// Where the dwords come from.
    #[must_use]
    pub const fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Whether the queue stopped for good.
    #[must_use]
    pub const fn has_stopped(&self) -> bool {
        matches!(self.stage, Stage::Stopped(_) | Stage::Faulted(_))
    }

    /// The word that the packet in hand waits for; nothing unless parked.
    #[must_use]
    pub fn waiting_on(&self) -> Option<GpuVa> {
        match &self.stage {
            Stage::Op { op, .. } => op.waits_on(),
            _ => None,
        }
    }

    /// Retires packets until `budget` of them are done (at least one is tried), an event is to be raised, 64 KiB are
    /// moved, or something has to be waited for.
    pub fn run<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock, budget: u32) -> Turn {
        let mut packets = 0;
        if self.publishing
            && let Some(step) = self.publish(view)
        {
            return Turn { packets, step };
        }
        let mut quota = PIECE;
        let rest = loop {
            if let Some(raise) = self.raise {
                break Step::Progress { raise: Some(raise) };
            }
            if packets >= budget.max(1) || quota == 0 {
                break Step::Progress { raise: None };
            }
            match self.packet(view, clock, &mut quota) {
                Flow::Retired => packets += 1,
                Flow::More => break Step::Progress { raise: None },
                Flow::Rest(step) => break step,
                Flow::Hold(step) => return Turn { packets, step },
            }
        };
        if let Some(step) = self.publish(view) {
            return Turn { packets, step };
        }
        self.raise = None;
        if rest == Step::Empty {
            self.buffer = Vec::new();
        }
        Turn { packets, step: rest }
    }

    /// Brings the read index up to date; why it is not, if it is not.
    fn publish<V: MemoryView>(&mut self, view: &mut V) -> Option<Step> {
        self.publishing = false;
        match self.feed.publish(view) {
            Access::Ready(()) => None,
            Access::Pending(ticket) => {
                self.publishing = true;
                Some(Step::Pending(ticket))
            }
            Access::Fault(fault) => {
                self.stage = Stage::Faulted(fault);
                Some(Step::Faulted(fault))
            }
        }
    }

    fn packet<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock, quota: &mut u64) -> Flow {
        match self.stage {
            Stage::Fetch => self.fetch(view, clock, quota),
            Stage::Op { op, rest } => self.op(view, clock, quota, op, rest),
            Stage::Registers { register, left } => self.registers(view, register, left),
            Stage::Look { va, reference, equal, skip, total } => {
                let value = ask!(self, self.stage, view.load_u32(va));
                let total = if (value == reference) == equal { total.saturating_add(skip) } else { total };
                self.skip(view, total)
            }
            Stage::Skip { total } => self.skip(view, total),
            Stage::Groups { va, initiator, total } => {
                let mut groups = [0u32; 3];
                ask!(self, self.stage, view.read(va, groups.as_mut_bytes()));
                self.dispatch(groups, initiator, total)
            }
            Stage::Stopped(error) => Flow::Rest(Step::Stopped { error, raise: None }),
            Stage::Faulted(fault) => Flow::Hold(Step::Faulted(fault)),
        }
    }

    fn fetch<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock, quota: &mut u64) -> Flow {
        match ask!(self, Stage::Fetch, self.feed.supply(view, 1, 1)) {
            Supply::Ready => {}
            Supply::Empty => return Flow::Rest(Step::Empty),
            Supply::Short => return self.stop(QueueError::IndirectBuffer),
        }
        let Some(&header) = self.feed.words().first() else { return Flow::Rest(Step::Empty) };
        let fixed = match self.format.fixed(header) {
            Ok(fixed) => fixed,
            Err(error) => return self.stop(error),
        };
        match ask!(self, Stage::Fetch, self.feed.supply(view, fixed, fixed)) {
            Supply::Ready => {}
            Supply::Empty => return Flow::Rest(Step::Empty),
            Supply::Short => return self.stop(QueueError::IndirectBuffer),
        }
        let words = self.feed.words();
        let Some(head) = words.get(..fixed as usize) else { return Flow::Rest(Step::Empty) };
        let packet = match self.format.decode(head) {
            Ok(packet) => packet,
            Err(error) => return self.stop(error),
        };
        if packet.total == 1 && packet.work == Work::Nothing && packet.raise.is_none() {
            // Padding comes in runs.
            let run = words.iter().take_while(|word| **word == header).count() as u64;
            return self.retire(run);
        }
        if let Some(flow) = self.whole(view, packet.total) {
            return flow;
        }
        self.start(view, clock, quota, packet)
    }

    /// Whether a packet is there to its end; how the turn ends if not.
    fn whole<V: MemoryView>(&mut self, view: &mut V, total: u64) -> Option<Flow> {
        if !self.feed.is_nested() && total > self.feed.ring_dwords() {
            return Some(self.stop(QueueError::Malformed));
        }
        match self.feed.supply(view, 0, total) {
            Access::Ready(Supply::Ready) => None,
            Access::Ready(Supply::Empty) => Some(Flow::Rest(Step::Empty)),
            Access::Ready(Supply::Short) => Some(self.stop(QueueError::IndirectBuffer)),
            Access::Pending(ticket) => Some(Flow::Hold(Step::Pending(ticket))),
            Access::Fault(fault) => Some(self.fault(fault)),
        }
    }

    fn start<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        quota: &mut u64,
        packet: Packet,
    ) -> Flow {
        let Packet { total, work, after, raise } = packet;
        let rest = Rest { total, after, raise };
        match work {
            Work::Nothing => self.done(view, clock, quota, rest),
            Work::Op(op) => self.op(view, clock, quota, op, rest),
            Work::Payload { dst, first, dwords } => {
                let (src, run) = self.feed.address(first);
                let here = run.min(dwords);
                let then = self.feed.address(first + here).0;
                let copy = Transfer::split_copy(dst, src, here * 4, then, (dwords - here) * 4);
                self.op(view, clock, quota, Op::Transfer(copy), rest)
            }
            Work::Registers { register, first } => {
                let left = total.saturating_sub(first);
                self.feed.advance(total - left);
                self.registers(view, register, left)
            }
            Work::Indirect { base, dwords, chain } => match self.feed.enter(total, base, dwords, chain) {
                Ok(()) => {
                    self.stage = Stage::Fetch;
                    Flow::Retired
                }
                Err(error) => self.stop(error),
            },
            Work::Dispatch { groups, initiator } => self.dispatch(groups, initiator, total),
            Work::DispatchIndirect { va, initiator } => {
                self.stage = Stage::Groups { va, initiator, total };
                self.packet(view, clock, quota)
            }
            Work::SkipIf { va, reference, equal, skip } => {
                self.stage = Stage::Look { va, reference, equal, skip, total };
                self.packet(view, clock, quota)
            }
        }
    }

    fn op<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        quota: &mut u64,
        mut op: Op,
        rest: Rest,
    ) -> Flow {
        let answer = op.step(view, clock, &mut self.buffer, quota);
        match ask!(self, Stage::Op { op, rest }, answer) {
            Outcome::Done => self.done(view, clock, quota, rest),
            Outcome::More => {
                self.stage = Stage::Op { op, rest };
                Flow::More
            }
            Outcome::Unmet => {
                self.stage = Stage::Op { op, rest };
                Flow::Rest(Step::Parked { forever: false })
            }
        }
    }

    /// The packet's present work is done.
    fn done<V: MemoryView>(
        &mut self,
        view: &mut V,
        clock: &impl Clock,
        quota: &mut u64,
        mut rest: Rest,
    ) -> Flow {
        if let Some(transfer) = rest.after.take() {
            return self.op(view, clock, quota, Op::Transfer(transfer), rest);
        }
        self.raise = rest.raise;
        self.retire(rest.total)
    }

    fn registers<V: MemoryView>(&mut self, view: &mut V, mut register: u32, mut left: u64) -> Flow {
        while left != 0 {
            match ask!(self, Stage::Registers { register, left }, self.feed.supply(view, 1, 1)) {
                Supply::Ready => {}
                // The packet was there to its end.
                Supply::Empty | Supply::Short => return self.stop(QueueError::IndirectBuffer),
            }
            let mut taken = 0;
            for &value in self.feed.words().iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
                self.format.set_register(register, value);
                register = register.wrapping_add(1);
                taken += 1;
            }
            left -= taken;
            self.feed.advance(taken);
        }
        self.retire(0)
    }

    /// Leaves `total` dwords behind as soon as they are there.
    fn skip<V: MemoryView>(&mut self, view: &mut V, total: u64) -> Flow {
        self.stage = Stage::Skip { total };
        self.whole(view, total).unwrap_or_else(|| self.retire(total))
    }

    fn dispatch(&mut self, groups: [u32; 3], initiator: u32, total: u64) -> Flow {
        match self.format.dispatch(groups, initiator) {
            Ok(()) => self.retire(total),
            Err(error) => self.stop(error),
        }
    }

    fn retire(&mut self, total: u64) -> Flow {
        self.feed.advance(total);
        self.stage = Stage::Fetch;
        Flow::Retired
    }

    /// Stops at the packet in hand, which the read index goes on to name.
    #[cold]
    fn stop(&mut self, error: QueueError) -> Flow {
        self.stage = Stage::Stopped(error);
        Flow::Rest(Step::Stopped { error, raise: None })
    }

    #[cold]
    fn fault(&mut self, fault: Fault) -> Flow {
        self.stage = Stage::Faulted(fault);
        Flow::Hold(Step::Faulted(fault))
    }
}
