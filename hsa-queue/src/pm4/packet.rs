//! Decodes PM4 packets. Fields are cited by the name that `soc15d.h` gives them (`PACKET3_<packet>__<field>`).

use crate::error::QueueError;
use crate::memory::{GpuVa, Width};
use crate::pm4::opcode::{Header, Opcode};
use crate::pm4::registers::{Registers, SH_START, UCONFIG_START};
use crate::signal::EventId;
use crate::stream::atomic::Atomic;
use crate::stream::format::{Format, Packet, Work, address, wide};
use crate::stream::op::{Function, Op};
use crate::stream::transfer::Transfer;
use crate::wave::{Pm4Dispatch, Waves};

/// The format, and the registers that its packets set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pm4 {
    waves: Waves,
    registers: Registers,
}

/// A packet's dwords; those that it does not have are zero.
#[derive(Clone, Copy)]
struct Words<'a>(&'a [u32]);

impl Words<'_> {
    fn get(self, index: usize) -> u32 {
        self.0.get(index).copied().unwrap_or(0)
    }

    fn wide(self, index: usize) -> u64 {
        wide(self.get(index), self.get(index + 1))
    }

    /// An address whose lowest bits are no part of it (`ADDR_LO` holds bits 31:2, or 31:3 for 64 bits).
    fn va(self, index: usize, width: Width) -> GpuVa {
        let drop = width.bytes() as u32 - 1;
        address(self.get(index) & !drop, self.get(index + 1))
    }
}

impl Pm4 {
    /// With an engine for waves.
    #[must_use]
    pub fn new(waves: Waves) -> Self {
        Self { waves, registers: Registers::default() }
    }

    /// The registers that packets have set so far.
    #[must_use]
    pub const fn registers(&self) -> &Registers {
        &self.registers
    }

    /// COPY_DATA: 1 control, 2–3 source, 4–5 destination.
    fn copy_data(&self, words: Words<'_>, total: u64) -> Result<Packet, QueueError> {
        let control = words.get(1);
        let width = if control & 1 << 16 != 0 { Width::Eight } else { Width::Four };
        let dst_register = match control >> 8 & 0xf {
            // MEM_MAPPED_REGISTER, PERFCOUNTERS, MEM_MAPPED_REG_DC: not kept, as nothing here reads them.
            0 | 4 | 6 => true,
            // memory through GRBM, TC_L2, MEMORY
            1 | 2 | 5 => false,
            _ => return Err(QueueError::Malformed),
        };
        let dst = words.va(4, width);
        let value = match control & 0xf {
            // MEM_MAPPED_REGISTER, PERFCOUNTERS
            0 | 4 => {
                let register = words.get(2) & 0x3_ffff;
                wide(self.registers.get(register), self.registers.get(register.wrapping_add(1)))
            }
            // MEMORY, TC_L2
            1 | 2 if dst_register => 0,
            1 | 2 => {
                let copy = Op::Move { src: words.va(2, width), dst, width };
                return Ok(Packet::new(total, Work::Op(copy)));
            }
            // IMMEDIATE_DATA
            5 => words.wide(2),
            // GPU_CLOCK_COUNT
            9 if dst_register => 0,
            9 => return Ok(Packet::new(total, Work::Op(Op::Stamp { va: words.va(4, Width::Eight) }))),
            _ => return Err(QueueError::Malformed),
        };
        if dst_register {
            return Ok(Packet::new(total, Work::Nothing));
        }
        Ok(Packet::new(total, Work::Op(Op::Store { va: dst, value, width })))
    }
}

/// RELEASE_MEM: 1 event and cache actions, 2 selections, 3–4 address, 5–6 data, 7 interrupt context.
fn release_mem(words: Words<'_>, total: u64) -> Result<Packet, QueueError> {
    let select = words.get(2);
    let store = |width| Op::Store { va: words.va(3, width), value: words.wide(5), width };
    let work = match select >> 29 {
        0 => Work::Nothing,
        1 => Work::Op(store(Width::Four)),
        2 => Work::Op(store(Width::Eight)),
        // The GPU's clock and the system's are one here.
        3 | 4 => Work::Op(Op::Stamp { va: words.va(3, Width::Eight) }),
        _ => return Err(QueueError::Malformed),
    };
    // INT_SEL: 1 interrupt only, 2 after the write is confirmed, 4 whatever comes of it; 0 and 3 none. 5 and 6 compare.
    let raise = match select >> 24 & 7 {
        0 | 3 => None,
        1 | 2 | 4 => Some(EventId(words.get(7))),
        _ => return Err(QueueError::Malformed),
    };
    Ok(Packet { raise, ..Packet::new(total, work) })
}

/// WRITE_DATA: 1 control, 2–3 address, data from 4 on.
fn write_data(words: Words<'_>, total: u64) -> Result<Packet, QueueError> {
    let control = words.get(1);
    let dwords = total - 4;
    let va = words.va(2, Width::Four);
    match control >> 8 & 0xf {
        // Registers that are mapped for nobody's queue.
        0 | 6 => Ok(Packet::new(total, Work::Nothing)),
        1 | 2 | 5 => {
            let one = |value| Op::Store { va, value: u64::from(value), width: Width::Four };
            let work = match dwords {
                1 => Work::Op(one(words.get(4))),
                2 if va.is_aligned(8) && control & 1 << 16 == 0 => {
                    Work::Op(Op::Store { va, value: words.wide(4), width: Width::Eight })
                }
                _ if control & 1 << 16 == 0 => Work::Payload { dst: va, first: 4, dwords },
                // ADDR_INCR: DO_NOT_INCREMENT_ADDRESS. To memory it leaves the last, which no client asks for.
                _ => return Err(QueueError::Malformed),
            };
            Ok(Packet::new(total, work))
        }
        _ => Err(QueueError::Malformed),
    }
}

/// WAIT_REG_MEM: 1 control, 2–3 address, 4 reference, 5 mask, 6 interval. WAIT_REG_MEM64: 4–5 reference, 6–7 mask.
fn wait_reg_mem(words: Words<'_>, total: u64, width: Width) -> Result<Packet, QueueError> {
    let control = words.get(1);
    let function = Function::new(control & 7).ok_or(QueueError::Malformed)?;
    // MEM_SPACE: a register's value is what the client waits for. Clients wait for the flush of the host data path, which
    // is always done, and for units that are not here to be idle.
    let registers = control >> 4 & 3 == 0;
    if registers || function == Function::Always {
        return Ok(Packet::new(total, Work::Nothing));
    }
    let (reference, mask) = match width {
        Width::Four => (u64::from(words.get(4)), u64::from(words.get(5))),
        Width::Eight => (words.wide(4), words.wide(6)),
    };
    Ok(Packet::new(total, Work::Op(Op::Poll { va: words.va(2, width), width, function, mask, reference })))
}

/// DMA_DATA: 1 control, 2–3 source or data, 4–5 destination, 6 command.
fn dma_data(words: Words<'_>, total: u64) -> Result<Packet, QueueError> {
    let (control, command) = (words.get(1), words.get(6));
    let len = u64::from(command & 0x3ff_ffff);
    // SAS, DAS, SAIC, DAIC: register spaces and fixed addresses.
    if command >> 26 & 0xf != 0 || !matches!(control >> 20 & 3, 0 | 3) {
        return Err(QueueError::Malformed);
    }
    let dst = GpuVa(words.wide(4));
    let transfer = match control >> 29 & 3 {
        0 | 3 => Transfer::copy(dst, GpuVa(words.wide(2)), len),
        2 => Transfer::fill(dst, words.get(2), len),
        _ => return Err(QueueError::Malformed),
    };
    Ok(Packet::new(total, Work::Op(Op::Transfer(transfer))))
}

impl Format for Pm4 {
    fn fixed(&self, header: u32) -> Result<u64, QueueError> {
        match Header::new(header).ok_or(QueueError::Opcode)? {
            Header::Filler => Ok(1),
            Header::Type3 { row, total } if total < u64::from(row.least) => Err(QueueError::Malformed),
            Header::Type3 { row, total } => Ok(total.min(u64::from(row.decoded))),
        }
    }

    fn decode(&self, words: &[u32]) -> Result<Packet, QueueError> {
        let words = Words(words);
        let Header::Type3 { row, total } = Header::new(words.get(0)).ok_or(QueueError::Opcode)? else {
            return Ok(Packet::new(1, Work::Nothing));
        };
        let work = match row.opcode {
            Opcode::Nop | Opcode::EventWrite | Opcode::Sync => Work::Nothing,
            Opcode::DispatchDirect => {
                let groups = [words.get(1), words.get(2), words.get(3)];
                Work::Dispatch { groups, initiator: words.get(4) }
            }
            Opcode::DispatchIndirect => {
                Work::DispatchIndirect { va: words.va(1, Width::Four), initiator: words.get(3) }
            }
            // 1 control (ATOMIC 6:0, COMMAND 11:8), 2–3 address, 4–5 source, 6–7 comparand, 8 interval
            Opcode::AtomicMem => {
                let (control, until) = (words.get(1), words.get(1) >> 8 & 0xf == 1);
                let width = if control & 0x20 != 0 { Width::Eight } else { Width::Four };
                let va = words.va(2, width);
                let atomic = Atomic::new(control & 0x7f, va, words.wide(4), words.wide(6), until);
                Work::Op(Op::Atomic(atomic.ok_or(QueueError::Malformed)?))
            }
            // 1–2 address, 3 reserved, 4 EXEC_COUNT
            Opcode::CondExec => {
                let skip = u64::from(words.get(4) & 0x3fff);
                Work::SkipIf { va: words.va(1, Width::Four), reference: 0, equal: true, skip }
            }
            // EXEC_COUNT 13:0, VIRTUAL_XCC_ID_SELECT 31:24
            Opcode::PredExec => {
                let chosen = words.get(1) >> 24 & 1 != 0;
                let skip = if chosen { 0 } else { u64::from(words.get(1) & 0x3fff) };
                return Ok(Packet::new(total + skip, Work::Nothing));
            }
            Opcode::WriteData => return write_data(words, total),
            Opcode::WaitRegMem => return wait_reg_mem(words, total, Width::Four),
            Opcode::WaitRegMem64 => return wait_reg_mem(words, total, Width::Eight),
            // 1–2 IB_BASE, 3 IB_SIZE 19:0, CHAIN 20, VALID 23
            Opcode::IndirectBuffer => {
                let size = words.get(3);
                if size & 1 << 23 == 0 {
                    return Err(QueueError::IndirectBuffer);
                }
                let (base, dwords) = (words.va(1, Width::Four), u64::from(size & 0xf_ffff));
                Work::Indirect { base, dwords, chain: size & 1 << 20 != 0 }
            }
            Opcode::CopyData => return self.copy_data(words, total),
            Opcode::ReleaseMem => return release_mem(words, total),
            Opcode::DmaData => return dma_data(words, total),
            Opcode::SetShReg => Work::Registers { register: SH_START + (words.get(1) & 0xffff), first: 2 },
            Opcode::SetUconfigReg => {
                Work::Registers { register: UCONFIG_START + (words.get(1) & 0xffff), first: 2 }
            }
        };
        Ok(Packet::new(total, work))
    }

    fn set_register(&mut self, register: u32, value: u32) {
        self.registers.set(register, value);
    }

    fn dispatch(&mut self, groups: [u32; 3], initiator: u32) -> Result<(), QueueError> {
        let registers = &self.registers;
        self.waves.pm4(&Pm4Dispatch { groups, initiator, registers })
    }
}
