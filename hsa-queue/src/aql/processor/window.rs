//! Rings in memory that has to be asked for: many packets an access instead of many accesses a packet.
//!
//! ```text
//!  Far (write index) ─► Exchange ─► packets from the window ─► Exchange (these given back, the next read) ─► …
//!                └─► Scan ─► Fill ─► packets from the window ─► Sweep ─► …
//! ```
//! The lower way is for views that know no `MemoryView::packets`, and for ranges that are not one access.
//!
//! One read of a range promises no order between its bytes, so it is made twice: the headers that the first one finds
//! valid were published before, and the second reads what they published. These slots are the processor's until the read
//! index passes them, so runs of packets that only pass are given back by one write of the whole range, the bodies as
//! they were read and the headers INVALID.
//!
//! Not for: packets that do more, which go the general way with their words already in hand.

use super::ask;
use super::{FAR_WINDOW, Flow, Processor, Stage, ahead};
use crate::aql::packet::{Header, INVALID_HEADER, PacketType};
use crate::clock::Clock;
use crate::memory::{Access, GpuVa, MemoryView, Slots};
use crate::ring::PACKET_BYTES;
use crate::step::Step;
use zerocopy::IntoBytes;

/// Allocations begin and end at pages of this size.
const PAGE: u64 = 4096;

/// Packets read ahead.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Window {
    /// Id of the first.
    first: u64,
    /// How many are known whole.
    count: usize,
    packets: Vec<[u64; 8]>,
}

impl Window {
    /// Forgets the packets.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// The packets from this id on.
    fn from(&mut self, id: u64) -> &mut [[u64; 8]] {
        let skip = usize::try_from(id.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        self.packets.get_mut(..self.count).and_then(|known| known.get_mut(skip..)).unwrap_or(&mut [])
    }
}

/// Whether a packet is a barrier with nothing to wait for and nobody to tell.
fn passes(packet: &[u64; 8]) -> bool {
    let [header, a, b, c, d, e, _, completion] = *packet;
    Header(header as u32).kind() == PacketType::BarrierAnd && a | b | c | d | e | completion == 0
}

impl Processor {
    /// The next packets, up to `stop`.
    #[inline(never)]
    pub(super) fn far<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock, stop: u64) -> Flow {
        let read = self.read;
        let most = usize::try_from(stop.wrapping_sub(read)).unwrap_or(usize::MAX);
        let Some(window) = &mut self.window else { return Flow::Retired };
        let slot = self.ring.slot(read);
        let known = window.from(read);
        if let Some(&packet) = known.first() {
            let count = known.iter().take(most).take_while(|packet| passes(packet)).count();
            if count == 0 {
                let header = Header(packet[0] as u32);
                return self.body(view, clock, slot, header, packet, Access::Ready(()));
            }
            for [header, ..] in known.iter_mut().take(count) {
                *header = *header & !0xffff | u64::from(INVALID_HEADER);
            }
            return self.give_back(view, slot, count as u64);
        }
        if ahead(self.limit, read) {
            return self.fetch(view);
        }
        self.look_ahead(view)
    }

    /// How many packets to read at once from this id on, which is not above the limit.
    fn within_reach(&self, id: u64) -> u64 {
        self.limit.wrapping_sub(id).min(self.ring.run(id)).min(FAR_WINDOW)
    }

    /// The packets in hand, which are none of the window's.
    fn fetch<V: MemoryView>(&mut self, view: &mut V) -> Flow {
        let slot = self.ring.slot(self.read);
        let wanted = Slots { va: slot, count: self.within_reach(self.read) as u32 };
        self.exchange(view, Slots { va: slot, count: 0 }, wanted)
    }

    /// The first `count` packets of the window, and reads the next ones if it is used up.
    fn give_back<V: MemoryView>(&mut self, view: &mut V, slot: GpuVa, count: u64) -> Flow {
        let next = self.read.wrapping_add(count);
        let Some(window) = &mut self.window else { return Flow::Retired };
        let used_up = window.from(next).is_empty();
        let count = count as u32;
        let more = if used_up && ahead(self.limit, next) { self.within_reach(next) as u32 } else { 0 };
        self.exchange(view, Slots { va: slot, count }, Slots { va: self.ring.slot(next), count: more })
    }

    pub(super) fn exchange<V: MemoryView>(&mut self, view: &mut V, retired: Slots, wanted: Slots) -> Flow {
        let Some(window) = &mut self.window else { return Flow::Retired };
        let most = window.packets.len().max(wanted.count as usize);
        window.packets.resize(most, [0; 8]);
        let answer = view.packets(retired, wanted, &mut window.packets[..wanted.count as usize]);
        let read = match answer {
            Some(Access::Ready(read)) => read.min(wanted.count as usize),
            Some(Access::Pending(ticket)) => {
                self.stage = Stage::Exchange { retired, wanted };
                return self.hold(Step::Pending(ticket));
            }
            None | Some(Access::Fault(_)) if retired.count > 0 => {
                return self.sweep(view, retired.va, u64::from(retired.count));
            }
            None | Some(Access::Fault(_)) => return self.scan(view, wanted.va, u64::from(wanted.count)),
        };
        self.read = self.read.wrapping_add(u64::from(retired.count));
        if wanted.count > 0 {
            // Unless the ring has become another meanwhile.
            let same = wanted.va == self.ring.slot(self.read);
            (window.first, window.count) = (self.read, if same { read } else { 0 });
            if same && read == 0 {
                return self.nothing();
            }
        }
        Flow::Retired
    }

    pub(super) fn look_ahead<V: MemoryView>(&mut self, view: &mut V) -> Flow {
        self.limit = ask!(self, Stage::Far, view.load_u64(self.write_index));
        if ahead(self.limit, self.read) {
            return self.fetch(view);
        }
        self.nothing()
    }

    pub(super) fn scan<V: MemoryView>(&mut self, view: &mut V, slot: GpuVa, mut count: u64) -> Flow {
        let Some(window) = &mut self.window else { return Flow::Retired };
        window.clear();
        loop {
            window.packets.resize(count as usize, [0; 8]);
            match view.read(slot, window.packets.as_mut_bytes()) {
                Access::Ready(()) => break,
                // A ring may be several allocations, and an access lies in one: stay within a page, which does.
                Access::Fault(_) if count > 1 => {
                    let in_page = (PAGE - slot.0 % PAGE) / PACKET_BYTES;
                    count = if count > in_page { in_page.max(1) } else { 1 };
                }
                other => ask!(self, Stage::Scan { slot, count }, other),
            }
        }
        let published = |packet: &&[u64; 8]| Header(packet[0] as u32).kind() != PacketType::Invalid;
        let valid = window.packets.iter().take_while(published).count() as u64;
        if valid == 0 {
            return self.nothing();
        }
        self.fill(view, slot, valid)
    }

    pub(super) fn fill<V: MemoryView>(&mut self, view: &mut V, slot: GpuVa, count: u64) -> Flow {
        let Some(window) = &mut self.window else { return Flow::Retired };
        window.packets.resize(count as usize, [0; 8]);
        ask!(self, Stage::Fill { slot, count }, view.read(slot, window.packets.as_mut_bytes()));
        // Unless the ring has become another meanwhile.
        if slot == self.ring.slot(self.read) {
            (window.first, window.count) = (self.read, count as usize);
        }
        Flow::Retired
    }

    pub(super) fn sweep<V: MemoryView>(&mut self, view: &mut V, slot: GpuVa, count: u64) -> Flow {
        let Some(window) = &mut self.window else { return Flow::Retired };
        let skip = usize::try_from(self.read.wrapping_sub(window.first)).unwrap_or(usize::MAX);
        let packets = window.packets.get(skip..).and_then(|rest| rest.get(..count as usize));
        let answer = view.write(slot, packets.unwrap_or(&[]).as_bytes());
        ask!(self, Stage::Sweep { slot, count }, answer);
        self.read = self.read.wrapping_add(count);
        Flow::Retired
    }

    /// Nothing more to do: the memory goes, too.
    fn nothing(&mut self) -> Flow {
        self.window = Some(Box::default());
        self.rest(Step::Empty)
    }
}
