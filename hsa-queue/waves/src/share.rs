//! The local data share of a work-group, and the instructions that reach it or move data between lanes by it.
//!
//! What lies beyond it reads as zero and is not written, as on hardware.

use crate::host::AtomicOp;
use crate::lane::float;
use crate::operand::unsupported;
use crate::stop::Stop;
use crate::vector::shape::{ROW, Shape, shape};
use crate::wave::{LANES, Lanes, Wave};
use gcn::row::Place;
use gcn::{Inst, Op, Operand};
use hsa_queue::AtomicKind;
use hsa_queue::memory::Width;

/// See the module's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    bytes: Vec<u8>,
}

impl Share {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes] }
    }

    /// Makes all of it zero.
    pub(crate) fn clear(&mut self) {
        self.bytes.fill(0);
    }

    pub(crate) fn load(&self, at: u32, into: &mut [u8]) {
        let at = at as usize;
        if let Some(part) = self.bytes.get(at..at + into.len()) {
            into.copy_from_slice(part);
            return;
        }
        for (offset, byte) in into.iter_mut().enumerate() {
            *byte = self.bytes.get(at + offset).copied().unwrap_or(0);
        }
    }

    /// The word at `at`; zeros stand for what of it lies beyond the end.
    #[inline]
    fn word(&self, at: usize) -> u32 {
        match self.bytes.get(at..at + 4) {
            Some(part) => u32::from_le_bytes([part[0], part[1], part[2], part[3]]),
            None => u32::from_le_bytes(std::array::from_fn(|byte| {
                self.bytes.get(at + byte).copied().unwrap_or(0)
            })),
        }
    }

    pub(crate) fn store(&mut self, at: u32, bytes: &[u8]) {
        let at = at as usize;
        if let Some(part) = self.bytes.get_mut(at..at + bytes.len()) {
            part.copy_from_slice(bytes);
            return;
        }
        for (offset, byte) in bytes.iter().enumerate() {
            if let Some(old) = self.bytes.get_mut(at + offset) {
                *old = *byte;
            }
        }
    }

    pub(crate) fn change(&mut self, at: u32, change: AtomicOp) -> u64 {
        let bytes = change.bytes();
        let mut word = [0; 8];
        self.load(at, &mut word[..bytes]);
        let old = u64::from_le_bytes(word);
        self.store(at, &change.apply(old).to_le_bytes()[..bytes]);
        old
    }
}

impl Share {
    /// All its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Stores registers word by word for the lanes that a mask names, one lane's after the other's; if one of them has no
    /// room, nothing.
    pub(crate) fn scatter(&mut self, at: &Lanes, offset: u32, data: &[Box<Lanes>], mask: u64) -> bool {
        let len = 4 * data.len();
        let Some(last) = self.bytes.len().checked_sub(len) else { return false };
        let beyond = |lane: usize| at.0[lane].wrapping_add(offset) as usize > last;
        if (0..LANES).any(|lane| mask >> lane & 1 != 0 && beyond(lane)) {
            return false;
        }
        for lane in (0..LANES).filter(|lane| mask >> lane & 1 != 0) {
            let first = at.0[lane].wrapping_add(offset) as usize;
            let words = self.bytes[first..first + len].as_chunks_mut().0;
            for (word, column) in words.iter_mut().zip(data) {
                *word = column.0[lane].to_le_bytes();
            }
        }
        true
    }

    /// Stores a register of which each row's words lie side by side; if that is not so, or not all lanes take part, nothing.
    pub(crate) fn store_rows(&mut self, at: &Lanes, offset: u32, data: &Lanes) -> bool {
        let rows = at.0.as_chunks::<ROW>().0;
        let place = |at: &[u32; ROW]| at[0].wrapping_add(offset) as usize;
        let fits = |at: &[u32; ROW]| {
            shape(at) == Shape::Words
                && place(at).checked_add(4 * ROW).is_some_and(|end| end <= self.bytes.len())
        };
        if !rows.iter().all(fits) {
            return false;
        }
        for (at, data) in rows.iter().zip(data.0.as_chunks::<ROW>().0) {
            let first = place(at);
            for (to, word) in self.bytes[first..first + 4 * ROW].as_chunks_mut().0.iter_mut().zip(data) {
                *to = word.to_le_bytes();
            }
        }
        true
    }
}

/// What an instruction of the data share adds to its address.
pub(crate) fn offset(inst: &Inst) -> u32 {
    match inst.at(Place::Offset).map(|bound| bound.operand) {
        Some(Operand::Imm(offset)) => offset.into(),
        _ => 0,
    }
}

/// How a load fills its registers.
#[derive(Clone, Copy)]
enum Fill {
    /// Whole registers, zeros above a byte or a short.
    Whole,
    /// One register, the sign above.
    Signed,
    /// The low or, if so, the high half of a register, whose other half stays; with or without the byte's sign.
    Half { high: bool, signed: bool },
}

/// Loads of one place: bytes, and what becomes of them.
fn single_load(op: Op) -> Option<(usize, Fill)> {
    let half = |high, signed| Fill::Half { high, signed };
    Some(match op {
        Op::ds_read_b32 => (4, Fill::Whole),
        Op::ds_read_b64 => (8, Fill::Whole),
        Op::ds_read_b96 => (12, Fill::Whole),
        Op::ds_read_b128 => (16, Fill::Whole),
        Op::ds_read_u8 => (1, Fill::Whole),
        Op::ds_read_i8 => (1, Fill::Signed),
        Op::ds_read_u16 => (2, Fill::Whole),
        Op::ds_read_i16 => (2, Fill::Signed),
        Op::ds_read_u8_d16 => (1, half(false, false)),
        Op::ds_read_u8_d16_hi => (1, half(true, false)),
        Op::ds_read_i8_d16 => (1, half(false, true)),
        Op::ds_read_i8_d16_hi => (1, half(true, true)),
        Op::ds_read_u16_d16 => (2, half(false, false)),
        Op::ds_read_u16_d16_hi => (2, half(true, false)),
        _ => return None,
    })
}

/// Stores of one place: bytes, and whether they are those of the register's high half.
fn single_store(op: Op) -> Option<(usize, bool)> {
    Some(match op {
        Op::ds_write_b8 => (1, false),
        Op::ds_write_b16 => (2, false),
        Op::ds_write_b8_d16_hi => (1, true),
        Op::ds_write_b16_d16_hi => (2, true),
        Op::ds_write_b32 => (4, false),
        Op::ds_write_b64 => (8, false),
        Op::ds_write_b96 => (12, false),
        Op::ds_write_b128 => (16, false),
        _ => return None,
    })
}

/// The new word of the old and the operand.
type Change = fn(u64, u64) -> u64;

/// Operations that only the data share has: bytes, and what becomes of the word.
fn change(op: Op) -> Option<(usize, Change)> {
    /// Of floats by their bits; `$float` of so many bits.
    macro_rules! floats {
        ($float:ty, $bits:ty, $f:expr) => {
            |old, operand| {
                let f: fn($float, $float) -> $float = $f;
                f(<$float>::from_bits(old as $bits), <$float>::from_bits(operand as $bits)).to_bits().into()
            }
        };
    }
    Some(match op {
        Op::ds_rsub_u32 | Op::ds_rsub_rtn_u32 => (4, |old, operand| operand.wrapping_sub(old)),
        Op::ds_rsub_u64 | Op::ds_rsub_rtn_u64 => (8, |old, operand| operand.wrapping_sub(old)),
        Op::ds_add_f32 | Op::ds_add_rtn_f32 => (4, floats!(f32, u32, |old, operand| old + operand)),
        // In IEEE mode or not, a number is stored before NaN is.
        Op::ds_min_f32 | Op::ds_min_rtn_f32 => (4, floats!(f32, u32, |old, new| float::min(old, new, false))),
        Op::ds_max_f32 | Op::ds_max_rtn_f32 => (4, floats!(f32, u32, |old, new| float::max(old, new, false))),
        Op::ds_min_f64 | Op::ds_min_rtn_f64 => (8, floats!(f64, u64, |old, new| float::min(old, new, false))),
        Op::ds_max_f64 | Op::ds_max_rtn_f64 => (8, floats!(f64, u64, |old, new| float::max(old, new, false))),
        _ => return None,
    })
}

/// Two places: bytes of each, the unit of their offsets, and whether they are written.
fn pair(op: Op) -> Option<(usize, u32, bool)> {
    Some(match op {
        Op::ds_read2_b32 => (4, 4, false),
        Op::ds_read2st64_b32 => (4, 256, false),
        Op::ds_read2_b64 => (8, 8, false),
        Op::ds_read2st64_b64 => (8, 512, false),
        Op::ds_write2_b32 => (4, 4, true),
        Op::ds_write2st64_b32 => (4, 256, true),
        Op::ds_write2_b64 => (8, 8, true),
        Op::ds_write2st64_b64 => (8, 512, true),
        _ => return None,
    })
}

fn atomic(op: Op) -> Option<(AtomicKind, Width)> {
    Some(match op {
        Op::ds_add_u32 | Op::ds_add_rtn_u32 => (AtomicKind::Add, Width::Four),
        Op::ds_sub_u32 | Op::ds_sub_rtn_u32 => (AtomicKind::Sub, Width::Four),
        Op::ds_inc_u32 | Op::ds_inc_rtn_u32 => (AtomicKind::Inc, Width::Four),
        Op::ds_dec_u32 | Op::ds_dec_rtn_u32 => (AtomicKind::Dec, Width::Four),
        Op::ds_min_i32 | Op::ds_min_rtn_i32 => (AtomicKind::SMin, Width::Four),
        Op::ds_max_i32 | Op::ds_max_rtn_i32 => (AtomicKind::SMax, Width::Four),
        Op::ds_min_u32 | Op::ds_min_rtn_u32 => (AtomicKind::UMin, Width::Four),
        Op::ds_max_u32 | Op::ds_max_rtn_u32 => (AtomicKind::UMax, Width::Four),
        Op::ds_and_b32 | Op::ds_and_rtn_b32 => (AtomicKind::And, Width::Four),
        Op::ds_or_b32 | Op::ds_or_rtn_b32 => (AtomicKind::Or, Width::Four),
        Op::ds_xor_b32 | Op::ds_xor_rtn_b32 => (AtomicKind::Xor, Width::Four),
        Op::ds_wrxchg_rtn_b32 => (AtomicKind::Swap, Width::Four),
        Op::ds_cmpst_b32 | Op::ds_cmpst_rtn_b32 => (AtomicKind::CompareSwap, Width::Four),
        Op::ds_add_u64 | Op::ds_add_rtn_u64 => (AtomicKind::Add, Width::Eight),
        Op::ds_sub_u64 | Op::ds_sub_rtn_u64 => (AtomicKind::Sub, Width::Eight),
        Op::ds_inc_u64 | Op::ds_inc_rtn_u64 => (AtomicKind::Inc, Width::Eight),
        Op::ds_dec_u64 | Op::ds_dec_rtn_u64 => (AtomicKind::Dec, Width::Eight),
        Op::ds_min_i64 | Op::ds_min_rtn_i64 => (AtomicKind::SMin, Width::Eight),
        Op::ds_max_i64 | Op::ds_max_rtn_i64 => (AtomicKind::SMax, Width::Eight),
        Op::ds_min_u64 | Op::ds_min_rtn_u64 => (AtomicKind::UMin, Width::Eight),
        Op::ds_max_u64 | Op::ds_max_rtn_u64 => (AtomicKind::UMax, Width::Eight),
        Op::ds_and_b64 | Op::ds_and_rtn_b64 => (AtomicKind::And, Width::Eight),
        Op::ds_or_b64 | Op::ds_or_rtn_b64 => (AtomicKind::Or, Width::Eight),
        Op::ds_xor_b64 | Op::ds_xor_rtn_b64 => (AtomicKind::Xor, Width::Eight),
        Op::ds_wrxchg_rtn_b64 => (AtomicKind::Swap, Width::Eight),
        Op::ds_cmpst_b64 | Op::ds_cmpst_rtn_b64 => (AtomicKind::CompareSwap, Width::Eight),
        _ => return None,
    })
}

impl Wave {
    /// Executes an instruction of the data share.
    pub(crate) fn execute_share(&mut self, inst: &Inst, share: &mut Share) -> Result<(), Stop> {
        let op = inst.op();
        if let Some((bytes, fill)) = single_load(op) {
            return self.share_load(inst, share, &[offset(inst)], bytes, fill);
        }
        if let Some((bytes, high)) = single_store(op) {
            return self.share_store(inst, share, &[(offset(inst), Place::Data)], bytes, high);
        }
        if let Some((bytes, f)) = change(op) {
            return self.share_change(inst, share, bytes, f);
        }
        if let Some((bytes, unit, written)) = pair(op) {
            let (first, second) = Self::offsets(inst);
            let (first, second) = (first * unit, second * unit);
            return if written {
                self.share_store(inst, share, &[(first, Place::Data), (second, Place::Data1)], bytes, false)
            } else {
                self.share_load(inst, share, &[first, second], bytes, Fill::Whole)
            };
        }
        if let Some((kind, width)) = atomic(op) {
            return self.share_atomic(inst, share, kind, width);
        }
        match op {
            Op::ds_nop => Ok(()),
            Op::ds_bpermute_b32 | Op::ds_permute_b32 => self.permute(inst),
            Op::ds_swizzle_b32 => self.swizzle(inst),
            _ => self.exchange(inst, share),
        }
    }

    fn offsets(inst: &Inst) -> (u32, u32) {
        match inst.at(Place::Offsets).map(|bound| bound.operand) {
            Some(Operand::Offsets(first, second)) => (first.into(), second.into()),
            _ => (0, 0),
        }
    }

    /// The registers at `place`: the first one's number; there are `count` of them.
    pub(crate) fn registers(&self, inst: &Inst, place: Place, count: usize) -> Result<usize, Stop> {
        match inst.at(place).map(|bound| bound.operand) {
            Some(Operand::Vgpr(first)) => {
                self.vector(inst, usize::from(first) + count - 1)?;
                Ok(first.into())
            }
            _ => unsupported(inst),
        }
    }

    fn share_load(
        &mut self,
        inst: &Inst,
        share: &Share,
        offsets: &[u32],
        bytes: usize,
        fill: Fill,
    ) -> Result<(), Stop> {
        let words = bytes.div_ceil(4);
        let from = *self.vector(inst, self.registers(inst, Place::Address, 1)?)?;
        let to = self.registers(inst, Place::Dst, words * offsets.len())?;
        let exec = self.exec();
        if matches!(fill, Fill::Whole) && bytes.is_multiple_of(4) {
            for (register, column) in self.vectors[to..to + words * offsets.len()].iter_mut().enumerate() {
                let (part, word) = (register / words, register % words);
                for lane in (0..LANES).filter(|lane| exec >> lane & 1 != 0) {
                    let at = from.0[lane].wrapping_add(offsets[part]) as usize;
                    column.0[lane] = share.word(at + 4 * word);
                }
            }
            return Ok(());
        }
        for lane in (0..LANES).filter(|lane| exec >> lane & 1 != 0) {
            for (part, offset) in offsets.iter().enumerate() {
                let mut loaded = [0; 16];
                share.load(from.0[lane].wrapping_add(*offset), &mut loaded[..bytes]);
                for (at, word) in loaded.as_chunks().0.iter().enumerate().take(words) {
                    let word = u32::from_le_bytes(*word);
                    let signed = if bytes == 1 { i32::from(word as i8) } else { i32::from(word as i16) };
                    let old = &mut self.vectors[to + part * words + at].0[lane];
                    *old = match fill {
                        Fill::Whole => word,
                        Fill::Signed => signed as u32,
                        Fill::Half { high, signed: is_signed } => {
                            let half = (if is_signed { signed as u32 } else { word }) & 0xffff;
                            if high { *old & 0xffff | half << 16 } else { *old & 0xffff_0000 | half }
                        }
                    };
                }
            }
        }
        Ok(())
    }

    fn share_store(
        &mut self,
        inst: &Inst,
        share: &mut Share,
        parts: &[(u32, Place)],
        bytes: usize,
        high: bool,
    ) -> Result<(), Stop> {
        let words = bytes.div_ceil(4);
        let to = *self.vector(inst, self.registers(inst, Place::Address, 1)?)?;
        let exec = self.exec();
        for (offset, place) in parts {
            let from = self.registers(inst, *place, words)?;
            for lane in (0..LANES).filter(|lane| exec >> lane & 1 != 0) {
                let mut stored = [0; 16];
                for (at, chunk) in stored.as_chunks_mut().0.iter_mut().enumerate().take(words) {
                    *chunk = (self.vectors[from + at].0[lane] >> if high { 16 } else { 0 }).to_le_bytes();
                }
                share.store(to.0[lane].wrapping_add(*offset), &stored[..bytes]);
            }
        }
        Ok(())
    }

    fn share_atomic(
        &mut self,
        inst: &Inst,
        share: &mut Share,
        kind: AtomicKind,
        width: Width,
    ) -> Result<(), Stop> {
        let words = width.bytes() as usize / 4;
        let at = *self.vector(inst, self.registers(inst, Place::Address, 1)?)?;
        let data = self.registers(inst, Place::Data, words)?;
        let is_compare = kind == AtomicKind::CompareSwap;
        let second = if is_compare { self.registers(inst, Place::Data1, words)? } else { data };
        let gives = inst.at(Place::Dst).is_some();
        let to = if gives { self.registers(inst, Place::Dst, words)? } else { 0 };
        let exec = self.exec();
        for lane in (0..LANES).filter(|lane| exec >> lane & 1 != 0) {
            let wide = |wave: &Self, first: usize| {
                let low = u64::from(wave.vectors[first].0[lane]);
                match width {
                    Width::Four => low,
                    Width::Eight => low | u64::from(wave.vectors[first + 1].0[lane]) << 32,
                }
            };
            // The first word is what is compared with, the second what is stored.
            let comparand = if is_compare { wide(self, data) } else { 0 };
            let change = AtomicOp { kind, width, operand: wide(self, second), comparand };
            let old = share.change(at.0[lane].wrapping_add(offset(inst)), change);
            if gives {
                self.vectors[to].0[lane] = old as u32;
                if width == Width::Eight {
                    self.vectors[to + 1].0[lane] = (old >> 32) as u32;
                }
            }
        }
        Ok(())
    }

    fn share_change(&mut self, inst: &Inst, share: &mut Share, bytes: usize, f: Change) -> Result<(), Stop> {
        let words = bytes / 4;
        let at = *self.vector(inst, self.registers(inst, Place::Address, 1)?)?;
        let data = self.registers(inst, Place::Data, words)?;
        let to = inst.at(Place::Dst).map(|_| self.registers(inst, Place::Dst, words)).transpose()?;
        let exec = self.exec();
        for lane in (0..LANES).filter(|lane| exec >> lane & 1 != 0) {
            let at = at.0[lane].wrapping_add(offset(inst));
            let word = |register: usize| u64::from(self.vectors[register].0[lane]);
            let operand = if words == 2 { word(data) | word(data + 1) << 32 } else { word(data) };
            let mut old = [0; 8];
            share.load(at, &mut old[..bytes]);
            let old = u64::from_le_bytes(old);
            share.store(at, &f(old, operand).to_le_bytes()[..bytes]);
            if let Some(to) = to {
                self.vectors[to].0[lane] = old as u32;
                if words == 2 {
                    self.vectors[to + 1].0[lane] = (old >> 32) as u32;
                }
            }
        }
        Ok(())
    }

    /// Lanes take (`bpermute`) or send (`permute`) a register by byte addresses of lanes. Lanes that take no part send zeros.
    fn permute(&mut self, inst: &Inst) -> Result<(), Stop> {
        let at = *self.vector(inst, self.registers(inst, Place::Address, 1)?)?;
        let data = *self.vector(inst, self.registers(inst, Place::Data, 1)?)?;
        let to = self.registers(inst, Place::Dst, 1)?;
        let exec = self.exec();
        let other = |lane: usize| (at.0[lane].wrapping_add(offset(inst)) / 4) as usize % LANES;
        let takes_part = |lane: usize| exec >> lane & 1 != 0;
        let mut out = Lanes([0; LANES]);
        for lane in (0..LANES).filter(|lane| takes_part(*lane)) {
            if inst.op() == Op::ds_bpermute_b32 {
                let from = other(lane);
                out.0[lane] = if takes_part(from) { data.0[from] } else { 0 };
            } else {
                out.0[other(lane)] = data.0[lane];
            }
        }
        for lane in (0..LANES).filter(|lane| takes_part(*lane)) {
            self.vectors[to].0[lane] = out.0[lane];
        }
        Ok(())
    }

    fn swizzle(&mut self, inst: &Inst) -> Result<(), Stop> {
        let data = *self.vector(inst, self.registers(inst, Place::Address, 1)?)?;
        let to = self.registers(inst, Place::Dst, 1)?;
        let Some(Operand::Imm(pattern)) = inst.at(Place::Pattern).map(|bound| bound.operand) else {
            return unsupported(inst);
        };
        let pattern = usize::from(pattern);
        let exec = self.exec();
        for lane in (0..LANES).filter(|lane| exec >> lane & 1 != 0) {
            let from = if pattern & 0x8000 != 0 {
                lane & !3 | pattern >> (2 * (lane & 3)) & 3
            } else {
                lane & !31 | (lane & pattern & 31 | pattern >> 5 & 31) ^ pattern >> 10 & 31
            };
            self.vectors[to].0[lane] = if exec >> from & 1 != 0 { data.0[from] } else { 0 };
        }
        Ok(())
    }
}
