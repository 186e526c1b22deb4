//! Decodes SDMA packets. Fields are cited by the name that `vega10_sdma_pkt_open.h` gives them.

use crate::error::QueueError;
use crate::memory::Width;
use crate::sdma::opcode::{Generation, Opcode, find};
use crate::signal::EventId;
use crate::stream::atomic::Atomic;
use crate::stream::format::{Format, Packet, Work, address, wide};
use crate::stream::op::{Function, Op};
use crate::stream::sub_window::{Image, SubWindow};
use crate::stream::transfer::Transfer;

/// `COPY_LINEAR_HEADER.broadcast`: a second destination follows (9 dwords).
const BROADCAST: u32 = 1 << 27;
/// `COPY_LINEAR_COUNT.count` and `CONST_FILL_COUNT.count`: 22 bits in SDMA 4.0, 30 since 4.4 and 5.2; the bits between
/// are reserved and zero before.
const BYTES: u32 = 0x3fff_ffff;
/// `WRITE_UNTILED_DW_3.count`.
const WRITE_DWORDS: u32 = 0xf_ffff;
/// `INDIRECT_IB_SIZE.ib_size`.
const BUFFER_DWORDS: u32 = 0xf_ffff;
/// `TRAP_INT_CONTEXT.int_context`.
const INT_CONTEXT: u32 = 0xfff_ffff;
/// `POLL_REGMEM_HEADER.mem_poll`.
const MEM_POLL: u32 = 1 << 31;
/// `ATOMIC_HEADER.loop`.
const LOOP: u32 = 1 << 16;
/// `CONST_FILL_HEADER.fillsize`: the logarithm of an element's bytes, 0 to 2.
const FILL_DWORDS: u32 = 2;
/// `COPY_LINEAR_SUBWIN_HEADER.elementsize`: the logarithm of an element's bytes, 0 to 4.
const LARGEST_ELEMENT: u32 = 4;
/// `NOP_HEADER.count`, `COND_EXE_EXEC_COUNT.exec_count`.
const COUNT14: u32 = 0x3fff;

/// SDMA as a format of streams: its headers, lengths and packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sdma {
    generation: Generation,
}

impl Sdma {
    /// Of an engine of this generation.
    #[must_use]
    pub const fn new(generation: Generation) -> Self {
        Self { generation }
    }
}

/// COPY_LINEAR_SUBWIN: 1–2 source, 3 x and y, 4 z and pitch, 5 slice pitch; 6–10 the same of the destination; 11–12 the
/// box. Pitches and extents are in elements, less one.
fn window(word: &impl Fn(usize) -> u32) -> Option<SubWindow> {
    let element = word(0) >> 29;
    if element > LARGEST_ELEMENT {
        return None;
    }
    let bytes = |elements: u64| elements << element;
    let low = |dword: u32| u64::from(dword & 0x3fff);
    let high = |dword: u32| u64::from(dword >> 16 & 0x3fff);
    // Bits 12:11 of z are reserved, and zero, before SDMA 5.
    let z = |dword: u32| u64::from(dword & 0x1fff);
    let image = |at: usize| {
        let pitch = bytes(u64::from(word(at + 3) >> 13) + 1);
        let slice = bytes(u64::from(word(at + 4) & 0xfff_ffff) + 1);
        let skip = bytes(low(word(at + 2))) + high(word(at + 2)) * pitch + z(word(at + 3)) * slice;
        Image { corner: address(word(at), word(at + 1)).offset(skip), pitch, slice }
    };
    let (rows, slices) = (high(word(11)) + 1, z(word(12)) + 1);
    Some(SubWindow::new(image(6), image(1), bytes(low(word(11)) + 1), rows, slices))
}

impl Format for Sdma {
    fn fixed(&self, header: u32) -> Result<u64, QueueError> {
        let row = find(self.generation, header).ok_or(QueueError::Opcode)?;
        let more = if row.opcode == Opcode::CopyLinear && header & BROADCAST != 0 { 2 } else { 0 };
        Ok(u64::from(row.dwords) + more)
    }

    fn decode(&self, words: &[u32]) -> Result<Packet, QueueError> {
        let header = words.first().copied().unwrap_or(0);
        let row = find(self.generation, header).ok_or(QueueError::Opcode)?;
        let word = |index: usize| words.get(index).copied().unwrap_or(0);
        let va = |index: usize| address(word(index), word(index + 1));
        let total = words.len() as u64;
        let op = |op: Op| Ok(Packet::new(total, Work::Op(op)));
        match row.opcode {
            Opcode::Nop => Ok(Packet::new(1 + u64::from(header >> 16 & COUNT14), Work::Nothing)),
            Opcode::CopyLinear => {
                let len = u64::from(word(1) & BYTES) + 1;
                let copy = |dst| Transfer::copy(dst, va(3), len);
                let after = (header & BROADCAST != 0).then(|| copy(va(7)));
                Ok(Packet { after, ..Packet::new(total, Work::Op(Op::Transfer(copy(va(5))))) })
            }
            Opcode::CopyWindow => op(Op::SubWindow(window(&word).ok_or(QueueError::Malformed)?)),
            Opcode::WriteLinear => {
                let dwords = u64::from(word(3) & WRITE_DWORDS) + 1;
                let total = 4 + dwords;
                let dst = va(1);
                // One dword is what a client polls: a store. More than one is a copy.
                if dwords == 1 && dst.is_aligned(4) {
                    let store = Op::Store { va: dst, value: u64::from(word(4)), width: Width::Four };
                    return Ok(Packet::new(total, Work::Op(store)));
                }
                Ok(Packet::new(total, Work::Payload { dst, first: 4, dwords }))
            }
            Opcode::Indirect => {
                let dwords = u64::from(word(3) & BUFFER_DWORDS);
                Ok(Packet::new(total, Work::Indirect { base: va(1), dwords, chain: false }))
            }
            Opcode::Fence => op(Op::Store { va: va(1), value: u64::from(word(3)), width: Width::Four }),
            Opcode::Trap => {
                let raise = Some(EventId(word(1) & INT_CONTEXT));
                Ok(Packet { raise, ..Packet::new(total, Work::Nothing) })
            }
            // A register's value is what the client waits for: the only ones that clients poll are those of the host
            // data path's flush, which is always done.
            Opcode::PollRegmem if header & MEM_POLL == 0 => Ok(Packet::new(total, Work::Nothing)),
            Opcode::PollRegmem => {
                let function = Function::new(header >> 28 & 7).ok_or(QueueError::Malformed)?;
                if function == Function::Always {
                    return Ok(Packet::new(total, Work::Nothing));
                }
                let (reference, mask) = (u64::from(word(3)), u64::from(word(4)));
                op(Op::Poll { va: va(1), width: Width::Four, function, mask, reference })
            }
            Opcode::CondExe => {
                let skip = u64::from(word(4) & COUNT14);
                let look = Work::SkipIf { va: va(1), reference: word(3), equal: false, skip };
                Ok(Packet::new(total, look))
            }
            Opcode::Atomic => {
                let until = header & LOOP != 0;
                let operands = (wide(word(3), word(4)), wide(word(5), word(6)));
                let atomic = Atomic::new(header >> 25, va(1), operands.0, operands.1, until);
                op(Op::Atomic(atomic.ok_or(QueueError::Malformed)?))
            }
            Opcode::ConstFill => {
                let count = u64::from(word(4) & BYTES);
                // The count is of bytes, and the bits below an element do not matter: some clients write the length less
                // one (libhsakmt's tests), others less four (ROCR's blit).
                let (pattern, len) = match header >> 30 {
                    FILL_DWORDS => (word(3), (count & !3) + 4),
                    1 => ((word(3) & 0xffff) * 0x0001_0001, (count & !1) + 2),
                    0 => ((word(3) & 0xff) * 0x0101_0101, count + 1),
                    _ => return Err(QueueError::Malformed),
                };
                op(Op::Transfer(Transfer::fill(va(1), pattern, len)))
            }
            Opcode::TimestampGet => {
                // `write_addr_31_3`
                op(Op::Stamp { va: address(word(1) & !7, word(2)) })
            }
            Opcode::SrbmWrite | Opcode::PreExe | Opcode::DummyTrap | Opcode::GpuvmInv | Opcode::GcrReq => {
                Ok(Packet::new(total, Work::Nothing))
            }
        }
    }

    fn set_register(&mut self, _register: u32, _value: u32) {}

    fn dispatch(&mut self, _groups: [u32; 3], _initiator: u32) -> Result<(), QueueError> {
        Err(QueueError::Opcode)
    }
}
