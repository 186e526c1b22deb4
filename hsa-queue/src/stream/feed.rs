//! Where the next dwords of a stream come from: a ring and the indirect buffers entered from it.
//!
//! Positions count dwords, monotonically, and map into the ring by its mask. What lies below the write index was
//! published by its client before, and stays until the read index passes it, so it is fetched many dwords at a time,
//! in reads that never cross the ring's end; a packet that does is put together here.
//!
//! A write index behind the position means that nothing was submitted; one that ends inside a packet means that more is
//! to come. The read index is reported when everything below it is done, an indirect buffer with all it contains.
//!
//! Not for: what the dwords mean.

use crate::error::QueueError;
use crate::memory::{Access, GpuVa, MemoryView};
use crate::queue_regs::QueueRegs;
use crate::ring::{PACKET_BYTES, Ring, RingError};
use zerocopy::IntoBytes;

/// Dwords that are fetched ahead, and the longest part of a packet that can be looked at as a whole.
pub const WINDOW: usize = 64;
/// Allocations begin and end at pages of this size.
const PAGE: u64 = 4096;
/// Indirect buffers inside each other. A ring's buffer may call another (IB1 and IB2 of the command processor's
/// documentation); no deeper.
pub const DEPTH: usize = 2;

/// How a queue's indices are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// SDMA: both count bytes, 64 bits, and never wrap (`sdma_v4_0_ring_set_wptr`; `sdmax_rlcx_rb_wptr` and `_hi`,
    /// `kfd_mqd_manager_v9.c`).
    Bytes,
    /// PM4: the write index counts dwords, 64 bits, and never wraps; the read index is the register
    /// `CP_HQD_PQ_RPTR`, 32 bits, in dwords, modulo the ring.
    Dwords,
}

/// Whether the dwords that are asked for are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supply {
    /// They are in hand.
    Ready,
    /// The ring has not that many yet.
    Empty,
    /// The indirect buffer ends before.
    Short,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Buffer {
    base: GpuVa,
    position: u64,
    end: u64,
}

const NO_BUFFER: Buffer = Buffer { base: GpuVa::NULL, position: 0, end: 0 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    base: GpuVa,
    /// Dwords of the ring less one.
    mask: u64,
    write_index: GpuVa,
    read_index: GpuVa,
}

/// See the module's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// None for a stream that is one indirect buffer.
    source: Option<Source>,
    index: Index,
    position: u64,
    limit: u64,
    retired: u64,
    published: u64,
    buffers: [Buffer; DEPTH],
    depth: usize,
    /// Dwords from `at` on of whatever is read now.
    window: [u32; WINDOW],
    at: u64,
    held: usize,
}

impl Feed {
    /// Of a new queue. Touches no memory.
    ///
    /// # Errors
    /// [`RingError`] when the ring's geometry is not one.
    pub fn new(regs: QueueRegs, index: Index) -> Result<Self, RingError> {
        let ring = Ring::new(regs.ring, regs.size_bytes)?;
        let (write_index, read_index) = (regs.write_index, regs.read_index);
        let source = Source { base: ring.base(), mask: mask(&ring), write_index, read_index };
        Ok(Self::of(Some(source), index))
    }

    /// Of one indirect buffer, without a ring.
    #[must_use]
    pub fn buffer(base: GpuVa, dwords: u64) -> Self {
        let mut feed = Self::of(None, Index::Dwords);
        feed.buffers[0] = Buffer { base, position: 0, end: dwords };
        feed.depth = usize::from(dwords != 0);
        feed
    }

    const fn of(source: Option<Source>, index: Index) -> Self {
        Self {
            source,
            index,
            position: 0,
            limit: 0,
            retired: 0,
            published: 0,
            buffers: [NO_BUFFER; DEPTH],
            depth: 0,
            window: [0; WINDOW],
            at: 0,
            held: 0,
        }
    }

    /// Another ring for the same queue; positions go on.
    pub fn set_ring(&mut self, ring: &Ring) {
        if let Some(source) = &mut self.source {
            (source.base, source.mask) = (ring.base(), mask(ring));
            self.held = 0;
        }
    }

    /// Goes on at a position, dwords.
    pub fn seek(&mut self, position: u64) {
        (self.position, self.limit) = (position, position);
        (self.retired, self.published) = (position, position);
    }

    /// Position in the ring, dwords.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The write index as last seen, dwords.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Dwords of the ring.
    #[must_use]
    pub fn ring_dwords(&self) -> u64 {
        self.source.map_or(0, |source| source.mask + 1)
    }

    /// Whether indirect buffers are entered.
    #[must_use]
    pub const fn is_nested(&self) -> bool {
        self.depth != 0
    }

    fn current(&self) -> (u64, u64) {
        match self.buffers.get(self.depth.wrapping_sub(1)) {
            Some(buffer) => (buffer.position, buffer.end),
            None => (self.position, self.limit),
        }
    }

    /// Address of the dword at `position`, and how many lie there without a gap.
    fn place(&self, position: u64) -> (GpuVa, u64) {
        match (self.buffers.get(self.depth.wrapping_sub(1)), &self.source) {
            (Some(buffer), _) => (buffer.base.offset(position.wrapping_mul(4)), u64::MAX),
            (None, Some(source)) => {
                let slot = position & source.mask;
                (source.base.offset(slot * 4), source.mask + 1 - slot)
            }
            (None, None) => (GpuVa::NULL, 0),
        }
    }

    /// Where the dword `offset` of the packet in hand lies, and how many of those after it follow without a gap.
    #[must_use]
    pub fn address(&self, offset: u64) -> (GpuVa, u64) {
        self.place(self.current().0.wrapping_add(offset))
    }

    /// Makes sure that the next `reach` dwords are there, and has the first `look` of them (at most [`WINDOW`] and
    /// at most `reach`) in hand for [`Feed::words`].
    pub fn supply<V: MemoryView>(&mut self, view: &mut V, look: u64, reach: u64) -> Access<Supply> {
        loop {
            let (position, end) = self.current();
            let skip = position.wrapping_sub(self.at);
            let in_hand = (self.held as u64).saturating_sub(skip);
            let available = end.wrapping_sub(position);
            if available >= reach && in_hand >= look.min(WINDOW as u64) {
                return Access::Ready(Supply::Ready);
            }
            if available < reach {
                if self.is_nested() {
                    return Access::Ready(Supply::Short);
                }
                let Some(source) = self.source else { return Access::Ready(Supply::Empty) };
                let index = match view.load_u64(source.write_index) {
                    Access::Ready(index) => index,
                    other => return other.map(|_| Supply::Empty),
                };
                // One look a call: a client that counts up dword by dword gets no more of the engine for it.
                if !self.follow(index) || self.limit.wrapping_sub(self.position) < reach {
                    return Access::Ready(Supply::Empty);
                }
                continue;
            }
            if skip != 0 {
                let held = self.held;
                let from = held.min(usize::try_from(skip).unwrap_or(held));
                self.window.copy_within(from..held, 0);
                (self.at, self.held) = (position, held - from);
            }
            let next = self.at.wrapping_add(self.held as u64);
            let (va, run) = self.place(next);
            let room = (WINDOW - self.held) as u64;
            // A ring may be several allocations, and an access lies in one: stay within a page, which does.
            let in_page = ((PAGE - va.0 % PAGE) / 4).max(1);
            let len = room.min(available - self.held as u64).min(run).min(in_page) as usize;
            let free = &mut self.window[self.held..][..len];
            match view.read(va, free.as_mut_bytes()) {
                Access::Ready(()) => self.held += len,
                other => return other.map(|()| Supply::Empty),
            }
        }
    }

    /// Takes a write index; whether it tells of more than was known.
    fn follow(&mut self, index: u64) -> bool {
        let limit = match self.index {
            Index::Bytes => index / 4,
            Index::Dwords => index,
        };
        let more = limit.wrapping_sub(self.limit).cast_signed() > 0;
        if more {
            self.limit = limit;
        }
        more
    }

    /// The dwords in hand, from the position on: at least as many as were supplied.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        let skip = usize::try_from(self.current().0.wrapping_sub(self.at)).unwrap_or(usize::MAX);
        self.window.get(skip..self.held).unwrap_or(&[])
    }

    /// Leaves `count` dwords behind.
    pub fn advance(&mut self, count: u64) {
        self.pass(count);
        self.settle();
    }

    fn pass(&mut self, count: u64) {
        match self.buffers.get_mut(self.depth.wrapping_sub(1)) {
            Some(buffer) => buffer.position = buffer.position.wrapping_add(count),
            None => self.position = self.position.wrapping_add(count),
        }
    }

    /// Leaves buffers that are done.
    fn settle(&mut self) {
        while self.is_nested() && self.current().0 >= self.current().1 {
            self.depth -= 1;
            self.held = 0;
            self.at = self.current().0;
        }
        if !self.is_nested() {
            self.retired = self.position;
        }
    }

    /// Leaves a packet of `total` dwords behind and goes on in the buffer that it names, from which control comes back
    /// unless it is chained to.
    ///
    /// # Errors
    /// [`QueueError::IndirectBuffer`] when that lies too deep, or is chained to from the ring.
    pub fn enter(&mut self, total: u64, base: GpuVa, dwords: u64, chain: bool) -> Result<(), QueueError> {
        if chain && !self.is_nested() {
            return Err(QueueError::IndirectBuffer);
        }
        if dwords == 0 {
            self.advance(total);
            return Ok(());
        }
        self.pass(total);
        let (position, end) = self.current();
        // A call at a buffer's end needs no way back.
        if self.is_nested() && (chain || position >= end) {
            self.depth -= 1;
        }
        let Some(slot) = self.buffers.get_mut(self.depth) else {
            return Err(QueueError::IndirectBuffer);
        };
        *slot = Buffer { base, position: 0, end: dwords };
        self.depth += 1;
        (self.at, self.held) = (0, 0);
        Ok(())
    }

    /// Brings the read index in memory up to date.
    pub fn publish<V: MemoryView>(&mut self, view: &mut V) -> Access<()> {
        let Some(source) = self.source else { return Access::Ready(()) };
        if self.published == self.retired {
            return Access::Ready(());
        }
        let answer = match self.index {
            Index::Bytes => view.store_u64(source.read_index, self.retired.wrapping_mul(4)),
            // The mask is below 2^32 for every ring that a register can describe.
            Index::Dwords => view.store_u32(source.read_index, (self.retired & source.mask) as u32),
        };
        if answer == Access::Ready(()) {
            self.published = self.retired;
        }
        answer
    }
}

const fn mask(ring: &Ring) -> u64 {
    ring.packets() * (PACKET_BYTES / 4) - 1
}
