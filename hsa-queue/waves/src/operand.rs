//! Operands on their way in and out: registers, constants and literals to lanes, with the modifiers that change them.

use crate::stop::Stop;
use crate::wave::{LANES, Lanes, Wave};
use gcn::row::{Kind, Place, Ty};
use gcn::{Bound, Dpp, Inst, Operand, ScalarReg, SdwaSel, Unused};

/// Bases of the apertures: local data share and scratch, four GiB each (amdkfd's `kfd_flat_memory.c` on gfx9).
pub(crate) const SHARED_BASE: u64 = 1 << 48;
pub(crate) const PRIVATE_BASE: u64 = 2 << 48;
const APERTURE: u64 = 1 << 32;
/// The base in the buffer descriptor of a wave's own scratch: an address of 48 bits that no process has.
pub(crate) const SCRATCH_BUFFER: u64 = 1 << 47;

/// A lane's value in one or two registers.
pub(crate) trait Word: Copy + Default {
    const BITS: u16;
    fn of(bits: u64) -> Self;
    fn bits(self) -> u64;
}

impl Word for u32 {
    const BITS: u16 = 32;
    #[inline(always)]
    fn of(bits: u64) -> Self {
        bits as Self
    }
    #[inline(always)]
    fn bits(self) -> u64 {
        self.into()
    }
}

impl Word for u64 {
    const BITS: u16 = 64;
    #[inline(always)]
    fn of(bits: u64) -> Self {
        bits
    }
    #[inline(always)]
    fn bits(self) -> u64 {
        self
    }
}

impl Word for f32 {
    const BITS: u16 = 32;
    #[inline(always)]
    fn of(bits: u64) -> Self {
        Self::from_bits(bits as u32)
    }
    #[inline(always)]
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Word for f64 {
    const BITS: u16 = 64;
    #[inline(always)]
    fn of(bits: u64) -> Self {
        Self::from_bits(bits)
    }
    #[inline(always)]
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

impl<T: Copy> Lanes<T> {
    /// The same in all lanes.
    pub(crate) fn all(value: T) -> Self {
        Self([value; LANES])
    }

    /// What `f` makes of each lane's number.
    pub(crate) fn from_fn(f: impl FnMut(usize) -> T) -> Self {
        Self(std::array::from_fn(f))
    }
}

/// The value of an operand that is the same whoever reads it.
pub(crate) fn constant(bound: Bound) -> Option<u64> {
    let Ty { bits, kind } = bound.row.ty;
    Some(match bound.operand {
        Operand::Constant(constant) => constant.bits(bits),
        // Of a float the high half; an integer of 64 bits has its sign.
        Operand::Literal(word) => match (bits, kind) {
            (64, Kind::Float) => u64::from(word) << 32,
            (64, Kind::Signed | Kind::Bits) => i64::from(word as i32) as u64,
            _ => word.into(),
        },
        _ => return None,
    })
}

pub(crate) fn unsupported<T>(inst: &Inst) -> Result<T, Stop> {
    Err(Stop::Unsupported(inst.to_string()))
}

impl Wave {
    /// A scalar operand of as many bits as its type has.
    pub(crate) fn scalar(&self, inst: &Inst, bound: Bound) -> Result<u64, Stop> {
        let bits = bound.row.ty.bits;
        Ok(match bound.operand {
            Operand::Scalar(register) => match (register, bits > 32) {
                (ScalarReg::NULL, _) => return unsupported(inst),
                (register, true) if register.0 < 128 => self.pair(register),
                (register, false) if register.0 < 128 => self.scalars[usize::from(register.0)].into(),
                (ScalarReg::SHARED_BASE, true) => SHARED_BASE,
                (ScalarReg::SHARED_LIMIT, true) => SHARED_BASE + APERTURE - 1,
                (ScalarReg::PRIVATE_BASE, true) => PRIVATE_BASE,
                (ScalarReg::PRIVATE_LIMIT, true) => PRIVATE_BASE + APERTURE - 1,
                (ScalarReg::VCCZ, _) => u64::from(self.vcc() == 0),
                (ScalarReg::EXECZ, _) => u64::from(self.exec() == 0),
                (ScalarReg::SCC, _) => u64::from(self.scc),
                _ => return unsupported(inst),
            },
            _ => match constant(bound) {
                Some(value) => value,
                None => return unsupported(inst),
            },
        })
    }

    /// Writes a scalar destination.
    pub(crate) fn set_scalar(&mut self, inst: &Inst, bound: Bound, value: u64) -> Result<(), Stop> {
        match bound.operand {
            Operand::Scalar(register) if register != ScalarReg::NULL && register.0 < 128 => {
                if bound.row.ty.bits > 32 {
                    self.set_pair(register, value);
                } else {
                    self.scalars[usize::from(register.0)] = value as u32;
                }
                Ok(())
            }
            _ => unsupported(inst),
        }
    }

    /// The register behind a number, if the wave has so many.
    pub(crate) fn vector(&self, inst: &Inst, number: usize) -> Result<&Lanes, Stop> {
        self.vectors.get(number).map_or_else(|| unsupported(inst), |lanes| Ok(&**lanes))
    }

    /// A vector operand as it is, without modifiers.
    pub(crate) fn plain<T: Word>(&self, inst: &Inst, bound: Bound) -> Result<Lanes<T>, Stop> {
        let Operand::Vgpr(first) = bound.operand else {
            return Ok(Lanes::all(T::of(self.scalar(inst, bound)?)));
        };
        let part = match bound.row.place {
            Place::Src(number) | Place::VgprSrc(number) => number,
            _ => 3,
        };
        let first = usize::from(first) + self.index(part);
        let low = self.vector(inst, first)?;
        if T::BITS == 32 {
            return Ok(Lanes::from_fn(|lane| T::of(low.0[lane].into())));
        }
        let high = self.vector(inst, first + 1)?;
        Ok(Lanes::from_fn(|lane| T::of(u64::from(low.0[lane]) | u64::from(high.0[lane]) << 32)))
    }

    /// Source `number` with all its modifiers; `None` if the instruction has none of that number.
    pub(crate) fn source<T: Word>(&self, inst: &Inst, number: u8) -> Result<Lanes<T>, Stop> {
        let Some(bound) = inst.src(number) else { return unsupported(inst) };
        let mut lanes = self.plain::<T>(inst, bound)?;
        let ty = bound.row.ty;
        let modifiers = &inst.modifiers;
        if let Some(dpp) = modifiers.dpp.filter(|_| number == 0) {
            let from = lanes;
            let exec = self.exec();
            lanes = Lanes::from_fn(|lane| match moved(dpp, lane, exec) {
                Some(other) => from.0[other],
                None => T::default(),
            });
        }
        if let Some(sdwa) = &modifiers.sdwa {
            let select = sdwa.src[usize::from(number)];
            let signed = sdwa.sext >> number & 1 != 0;
            lanes = Lanes::from_fn(|lane| T::of(part(lanes.0[lane].bits() as u32, select, signed).into()));
        }
        if inst.row.allowed.op_sel && modifiers.op_sel >> number & 1 != 0 {
            lanes = Lanes::from_fn(|lane| T::of(lanes.0[lane].bits() >> 16));
        }
        if ty.kind == Kind::Float {
            let sign = 1_u64 << (ty.bits - 1);
            let (abs, neg) = (modifiers.abs >> number & 1 != 0, modifiers.neg >> number & 1 != 0);
            if abs || neg {
                let (keep, flip) = (if abs { !sign } else { !0 }, if neg { sign } else { 0 });
                lanes = Lanes::from_fn(|lane| T::of(lanes.0[lane].bits() & keep ^ flip));
            }
        }
        Ok(lanes)
    }

    /// Lanes that a vector instruction writes.
    pub(crate) fn written(&self, inst: &Inst) -> u64 {
        let exec = self.exec();
        let Some(dpp) = inst.modifiers.dpp else { return exec };
        (0..LANES).filter(|lane| exec >> lane & 1 != 0).fold(0, |mask, lane| {
            let row = dpp.row_mask >> (lane / 16) & 1 != 0;
            let bank = dpp.bank_mask >> (lane / 4 % 4) & 1 != 0;
            let reads = dpp.bound_ctrl || moved(dpp, lane, exec).is_some();
            mask | u64::from(row && bank && reads) << lane
        })
    }

    /// Writes the vector destination.
    pub(crate) fn set_vector<T: Word>(&mut self, inst: &Inst, values: &Lanes<T>) -> Result<(), Stop> {
        let Some(bound) = inst.operands().find(|bound| matches!(bound.operand, Operand::Vgpr(_))) else {
            return unsupported(inst);
        };
        let Operand::Vgpr(first) = bound.operand else { return unsupported(inst) };
        let written = self.written(inst);
        let first = usize::from(first) + self.index(3);
        self.vector(inst, first + usize::from(T::BITS == 64))?;
        let keeps_half = inst.row.allowed.op_sel && bound.row.ty.bits == 16;
        let high_half = keeps_half && inst.modifiers.op_sel & 8 != 0;
        let sdwa = inst.modifiers.sdwa.and_then(|sdwa| sdwa.dst);
        let low = &mut self.vectors[first].0;
        for (lane, old) in low.iter_mut().enumerate() {
            let value = values.0[lane].bits() as u32;
            let new = match sdwa {
                Some((select, unused)) => merged(*old, value, select, unused),
                None if high_half => *old & 0xffff | value << 16,
                None if keeps_half => *old & 0xffff_0000 | value & 0xffff,
                None => value,
            };
            *old = if written >> lane & 1 != 0 { new } else { *old };
        }
        if T::BITS == 64 {
            let high = &mut self.vectors[first + 1].0;
            for (lane, old) in high.iter_mut().enumerate() {
                *old = if written >> lane & 1 != 0 { (values.0[lane].bits() >> 32) as u32 } else { *old };
            }
        }
        Ok(())
    }
}

/// The lane from which `lane` takes its first source, if that is one that takes part.
fn moved(dpp: Dpp, lane: usize, exec: u64) -> Option<usize> {
    let (row, at) = (lane & !15, lane & 15);
    let by = usize::from(dpp.control & 15);
    let from = match dpp.control {
        quad @ 0..=0xff => Some(lane & !3 | usize::from(quad >> (2 * (lane & 3)) & 3)),
        0x101..=0x10f => (at + by < 16).then_some(lane + by),
        0x111..=0x11f => (at >= by).then(|| lane - by),
        0x121..=0x12f => Some(row | (at + 16 - by) & 15),
        0x130 => (lane + 1 < LANES).then_some(lane + 1),
        0x134 => Some((lane + 1) % LANES),
        0x138 => lane.checked_sub(1),
        0x13c => Some((lane + LANES - 1) % LANES),
        0x140 => Some(row | (15 - at)),
        0x141 => Some(lane & !7 | (7 - (lane & 7))),
        // The last lane of the row before, for the rows 1 and 3; of the half before, for rows 2 and 3.
        0x142 => row.checked_sub(1),
        _ => (lane >= 32).then_some(31),
    };
    from.filter(|from| exec >> from & 1 != 0)
}

/// A part of a word, zero- or sign-extended.
fn part(word: u32, select: SdwaSel, signed: bool) -> u32 {
    match (select, signed) {
        (SdwaSel::Byte(at), false) => word >> (8 * at) & 0xff,
        (SdwaSel::Byte(at), true) => i32::from((word >> (8 * at)) as i8) as u32,
        (SdwaSel::Word(at), false) => word >> (16 * at) & 0xffff,
        (SdwaSel::Word(at), true) => i32::from((word >> (16 * at)) as i16) as u32,
        (SdwaSel::Dword, _) => word,
    }
}

/// A register with `value` in one of its parts.
fn merged(old: u32, value: u32, select: SdwaSel, unused: Unused) -> u32 {
    let (at, bits) = match select {
        SdwaSel::Byte(at) => (8 * u32::from(at), 8),
        SdwaSel::Word(at) => (16 * u32::from(at), 16),
        SdwaSel::Dword => return value,
    };
    let mask = ((1_u32 << bits) - 1) << at;
    let placed = value << at & mask;
    match unused {
        Unused::Pad => placed,
        Unused::Preserve => old & !mask | placed,
        Unused::Sext => {
            let shift = 32 - at - bits;
            ((placed << shift) as i32 >> shift) as u32 & !((1 << at) - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{merged, moved, part};
    use gcn::{Dpp, SdwaSel, Unused};

    #[test]
    fn parts_are_taken_and_put_back() {
        assert_eq!(part(0x1234_80ff, SdwaSel::Byte(1), true), 0xffff_ff80);
        assert_eq!(part(0x8234_80ff, SdwaSel::Word(1), false), 0x8234);
        assert_eq!(merged(0xaaaa_aaaa, 0x80, SdwaSel::Byte(1), Unused::Preserve), 0xaaaa_80aa);
        assert_eq!(merged(0xaaaa_aaaa, 0x80, SdwaSel::Byte(1), Unused::Pad), 0x8000);
        assert_eq!(merged(0xaaaa_aaaa, 0x80, SdwaSel::Byte(1), Unused::Sext), 0xffff_8000);
    }

    #[test]
    fn lanes_move_within_their_rows_and_banks() {
        let from = |control, lane| {
            moved(Dpp { control, row_mask: 15, bank_mask: 15, bound_ctrl: false }, lane, u64::MAX)
        };
        assert_eq!([0, 1, 2, 3].map(|lane| from(0x1b, lane)), [Some(3), Some(2), Some(1), Some(0)]);
        assert_eq!((from(0x111, 16), from(0x111, 17)), (None, Some(16)));
        assert_eq!((from(0x101, 15), from(0x101, 14)), (None, Some(15)));
        assert_eq!((from(0x121, 16), from(0x140, 17), from(0x141, 17)), (Some(31), Some(30), Some(22)));
        assert_eq!(
            (from(0x142, 5), from(0x142, 20), from(0x143, 31), from(0x143, 40)),
            (None, Some(15), None, Some(31))
        );
        assert_eq!((from(0x138, 0), from(0x13c, 0), from(0x130, 63)), (None, Some(63), None));
    }
}
