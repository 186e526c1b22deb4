//! Operands and modifiers of each format, from its fields.

use super::{LITERAL, Reader};
use crate::constant::Constant;
use crate::inst::{DecodeError, Form};
use crate::modifier::{Dpp, Sdwa, SdwaSel, Unused};
use crate::operand::{BufferOffset, Operand, ScalarReg};
use crate::row::{self, Format, Kind, Place, Ty};

/// VGPRs begin at this number of a source field of nine bits.
const VGPR: u32 = 256;
/// `saddr` of global and scratch memory that stands for no register.
const OFF: u32 = 0x7f;

impl Reader {
    /// Modifiers, and what of the encoding is not an operand of its own.
    pub(super) fn read_modifiers(&mut self, form: Form) -> Result<(), DecodeError> {
        match (self.row.format, form) {
            (_, Form::Sdwa) => self.read_sdwa(),
            (_, Form::Dpp) => self.read_dpp(),
            (Format::VOP3, _) | (_, Form::E64) => {
                self.read_vop3();
                Ok(())
            }
            (Format::VOP3P, _) => {
                self.read_vop3p();
                Ok(())
            }
            (Format::SMEM, _) => {
                let moves = |operand: row::Operand| matches!(operand.place, Place::Dst | Place::Data);
                if self.row.operands().any(moves) && self.row.operands().count() > 1 {
                    self.modifiers.glc = self.take_bit(16);
                }
                Ok(())
            }
            (Format::DS, _) => {
                if !self.row.allowed.no_gds {
                    self.modifiers.other_space = self.take_bit(16);
                }
                match (self.row.allowed.gds, self.modifiers.other_space) {
                    (true, false) => Err(DecodeError::Reserved { mnemonic: self.row.mnemonic }),
                    _ => Ok(()),
                }
            }
            (Format::FLAT | Format::GLOBAL | Format::SCRATCH, _) => {
                self.modifiers.glc = self.take_bit(16);
                self.modifiers.slc = self.take_bit(17);
                if self.row.allowed.lds {
                    self.modifiers.other_space = self.take_bit(13);
                }
                Ok(())
            }
            (Format::MUBUF, _) if self.row.operands().next().is_some() => {
                self.modifiers.glc = self.take_bit(14);
                self.modifiers.slc = self.take_bit(17);
                if self.row.allowed.lds {
                    self.modifiers.other_space = self.take_bit(16);
                }
                let atomic = self.row.operands().any(|operand| operand.place == Place::Data1);
                if !atomic && !self.modifiers.other_space {
                    self.modifiers.tfe = self.take_bit(55);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn has_sources(&self, number: u8) -> Option<Ty> {
        self.row.operands().find_map(|operand| match operand.place {
            Place::Src(n) | Place::VgprSrc(n) | Place::ScalarSrc(n) if n == number => Some(operand.ty),
            _ => None,
        })
    }

    fn read_vop3(&mut self) {
        let is_b = self.row.format != Format::VOPC && self.row.operands().any(|o| o.place == Place::Mask);
        if self.row.allowed.clamp {
            self.modifiers.clamp = self.take_bit(15);
        }
        if self.row.allowed.omod {
            self.modifiers.omod = self.take(60, 59) as u8;
        }
        for number in 0..3 {
            if self.has_sources(number).is_some_and(Ty::is_float) {
                let at = u32::from(number);
                self.modifiers.neg |= u8::from(self.take_bit(61 + at)) << number;
                if !is_b {
                    self.modifiers.abs |= u8::from(self.take_bit(8 + at)) << number;
                }
            }
        }
        if is_b {
            return;
        }
        if !self.row.allowed.op_sel {
            // Not looked at where the row has no halves to choose.
            self.take(14, 11);
            return;
        }
        for at in 0..4_u8 {
            if at == 3 || self.has_sources(at).is_some() {
                self.modifiers.op_sel |= u8::from(self.take_bit(11 + u32::from(at))) << at;
            }
        }
    }

    fn read_vop3p(&mut self) {
        let sources = (0..3).filter(|n| self.has_sources(*n).is_some()).count() as u32;
        let neg = self.take(60 + sources, 61) as u8;
        let abs = self.take(7 + sources, 8) as u8;
        (self.modifiers.neg, self.modifiers.abs) = (neg, abs);
        self.modifiers.clamp = self.take_bit(15);
        self.modifiers.op_sel = self.take(10 + sources, 11) as u8;
        self.modifiers.op_sel_hi = self.take(60, 59) as u8 | (self.take(14, 14) << 2) as u8;
    }

    fn read_sdwa(&mut self) -> Result<(), DecodeError> {
        let select = |reader: &Self, bits: u32| SdwaSel::of(bits).ok_or_else(|| reader.wrong(bits));
        let mut sdwa = Sdwa { dst: None, src: [SdwaSel::Dword; 2], sext: 0 };
        if self.row.format != Format::VOPC {
            let bits = self.take(42, 40);
            let unused = match self.take(44, 43) {
                0 => Unused::Pad,
                1 => Unused::Sext,
                2 => Unused::Preserve,
                other => return Err(self.wrong(other)),
            };
            sdwa.dst = Some((select(self, bits)?, unused));
            self.modifiers.clamp = self.take_bit(45);
            let scaled = self.row.allowed.omod
                && self.row.operands().any(|o| o.place == Place::Dst && o.ty.kind == Kind::Float);
            if scaled {
                self.modifiers.omod = self.take(47, 46) as u8;
            }
        }
        for number in 0..2 {
            let Some(ty) = self.has_sources(number) else { continue };
            let base = 48 + 8 * u32::from(number);
            let bits = self.take(base + 2, base);
            sdwa.src[usize::from(number)] = select(self, bits)?;
            if ty.is_float() {
                self.modifiers.neg |= u8::from(self.take_bit(base + 4)) << number;
                self.modifiers.abs |= u8::from(self.take_bit(base + 5)) << number;
            } else {
                sdwa.sext |= u8::from(self.take_bit(base + 3)) << number;
            }
        }
        self.modifiers.sdwa = Some(sdwa);
        Ok(())
    }

    fn read_dpp(&mut self) -> Result<(), DecodeError> {
        let control = self.take(48, 40) as u16;
        // quad_perm; row_shl, row_shr, row_ror by 1 to 15; wave_*; mirrors; broadcasts.
        let known = matches!(control,
            0..=0xff | 0x101..=0x10f | 0x111..=0x11f | 0x121..=0x12f | 0x130 | 0x134 | 0x138 | 0x13c
            | 0x140..=0x143);
        if !known {
            return Err(self.wrong(control.into()));
        }
        let dpp = Dpp {
            control,
            row_mask: self.take(63, 60) as u8,
            bank_mask: self.take(59, 56) as u8,
            bound_ctrl: self.take_bit(51),
        };
        for (number, at) in [(0, 52), (1, 54)] {
            if self.has_sources(number).is_some_and(Ty::is_float) {
                self.modifiers.neg |= u8::from(self.take_bit(at)) << number;
                self.modifiers.abs |= u8::from(self.take_bit(at + 1)) << number;
            }
        }
        self.modifiers.dpp = Some(dpp);
        Ok(())
    }

    /// One operand. `None`: this encoding has it not.
    pub(super) fn operand(
        &mut self,
        operand: row::Operand,
        form: Form,
    ) -> Result<Option<Operand>, DecodeError> {
        let ty = operand.ty;
        let read = match operand.place {
            Place::Imm(_) => Operand::Imm(self.immediate()),
            Place::Literal => Operand::Literal(self.literal_word()?),
            Place::Address => match self.row.format {
                Format::SMEM => self.scalar_memory(ty)?,
                Format::DS => Operand::Vgpr(self.take(39, 32) as u8),
                Format::MUBUF => self.buffer_memory()?,
                _ => self.flat_memory()?,
            },
            Place::Offset | Place::Pattern => Operand::Imm(self.take(15, 0) as u16),
            Place::Offsets => Operand::Offsets(self.take(7, 0) as u8, self.take(15, 8) as u8),
            Place::Old if !self.modifiers.glc => return Ok(None),
            Place::Old | Place::Dst | Place::Data | Place::Data1 | Place::ScalarDst => {
                self.register(operand, form)?
            }
            Place::Mask => self.mask(form)?,
            Place::Src(number) | Place::VgprSrc(number) | Place::ScalarSrc(number) => {
                self.source(operand, number, form)?
            }
        };
        Ok(Some(read))
    }

    fn immediate(&mut self) -> u16 {
        match self.row.format {
            Format::SOPC => self.take(15, 8) as u16,
            // A number in the place of the data.
            Format::SMEM => self.take(12, 6) as u16,
            _ => self.take(15, 0) as u16,
        }
    }

    fn literal_word(&mut self) -> Result<u32, DecodeError> {
        self.has_literal = true;
        self.literal.ok_or(DecodeError::Truncated)
    }

    fn vgpr(&self, first: u32, ty: Ty) -> Result<Operand, DecodeError> {
        if first + u32::from(ty.registers()) > 256 {
            return Err(self.wrong(first));
        }
        Ok(Operand::Vgpr(first as u8))
    }

    /// A destination, or data on its way to memory.
    fn register(&mut self, operand: row::Operand, form: Form) -> Result<Operand, DecodeError> {
        let ty = operand.ty;
        match self.row.format {
            Format::SOP2 | Format::SOP1 | Format::SOPK => {
                let number = self.take(22, 16);
                self.scalar_register(number, ty)
            }
            Format::SMEM => {
                let number = self.take(12, 6);
                // Neither M0 nor EXEC.
                if (124..128).contains(&number) && number != u32::from(ScalarReg::NULL.0) {
                    return Err(self.wrong(number));
                }
                self.scalar_register(number, ty)
            }
            Format::DS => {
                let first = match operand.place {
                    Place::Data => self.take(47, 40),
                    Place::Data1 => self.take(55, 48),
                    _ => self.take(63, 56),
                };
                self.vgpr(first, ty)
            }
            Format::FLAT | Format::GLOBAL | Format::SCRATCH => {
                let first = if operand.place == Place::Data { self.take(47, 40) } else { self.take(63, 56) };
                self.vgpr(first, ty)
            }
            Format::MUBUF => {
                let first = self.take(47, 40);
                let more = u16::from(self.modifiers.tfe) * 32;
                self.vgpr(first, Ty { kind: ty.kind, bits: u16::from(ty.registers()) * 32 + more })
            }
            Format::VOP3
            | Format::VOP3P
            | Format::VOP1
            | Format::VOP2
            | Format::VOPC
            | Format::SOPC
            | Format::SOPP => {
                let wide = form == Form::E64 || matches!(self.row.format, Format::VOP3 | Format::VOP3P);
                let number = if wide { self.take(7, 0) } else { self.take(24, 17) };
                if operand.place == Place::ScalarDst {
                    return self.scalar_register(number, ty);
                }
                self.vgpr(number, ty)
            }
        }
    }

    /// The mask that a compare or a carry writes.
    fn mask(&mut self, form: Form) -> Result<Operand, DecodeError> {
        const PAIR: Ty = Ty { kind: Kind::Mask, bits: 64 };
        let vcc = Operand::Scalar(ScalarReg::VCC_LO);
        match (self.row.format, form) {
            (Format::VOPC, Form::Sdwa) => {
                let number = self.take(46, 40);
                if self.take_bit(47) { self.scalar_register(number, PAIR) } else { Ok(vcc) }
            }
            (Format::VOPC, Form::E64) => {
                let number = self.take(7, 0);
                self.scalar_register(number, PAIR)
            }
            (Format::VOP3, _) | (_, Form::E64) => {
                let number = self.take(14, 8);
                self.scalar_register(number, PAIR)
            }
            _ => Ok(vcc),
        }
    }

    fn source(&mut self, operand: row::Operand, number: u8, form: Form) -> Result<Operand, DecodeError> {
        let ty = operand.ty;
        let format = self.row.format;
        match format {
            Format::SOPK => {
                let number = self.take(22, 16);
                return self.scalar_register(number, ty);
            }
            Format::SOP1 | Format::SOP2 | Format::SOPC => {
                let field = if number == 0 { self.take(7, 0) } else { self.take(15, 8) };
                return match operand.place {
                    Place::ScalarSrc(_) if field == LITERAL || Constant::of(field as u16).is_some() => {
                        Err(self.wrong(field))
                    }
                    _ => self.scalar_source(field, ty),
                };
            }
            _ => {}
        }
        if form == Form::E64 || matches!(format, Format::VOP3 | Format::VOP3P) {
            let low = 32 + 9 * u32::from(number);
            let field = self.take(low + 8, low);
            if ty.kind == Kind::Mask {
                // Neither EXEC nor a constant.
                let exec = u32::from(ScalarReg::EXEC_LO.0);
                return if field < exec { self.scalar_register(field, ty) } else { Err(self.wrong(field)) };
            }
            if field == LITERAL {
                return Err(self.wrong(field));
            }
            return self.any_source(operand, field);
        }
        if ty.kind == Kind::Mask {
            return Ok(Operand::Scalar(ScalarReg::VCC_LO));
        }
        if number == 1 {
            let field = self.take(16, 9);
            if form == Form::Sdwa && self.take_bit(63) {
                return self.sdwa_scalar(field);
            }
            return self.vgpr(field, ty);
        }
        match form {
            Form::Sdwa => {
                self.used |= 0x1ff;
                let field = self.take(39, 32);
                if self.take_bit(55) { self.sdwa_scalar(field) } else { self.vgpr(field, ty) }
            }
            Form::Dpp => {
                self.used |= 0x1ff;
                let field = self.take(39, 32);
                self.vgpr(field, ty)
            }
            Form::Native | Form::E64 => {
                let field = self.take(8, 0);
                self.any_source(operand, field)
            }
        }
    }

    fn sdwa_scalar(&mut self, field: u32) -> Result<Operand, DecodeError> {
        // No literals, and constants as everywhere.
        if field == LITERAL {
            return Err(self.wrong(field));
        }
        self.scalar_source(field, Ty { kind: Kind::Bits, bits: 32 })
    }

    fn any_source(&mut self, operand: row::Operand, field: u32) -> Result<Operand, DecodeError> {
        match (operand.place, field) {
            (Place::ScalarSrc(_), VGPR.. | 254) => Err(self.wrong(field)),
            (_, VGPR..) => self.vgpr(field - VGPR, operand.ty),
            (Place::VgprSrc(_), _) => Err(self.wrong(field)),
            _ => self.scalar_source(field, operand.ty),
        }
    }

    /// A source of eight bits: register, constant or literal.
    fn scalar_source(&mut self, field: u32, ty: Ty) -> Result<Operand, DecodeError> {
        if field < 128 {
            return self.scalar_register(field, ty);
        }
        if field == LITERAL {
            return Ok(Operand::Literal(self.literal_word()?));
        }
        if let Some(constant) = Constant::of(field as u16) {
            return Ok(Operand::Constant(constant));
        }
        match field {
            235..=239 | 251..=253 => Ok(Operand::Scalar(ScalarReg(field as u8))),
            254 if ty.registers() == 1 && self.is_vector() => Ok(Operand::Scalar(ScalarReg::LDS_DIRECT)),
            _ => Err(self.wrong(field)),
        }
    }

    /// A register of seven bits. LLVM rounds the number of an SGPR or a trap handler's tuple down to a multiple of two, or
    /// of four; a pair with a name has the number of its low half, or the null register's.
    fn scalar_register(&mut self, field: u32, ty: Ty) -> Result<Operand, DecodeError> {
        let registers = u32::from(ty.registers());
        let align = registers.min(4);
        let rounded = field & !(align - 1);
        let sgprs = u32::from(ScalarReg::SGPRS);
        let ttmp = u32::from(ScalarReg::TTMP0.0);
        let first = match field {
            _ if registers == 1 => field,
            // The last tuples of four end in flat_scratch.
            _ if field < sgprs && rounded + registers <= sgprs.next_multiple_of(align) => rounded,
            _ if (ttmp..ttmp + 16).contains(&field) && rounded + registers <= ttmp + 16 => rounded,
            102 | 104 | 106 | 126 if registers == 2 => field,
            125 => field,
            _ => return Err(self.wrong(field)),
        };
        if field >= 128 { Err(self.wrong(field)) } else { Ok(Operand::Scalar(ScalarReg(first as u8))) }
    }

    fn is_vector(&self) -> bool {
        use Format::{VOP1, VOP2, VOP3, VOP3P, VOPC};
        matches!(self.row.format, VOP1 | VOP2 | VOP3 | VOP3P | VOPC)
    }

    fn scalar_memory(&mut self, ty: Ty) -> Result<Operand, DecodeError> {
        let base = self.take(5, 0) << 1;
        let Operand::Scalar(base) = self.scalar_register(base, ty)? else { return Err(self.wrong(base)) };
        let (immediate, register) = (self.take_bit(17), self.take_bit(14));
        let one = Ty { kind: Kind::Bits, bits: 32 };
        let scalar = |reader: &mut Self, high: u32, low: u32| {
            let number = reader.take(high, low);
            match reader.scalar_register(number, one)? {
                Operand::Scalar(register) => Ok(Some(register)),
                _ => Err(reader.wrong(number)),
            }
        };
        let read = match (immediate, register) {
            (false, false) => (scalar(self, 38, 32)?, None),
            (false, true) => (scalar(self, 63, 57)?, None),
            (true, register) => {
                let offset = (self.take(52, 32) << 11) as i32 >> 11;
                (if register { scalar(self, 63, 57)? } else { None }, Some(offset))
            }
        };
        Ok(Operand::ScalarMemory { base, register: read.0, offset: read.1 })
    }

    fn flat_memory(&mut self) -> Result<Operand, DecodeError> {
        let address = self.take(39, 32);
        let two = Ty { kind: Kind::Bits, bits: 64 };
        let one = Ty { kind: Kind::Bits, bits: 32 };
        let (vgpr, scalar, offset) = match self.row.format {
            Format::FLAT => (Some(two), None, self.take(11, 0) as i16),
            format => {
                let offset = ((self.take(12, 0) << 3) as i16) >> 3;
                let number = self.take(54, 48);
                let wide = if format == Format::GLOBAL { two } else { one };
                let scalar = if number == OFF { None } else { Some(self.scalar_register(number, wide)?) };
                let vgpr = match (format, scalar) {
                    (Format::GLOBAL, None) => Some(two),
                    (Format::GLOBAL, Some(_)) => Some(one),
                    (_, None) => Some(one),
                    (_, Some(_)) => None,
                };
                (vgpr, scalar, offset)
            }
        };
        let vgpr = match vgpr {
            Some(ty) => match self.vgpr(address, ty)? {
                Operand::Vgpr(first) => Some(first),
                _ => None,
            },
            None => None,
        };
        let scalar = match scalar {
            Some(Operand::Scalar(register)) => Some(register),
            _ => None,
        };
        Ok(Operand::FlatMemory { vgpr, scalar, offset })
    }

    fn buffer_memory(&mut self) -> Result<Operand, DecodeError> {
        let (offset_in_vgpr, indexed) = (self.take_bit(12), self.take_bit(13));
        let offset = self.take(11, 0) as u16;
        let vgpr = self.take(39, 32);
        let count = u32::from(offset_in_vgpr) + u32::from(indexed);
        if vgpr + count > 256 {
            return Err(self.wrong(vgpr));
        }
        let number = self.take(52, 48) << 2;
        let four = Ty { kind: Kind::Bits, bits: 128 };
        let Operand::Scalar(descriptor) = self.scalar_register(number, four)? else {
            return Err(self.wrong(number));
        };
        let number = self.take(63, 56);
        let scalar = match self.scalar_source(number, Ty { kind: Kind::Bits, bits: 32 })? {
            Operand::Scalar(register) => BufferOffset::Scalar(register),
            Operand::Constant(constant) => BufferOffset::Constant(constant),
            _ => return Err(self.wrong(number)),
        };
        Ok(Operand::BufferMemory { vgpr: vgpr as u8, indexed, offset_in_vgpr, descriptor, scalar, offset })
    }
}
