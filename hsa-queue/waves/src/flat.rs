//! Vector memory: each lane's own address, in memory, in the local data share or in scratch.
//!
//! A lane that has to wait ends the instruction; it is executed again when the answer is there, and lanes that are done keep
//! what they have. Registers are written when all lanes are done, so that an address may lie in the destination.

use crate::host::{AtomicOp, Host};
use crate::operand::{PRIVATE_BASE, SCRATCH_BUFFER, SHARED_BASE, unsupported};
use crate::share::Share;
use crate::stop::Stop;
use crate::wave::{LANES, Wave};
use gcn::row::{Format, Place};
use gcn::{BufferOffset, Inst, Op, Operand};
use hsa_queue::AtomicKind;
use hsa_queue::memory::{Access, Fault, GpuVa, Width};

/// What an instruction does with each lane's address.
#[derive(Debug, Clone, Copy)]
enum Doing {
    Load { bytes: usize, signed: bool, half: Option<bool> },
    Store { bytes: usize, high: bool },
    Atomic { kind: AtomicKind, width: Width },
}

fn doing(op: Op) -> Option<Doing> {
    let load = |bytes, signed| Some(Doing::Load { bytes, signed, half: None });
    let d16 = |bytes, signed, high| Some(Doing::Load { bytes, signed, half: Some(high) });
    let store = |bytes, high| Some(Doing::Store { bytes, high });
    let atomic = |kind, width| Some(Doing::Atomic { kind, width });
    match op {
        Op::load_u8 => load(1, false),
        Op::load_i8 => load(1, true),
        Op::load_u16 => load(2, false),
        Op::load_i16 => load(2, true),
        Op::load_b32 => load(4, false),
        Op::load_b64 => load(8, false),
        Op::load_b96 => load(12, false),
        Op::load_b128 => load(16, false),
        Op::load_u8_d16 => d16(1, false, false),
        Op::load_u8_d16_hi => d16(1, false, true),
        Op::load_i8_d16 => d16(1, true, false),
        Op::load_i8_d16_hi => d16(1, true, true),
        Op::load_b16_d16 => d16(2, false, false),
        Op::load_b16_d16_hi => d16(2, false, true),
        Op::store_b8 => store(1, false),
        Op::store_b8_d16_hi => store(1, true),
        Op::store_b16 => store(2, false),
        Op::store_b16_d16_hi => store(2, true),
        Op::store_b32 => store(4, false),
        Op::store_b64 => store(8, false),
        Op::store_b96 => store(12, false),
        Op::store_b128 => store(16, false),
        Op::atomic_swap_b32 => atomic(AtomicKind::Swap, Width::Four),
        Op::atomic_swap_b64 => atomic(AtomicKind::Swap, Width::Eight),
        Op::atomic_cmpswap_b32 => atomic(AtomicKind::CompareSwap, Width::Four),
        Op::atomic_cmpswap_b64 => atomic(AtomicKind::CompareSwap, Width::Eight),
        Op::atomic_add_u32 => atomic(AtomicKind::Add, Width::Four),
        Op::atomic_add_u64 => atomic(AtomicKind::Add, Width::Eight),
        Op::atomic_sub_u32 => atomic(AtomicKind::Sub, Width::Four),
        Op::atomic_sub_u64 => atomic(AtomicKind::Sub, Width::Eight),
        Op::atomic_min_i32 => atomic(AtomicKind::SMin, Width::Four),
        Op::atomic_min_i64 => atomic(AtomicKind::SMin, Width::Eight),
        Op::atomic_min_u32 => atomic(AtomicKind::UMin, Width::Four),
        Op::atomic_min_u64 => atomic(AtomicKind::UMin, Width::Eight),
        Op::atomic_max_i32 => atomic(AtomicKind::SMax, Width::Four),
        Op::atomic_max_i64 => atomic(AtomicKind::SMax, Width::Eight),
        Op::atomic_max_u32 => atomic(AtomicKind::UMax, Width::Four),
        Op::atomic_max_u64 => atomic(AtomicKind::UMax, Width::Eight),
        Op::atomic_and_b32 => atomic(AtomicKind::And, Width::Four),
        Op::atomic_and_b64 => atomic(AtomicKind::And, Width::Eight),
        Op::atomic_or_b32 => atomic(AtomicKind::Or, Width::Four),
        Op::atomic_or_b64 => atomic(AtomicKind::Or, Width::Eight),
        Op::atomic_xor_b32 => atomic(AtomicKind::Xor, Width::Four),
        Op::atomic_xor_b64 => atomic(AtomicKind::Xor, Width::Eight),
        Op::atomic_inc_u32 => atomic(AtomicKind::Inc, Width::Four),
        Op::atomic_inc_u64 => atomic(AtomicKind::Inc, Width::Eight),
        Op::atomic_dec_u32 => atomic(AtomicKind::Dec, Width::Four),
        Op::atomic_dec_u64 => atomic(AtomicKind::Dec, Width::Eight),
        _ => None,
    }
}

/// Where a lane's address leads.
#[derive(Debug, Clone, Copy)]
enum To {
    Memory(u64),
    Share(u32),
    Scratch(u32),
}

impl Wave {
    /// Executes an instruction of flat or global memory.
    pub(crate) fn execute_flat(
        &mut self,
        inst: &Inst,
        share: &mut Share,
        host: &mut impl Host,
    ) -> Result<(), Stop> {
        let Some(Operand::FlatMemory { vgpr: Some(vgpr), scalar, offset }) =
            inst.at(Place::Address).map(|bound| bound.operand)
        else {
            return unsupported(inst);
        };
        let is_flat = inst.row.format == Format::FLAT;
        let first = usize::from(vgpr);
        let base = match scalar {
            Some(register) if register.0 < 127 => Some(self.pair(register)),
            Some(_) => return unsupported(inst),
            None => None,
        };
        self.vector(inst, first + usize::from(base.is_none()))?;
        let address = |wave: &Self, lane: usize| {
            let low = u64::from(wave.vectors[first].0[lane]);
            let start = match base {
                Some(base) => base.wrapping_add(low),
                None => low | u64::from(wave.vectors[first + 1].0[lane]) << 32,
            };
            let va = start.wrapping_add_signed(offset.into());
            match va & !0xffff_ffff {
                SHARED_BASE if is_flat => To::Share(va as u32),
                PRIVATE_BASE if is_flat => To::Scratch(va as u32),
                _ => To::Memory(va),
            }
        };
        self.each_lane(inst, share, host, address)
    }

    /// Executes an instruction of a buffer, of which only the kernel's own scratch is known.
    pub(crate) fn execute_buffer(
        &mut self,
        inst: &Inst,
        share: &mut Share,
        host: &mut impl Host,
    ) -> Result<(), Stop> {
        if matches!(inst.op(), Op::buffer_wbinvl1 | Op::buffer_wbinvl1_vol) {
            host.acquire();
            return Ok(());
        }
        let Some(Operand::BufferMemory { vgpr, indexed: false, offset_in_vgpr, descriptor, scalar, offset }) =
            inst.at(Place::Address).map(|bound| bound.operand)
        else {
            return unsupported(inst);
        };
        let is_scratch = descriptor.0 < 124 && self.pair(descriptor) & 0xffff_ffff_ffff == SCRATCH_BUFFER;
        if !is_scratch || inst.modifiers.other_space || inst.modifiers.tfe {
            return unsupported(inst);
        }
        let scalar = match scalar {
            BufferOffset::Scalar(register) if register.0 < 125 => self.scalars[usize::from(register.0)],
            BufferOffset::Scalar(_) => return unsupported(inst),
            BufferOffset::Constant(constant) => constant.bits(32) as u32,
        };
        // The scalar part counts bytes of the whole wave, the rest those of a lane.
        let start = (scalar / LANES as u32).wrapping_add(offset.into());
        let first = usize::from(vgpr);
        if offset_in_vgpr {
            self.vector(inst, first)?;
        }
        let address = |wave: &Self, lane: usize| {
            let own = if offset_in_vgpr { wave.vectors[first].0[lane] } else { 0 };
            To::Scratch(start.wrapping_add(own))
        };
        self.each_lane(inst, share, host, address)
    }

    fn each_lane(
        &mut self,
        inst: &Inst,
        share: &mut Share,
        host: &mut impl Host,
        address: impl Fn(&Self, usize) -> To,
    ) -> Result<(), Stop> {
        let Some(doing) = doing(inst.op()) else { return unsupported(inst) };
        if inst.modifiers.other_space {
            return unsupported(inst);
        }
        let data = inst.at(Place::Data).or_else(|| inst.at(Place::Data1)).map(|bound| bound.operand);
        let data = match data {
            Some(Operand::Vgpr(first)) => usize::from(first),
            _ => 0,
        };
        let words = match doing {
            Doing::Load { bytes, .. } => bytes.div_ceil(4),
            Doing::Store { bytes, .. } => bytes.div_ceil(4),
            Doing::Atomic { kind: AtomicKind::CompareSwap, width } => 2 * width.bytes() as usize / 4,
            Doing::Atomic { width, .. } => width.bytes() as usize / 4,
        };
        if !matches!(doing, Doing::Load { .. }) {
            self.vector(inst, data + words - 1)?;
        }
        if self.done == 0 && !self.apart {
            if inst.modifiers.glc && matches!(doing, Doing::Load { .. }) {
                host.acquire();
            }
            self.span(doing, data, words, host, &address)?;
        }
        self.apart = true;
        let waiting = self.exec() & !self.done;
        for lane in (0..LANES).filter(|lane| waiting >> lane & 1 != 0) {
            let to = address(self, lane);
            let word = |wave: &Self, at: usize| wave.vectors[data + at].0[lane];
            let wide = |wave: &Self, at: usize, width| match width {
                Width::Four => word(wave, at).into(),
                Width::Eight => u64::from(word(wave, at)) | u64::from(word(wave, at + 1)) << 32,
            };
            let answer = match doing {
                Doing::Load { bytes, .. } => {
                    let mut loaded = [0; 16];
                    let answer = self.load(to, &mut loaded[..bytes], share, host);
                    for (at, word) in loaded.as_chunks().0.iter().enumerate().take(words) {
                        self.loaded[at].0[lane] = u32::from_le_bytes(*word);
                    }
                    answer
                }
                Doing::Store { bytes, high } => {
                    let mut stored = [0; 16];
                    for (at, chunk) in stored.as_chunks_mut().0.iter_mut().enumerate().take(words) {
                        *chunk = (word(self, at) >> if high { 16 } else { 0 }).to_le_bytes();
                    }
                    self.store(to, &stored[..bytes], share, host)
                }
                Doing::Atomic { kind, width } => {
                    let comparand = match kind {
                        AtomicKind::CompareSwap => wide(self, width.bytes() as usize / 4, width),
                        _ => 0,
                    };
                    let change = AtomicOp { kind, width, operand: wide(self, 0, width), comparand };
                    match self.change(to, change, share, host) {
                        Access::Ready(old) => {
                            self.loaded[0].0[lane] = old as u32;
                            self.loaded[1].0[lane] = (old >> 32) as u32;
                            Access::Ready(())
                        }
                        Access::Pending(ticket) => Access::Pending(ticket),
                        Access::Fault(fault) => Access::Fault(fault),
                    }
                }
            };
            match answer {
                Access::Ready(()) => self.done |= 1 << lane,
                Access::Pending(ticket) => return Err(Stop::Pending(ticket)),
                Access::Fault(fault) => return Err(Stop::Fault(fault)),
            }
        }
        (self.done, self.apart) = (0, false);
        self.keep(inst, doing)
    }

    /// Loads or stores for all lanes at once, if they lie one after the other in memory. Otherwise, and where some of it is not
    /// there, no lane is done.
    fn span(
        &mut self,
        doing: Doing,
        data: usize,
        words: usize,
        host: &mut impl Host,
        address: &impl Fn(&Self, usize) -> To,
    ) -> Result<(), Stop> {
        let (bytes, high) = match doing {
            Doing::Load { bytes, .. } => (bytes, false),
            Doing::Store { bytes, high } => (bytes, high),
            Doing::Atomic { .. } => return Ok(()),
        };
        let exec = self.exec();
        let (first, count) = (exec.trailing_zeros() as usize, exec.count_ones() as usize);
        if count < 2 || exec >> first != u64::MAX >> (LANES - count) {
            return Ok(());
        }
        let To::Memory(start) = address(self, first) else { return Ok(()) };
        let follows = |lane: usize| {
            let expected = start.checked_add((lane * bytes) as u64);
            matches!(address(self, first + lane), To::Memory(va) if Some(va) == expected)
        };
        if !(1..count).all(follows) {
            return Ok(());
        }
        let mut buffer = [0; 16 * LANES];
        let buffer = &mut buffer[..bytes * count];
        let answer = if matches!(doing, Doing::Load { .. }) {
            let answer = host.load(start, buffer);
            for (lane, part) in buffer.chunks_exact(bytes).enumerate() {
                let mut padded = [0; 16];
                padded[..bytes].copy_from_slice(part);
                for (at, word) in padded.as_chunks().0.iter().enumerate().take(words) {
                    self.loaded[at].0[first + lane] = u32::from_le_bytes(*word);
                }
            }
            answer
        } else {
            for (lane, part) in buffer.chunks_exact_mut(bytes).enumerate() {
                let mut padded = [0; 16];
                for (at, chunk) in padded.as_chunks_mut().0.iter_mut().enumerate().take(words) {
                    let word = self.vectors[data + at].0[first + lane];
                    *chunk = (word >> if high { 16 } else { 0 }).to_le_bytes();
                }
                part.copy_from_slice(&padded[..bytes]);
            }
            host.store(start, buffer)
        };
        match answer {
            Access::Ready(()) => self.done = exec,
            Access::Pending(ticket) => return Err(Stop::Pending(ticket)),
            // Which lane's it is, each of them tells.
            Access::Fault(_) => {}
        }
        Ok(())
    }

    /// Writes what was loaded.
    fn keep(&mut self, inst: &Inst, doing: Doing) -> Result<(), Stop> {
        let (words, load) = match doing {
            Doing::Load { bytes, signed, half } => (bytes.div_ceil(4), Some((bytes, signed, half))),
            Doing::Atomic { width, .. } if inst.modifiers.glc => (width.bytes() as usize / 4, None),
            Doing::Store { .. } | Doing::Atomic { .. } => return Ok(()),
        };
        let to = [Place::Dst, Place::Old, Place::Data1].into_iter().find_map(|place| inst.at(place));
        let Some(Operand::Vgpr(first)) = to.map(|bound| bound.operand) else { return unsupported(inst) };
        let first = usize::from(first);
        self.vector(inst, first + words - 1)?;
        let exec = self.exec();
        for at in 0..words {
            for lane in (0..LANES).filter(|lane| exec >> lane & 1 != 0) {
                let word = self.loaded[at].0[lane];
                let value = match load {
                    Some((1, true, _)) => i32::from(word as i8) as u32,
                    Some((2, true, _)) => i32::from(word as i16) as u32,
                    _ => word,
                };
                let old = &mut self.vectors[first + at].0[lane];
                *old = match load.and_then(|(_, _, half)| half) {
                    Some(true) => *old & 0xffff | value << 16,
                    Some(false) => *old & 0xffff_0000 | value & 0xffff,
                    None => value,
                };
            }
        }
        Ok(())
    }

    fn load(&mut self, to: To, into: &mut [u8], share: &mut Share, host: &mut impl Host) -> Access<()> {
        match to {
            To::Memory(va) => host.load(va, into),
            To::Share(at) => {
                share.load(at, into);
                Access::Ready(())
            }
            To::Scratch(at) => {
                let there = self.scratch.load(self.open(), at, into);
                if there { Access::Ready(()) } else { beyond(at, into.len(), false) }
            }
        }
    }

    fn store(&mut self, to: To, bytes: &[u8], share: &mut Share, host: &mut impl Host) -> Access<()> {
        match to {
            To::Memory(va) => host.store(va, bytes),
            To::Share(at) => {
                share.store(at, bytes);
                Access::Ready(())
            }
            To::Scratch(at) => {
                let lane = self.open();
                let there = self.scratch.store(lane, at, bytes);
                if there { Access::Ready(()) } else { beyond(at, bytes.len(), true) }
            }
        }
    }

    fn change(&mut self, to: To, change: AtomicOp, share: &mut Share, host: &mut impl Host) -> Access<u64> {
        match to {
            To::Memory(va) => host.atomic(va, change),
            To::Share(at) => Access::Ready(share.change(at, change)),
            To::Scratch(at) => {
                let (lane, bytes, mut word) = (self.open(), change.bytes(), [0; 8]);
                if !self.scratch.load(lane, at, &mut word[..bytes]) {
                    return beyond(at, bytes, true);
                }
                let old = u64::from_le_bytes(word);
                let new = change.apply(old).to_le_bytes();
                self.scratch.store(lane, at, &new[..bytes]);
                Access::Ready(old)
            }
        }
    }

    /// The lane that asks: the first that takes part and is not done.
    fn open(&self) -> usize {
        (self.exec() & !self.done).trailing_zeros() as usize % LANES
    }
}

/// A lane's scratch ends before that.
fn beyond<T>(at: u32, len: usize, write: bool) -> Access<T> {
    Access::Fault(Fault { va: GpuVa(PRIVATE_BASE + u64::from(at)), len: len as u64, write })
}
