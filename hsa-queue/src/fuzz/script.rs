//! What the bytes of an input say.
//!
//! | bytes | meaning |
//! |---|---|
//! | 0 | flags: 1 every access is answered late, 2 waves are null, 4 a newer engine, 8 waves run |
//! | 1 | the ring's size, 64 bytes shifted left by up to 4 |
//! | 2 | packets in a turn, less one, up to 64 |
//! | 3 | turns, less one |
//! | 4–5 | the write index, in the queue's own unit |
//! | 6 | stores of the client between turns, 6 bytes each at the end: where (from the start of memory), what |
//! | 7 | what is added to the write index's upper half |
//! | then | the ring, then the memory from [`DATA`] on |

use crate::layout::amd_queue;
use crate::local::LocalMemory;
use crate::memory::{Access, GpuVa, MemoryView};
use crate::queue_regs::QueueRegs;

/// First byte of the client's memory; an `amd_queue_t` begins it.
const BASE: u64 = 0x1000;
const BYTES: usize = 0x2000;
const RING: u64 = 0x1400;
const DATA: u64 = 0x1800;
/// The signal that takes queue errors.
const INACTIVE: u64 = 0x1200;

pub(super) struct Script<'a> {
    head: [u8; 8],
    body: &'a [u8],
    pokes: &'a [[u8; 6]],
}

impl<'a> Script<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut head = [0; 8];
        let (first, rest) = bytes.split_at(bytes.len().min(8));
        head[..first.len()].copy_from_slice(first);
        let pokes = usize::from(head[6] % 16).min(rest.len() / 6);
        let (body, pokes) = rest.split_at(rest.len() - pokes * 6);
        Self { head, body, pokes: pokes.as_chunks().0 }
    }

    pub(super) fn reluctant(&self) -> bool {
        self.head[0] & 1 != 0
    }

    pub(super) fn null_waves(&self) -> bool {
        self.head[0] & 2 != 0
    }

    /// Before `null_waves`.
    pub(super) fn runs_waves(&self) -> bool {
        self.head[0] & 8 != 0
    }

    pub(super) fn newer(&self) -> bool {
        self.head[0] & 4 != 0
    }

    pub(super) fn budget(&self) -> u32 {
        u32::from(self.head[2] % 64) + 1
    }

    /// A reluctant view needs many turns for a packet.
    pub(super) fn turns(&self) -> u32 {
        (u32::from(self.head[3] % 64) + 1) * if self.reluctant() { 16 } else { 1 }
    }

    fn ring_bytes(&self) -> u64 {
        64 << (self.head[1] % 5)
    }

    pub(super) fn regs(&self) -> QueueRegs {
        QueueRegs {
            ring: GpuVa(RING),
            size_bytes: self.ring_bytes(),
            write_index: GpuVa(BASE + amd_queue::WRITE_DISPATCH_ID),
            read_index: GpuVa(BASE + amd_queue::READ_DISPATCH_ID),
        }
    }

    pub(super) fn memory(&self) -> LocalMemory {
        let memory = LocalMemory::new(GpuVa(BASE), BYTES);
        let [_, _, _, _, low, high, _, upper] = self.head;
        let index = u64::from(u16::from_le_bytes([low, high])) | u64::from(upper) << 56;
        put(&memory, BASE + amd_queue::WRITE_DISPATCH_ID, &index.to_le_bytes());
        let offset = (amd_queue::READ_DISPATCH_ID as u32).to_le_bytes();
        put(&memory, BASE + amd_queue::READ_DISPATCH_ID_FIELD_BASE_BYTE_OFFSET, &offset);
        put(&memory, BASE + amd_queue::QUEUE_INACTIVE_SIGNAL, &INACTIVE.to_le_bytes());
        let (ring, data) = self.body.split_at(self.body.len().min(self.ring_bytes() as usize));
        put(&memory, RING, ring);
        put(&memory, DATA, data.get(..BYTES - (DATA - BASE) as usize).unwrap_or(data));
        memory
    }

    /// Where and what the client stores, one a turn.
    pub(super) fn pokes(&self) -> impl Iterator<Item = (GpuVa, u32)> + 'a {
        self.pokes.iter().map(|&[low, high, a, b, c, d]| {
            let at = u64::from(u16::from_le_bytes([low, high])) & !3;
            (GpuVa(BASE + at % BYTES as u64), u32::from_le_bytes([a, b, c, d]))
        })
    }
}

fn put(memory: &LocalMemory, va: u64, bytes: &[u8]) {
    let answer = { memory }.write(GpuVa(va), bytes);
    debug_assert_eq!(answer, Access::Ready(()), "all of it lies inside");
}

/// A store of the client.
pub(super) fn poke(memory: &LocalMemory, va: GpuVa, value: u32) {
    let answer = { memory }.store_u32(va, value);
    debug_assert_eq!(answer, Access::Ready(()), "all of it lies inside");
}
