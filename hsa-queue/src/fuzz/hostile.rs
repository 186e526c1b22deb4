//! Memory that may answer late, and checks that it is asked as the re-ask rule says.

use crate::aql::packet::{INVALID_HEADER, KernelDispatchPacket};
use crate::error::QueueError;
use crate::local::LocalMemory;
use crate::memory::{Access, Fault, GpuVa, MemoryView, Slots, Ticket, Width};
use crate::ring::PACKET_BYTES;
use crate::sync::AtomicU64;
use crate::wave::{AqlDispatch, Ran, WaveEngine};
use zerocopy::IntoBytes;

/// What identifies an access: which kind, where, how long, with which operand.
type Asked = (u8, GpuVa, u64, u64);

pub(super) struct Hostile<'a> {
    memory: &'a LocalMemory,
    reluctant: bool,
    open: Option<Asked>,
    count: u32,
    waves: Waves,
}

/// An engine that answers each dispatch when it is asked the second time, as the packet's kernel says.
#[derive(Default)]
struct Waves {
    open: Option<(GpuVa, u64, KernelDispatchPacket)>,
}

impl WaveEngine for Waves {
    fn dispatch(&mut self, dispatch: &AqlDispatch<'_>) -> Access<Result<Ran, QueueError>> {
        let asked = (dispatch.slot, dispatch.id, *dispatch.packet);
        let Some(open) = self.open.take() else {
            self.open = Some(asked);
            return Access::Pending(Ticket(dispatch.id));
        };
        assert_eq!(open, asked, "another dispatch was asked while one is open");
        match dispatch.packet.kernel_object % 4 {
            0 => Access::Ready(Ok(Ran::ALL_THE_TIME)),
            1 => Access::Ready(Ok(Ran { began: u64::MAX, ended: 0 })),
            2 => Access::Ready(Err(QueueError::GroupSegmentSize)),
            _ => Access::Fault(Fault { va: dispatch.slot, len: 1, write: true }),
        }
    }
}

impl<'a> Hostile<'a> {
    pub(super) fn new(memory: &'a LocalMemory, reluctant: bool) -> Self {
        Self { memory, reluctant, open: None, count: 0, waves: Waves::default() }
    }

    /// How many accesses there were since it was last asked.
    pub(super) fn take_count(&mut self) -> u32 {
        std::mem::take(&mut self.count)
    }

    fn ask<T>(&mut self, asked: Asked, answer: impl FnOnce(&mut &LocalMemory) -> Access<T>) -> Access<T> {
        self.count += 1;
        if self.reluctant {
            match self.open.take() {
                None => {
                    self.open = Some(asked);
                    return Access::Pending(Ticket(u64::from(self.count)));
                }
                Some(open) => assert_eq!(open, asked, "another access was asked while one is open"),
            }
        }
        answer(&mut { self.memory })
    }
}

impl MemoryView for Hostile<'_> {
    fn load_u64(&mut self, va: GpuVa) -> Access<u64> {
        self.ask((0, va, 8, 0), |memory| memory.load_u64(va))
    }

    fn load_u32(&mut self, va: GpuVa) -> Access<u32> {
        self.ask((1, va, 4, 0), |memory| memory.load_u32(va))
    }

    fn store_u64(&mut self, va: GpuVa, value: u64) -> Access<()> {
        self.ask((2, va, 8, value), |memory| memory.store_u64(va, value))
    }

    fn store_u32(&mut self, va: GpuVa, value: u32) -> Access<()> {
        self.ask((3, va, 4, u64::from(value)), |memory| memory.store_u32(va, value))
    }

    fn store_u16(&mut self, va: GpuVa, value: u16) -> Access<()> {
        self.ask((4, va, 2, u64::from(value)), |memory| memory.store_u16(va, value))
    }

    fn read(&mut self, va: GpuVa, out: &mut [u8]) -> Access<()> {
        self.ask((5, va, out.len() as u64, 0), |memory| memory.read(va, out))
    }

    fn write(&mut self, va: GpuVa, bytes: &[u8]) -> Access<()> {
        self.ask((6, va, bytes.len() as u64, 0), |memory| memory.write(va, bytes))
    }

    fn fetch_sub_u64(&mut self, va: GpuVa, n: u64) -> Access<u64> {
        self.ask((7, va, 8, n), |memory| memory.fetch_sub_u64(va, n))
    }

    fn compare_exchange(&mut self, va: GpuVa, width: Width, old: u64, new: u64) -> Option<Access<u64>> {
        if self.reluctant {
            return None;
        }
        self.count += 1;
        { self.memory }.compare_exchange(va, width, old, new)
    }

    /// Every second slot is one of those that a view has nothing better for.
    fn packets(&mut self, retired: Slots, wanted: Slots, out: &mut [[u64; 8]]) -> Option<Access<usize>> {
        if !self.reluctant || wanted.va.0 & PACKET_BYTES != 0 {
            return None;
        }
        let counts = u64::from(retired.count) << 32 | u64::from(wanted.count);
        Some(self.ask((8, retired.va, counts, wanted.va.0), |memory| {
            for slot in 0..u64::from(retired.count) {
                let at = retired.va.offset(slot * PACKET_BYTES);
                if let Access::Fault(fault) = memory.store_u16(at, INVALID_HEADER) {
                    return Access::Fault(fault);
                }
            }
            let (mut read, mut at) = (0, wanted.va);
            for packet in out {
                let mut words = [0u64; 8];
                if let Access::Fault(fault) = memory.read(at, words.as_mut_bytes()) {
                    return Access::Fault(fault);
                }
                if words[0] as u8 == INVALID_HEADER as u8 {
                    break;
                }
                *packet = words;
                (read, at) = (read + 1, at.offset(PACKET_BYTES));
            }
            Access::Ready(read)
        }))
    }

    fn words(&mut self, va: GpuVa, len: u64) -> Option<&[AtomicU64]> {
        if self.reluctant {
            return None;
        }
        self.memory.words_at(va, len)
    }

    fn waves(&mut self) -> Option<&mut dyn WaveEngine> {
        Some(&mut self.waves)
    }
}
