//! The head of a queue whose memory answers at once: most packets of a batch are barriers with nothing to wait for and
//! nobody to tell, and these are retired here, in place where the view hands out words. Everything else leaves for the
//! general way.

use super::{Finish, Flow, Processor, ahead};
use crate::aql::packet::{Header, INVALID_HEADER, PacketType};
use crate::clock::Clock;
use crate::memory::{Access, MemoryView};
use crate::ring::PACKET_BYTES;
use crate::sync::{AtomicU64, Ordering};
use zerocopy::IntoBytes;

/// Retires packets in place while they are barriers with nothing to wait for and nobody to tell; how many. The rest of
/// a header's word is the slot owner's and goes back as it was.
#[inline(always)]
fn pass(words: &[AtomicU64]) -> u64 {
    let mut count = 0;
    for slot in words.as_chunks::<8>().0 {
        let [header, a, b, c, d, e, _, completion] = slot;
        let first = header.load(Ordering::Acquire);
        let other =
            [a, b, c, d, e, completion].iter().fold(0, |all, word| all | word.load(Ordering::Relaxed));
        if Header(first as u32).kind() != PacketType::BarrierAnd || other != 0 {
            break;
        }
        header.store(first & !0xffff | u64::from(INVALID_HEADER), Ordering::Release);
        count += 1;
    }
    count
}

impl Processor {
    /// Retires packets from the head of the queue until `stop`, while they are barriers with nothing to wait for
    /// and nobody to tell: what most packets of a batch are. Keeps the read index in a register for that; the first
    /// packet that is anything else, and the first access that is not ready, leave for the general way.
    #[inline(always)]
    pub(super) fn head<V: MemoryView>(&mut self, view: &mut V, clock: &impl Clock, stop: u64) -> Flow {
        let (ring, limit) = (self.ring, self.limit);
        let mut read = self.read;
        if ahead(limit, read) {
            let count = limit.wrapping_sub(read).min(stop.wrapping_sub(read)).min(ring.run(read));
            if let Some(words) = view.words(ring.slot(read), count * PACKET_BYTES) {
                read = read.wrapping_add(pass(words));
                if read == stop {
                    self.read = read;
                    return Flow::Retired;
                }
            }
        }
        loop {
            let slot = ring.slot(read);
            let header = match view.load_u32(slot) {
                Access::Ready(word)
                    if Header(word).kind() == PacketType::BarrierAnd && ahead(limit, read) =>
                {
                    Header(word)
                }
                answer => {
                    self.read = read;
                    return self.header(view, clock, slot, answer);
                }
            };
            let mut words = [0u64; 8];
            let answer = view.read(slot, words.as_mut_bytes());
            let [_, a, b, c, d, e, _, completion] = words;
            if answer != Access::Ready(()) || a | b | c | d | e | completion != 0 {
                self.read = read;
                return self.body(view, clock, slot, header, words, answer);
            }
            let answer = view.store_u16(slot, INVALID_HEADER);
            if answer != Access::Ready(()) {
                self.read = read;
                return self.free(view, clock, slot, Finish::NONE, answer);
            }
            read = read.wrapping_add(1);
            if read == stop {
                self.read = read;
                return Flow::Retired;
            }
        }
    }
}
