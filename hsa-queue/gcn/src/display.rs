//! An instruction in LLVM's syntax, as `llvm-mc -disassemble` prints it.

mod immediate;
mod registers;

use crate::constant::{self, Constant};
use crate::inst::{Bound, Form, Inst};
use crate::modifier::{Dpp, Sdwa, SdwaSel, Unused};
use crate::op::Op;
use crate::operand::{BufferOffset, Operand, ScalarReg};
use crate::row::{Format, Kind, Place, Ty};
use std::fmt::{self, Display, Formatter};

const WORD: Ty = Ty { kind: Kind::Bits, bits: 32 };

impl Display for Inst {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.row.mnemonic, self.suffix())?;
        let mut between = " ";
        for bound in self.operands() {
            let to_lds = self.modifiers.other_space && self.row.allowed.lds;
            if to_lds && bound.row.place == Place::Dst {
                continue;
            }
            // A data share's offset comes after all operands, without a comma.
            if matches!(bound.row.place, Place::Offset | Place::Offsets | Place::Pattern) {
                continue;
            }
            let Some(text) = self.text(bound) else { continue };
            write!(f, "{between}{text}")?;
            between = ", ";
        }
        self.tail(f)
    }
}

impl Inst {
    fn suffix(&self) -> &'static str {
        match (self.row.format, self.form) {
            _ if self.operands().next().is_none() => "",
            (_, Form::E64) => "_e64",
            (_, Form::Sdwa) => "_sdwa",
            (_, Form::Dpp) => "_dpp",
            (Format::VOP1 | Format::VOP2 | Format::VOPC, Form::Native) if !self.row.allowed.no_e64 => "_e32",
            _ => "",
        }
    }

    /// An operand; `None` if this one is not shown.
    fn text(&self, bound: Bound) -> Option<String> {
        let ty = bound.row.ty;
        Some(match (bound.row.place, bound.operand) {
            (Place::Imm(kind), Operand::Imm(value)) => immediate::text(kind, value, self.row)?,
            (Place::Src(number) | Place::VgprSrc(number) | Place::ScalarSrc(number), operand) => {
                self.source(number, ty, operand)
            }
            (_, Operand::ScalarMemory { base, register, offset }) => {
                let base = registers::scalar(base, ty.registers());
                match (register, offset) {
                    (Some(register), None) => format!("{base}, {}", registers::scalar(register, 1)),
                    (Some(register), Some(offset)) => {
                        format!(
                            "{base}, {} offset:{}",
                            registers::scalar(register, 1),
                            immediate::offset(offset)
                        )
                    }
                    (None, offset) => format!("{base}, {}", immediate::offset(offset.unwrap_or(0))),
                }
            }
            (_, Operand::FlatMemory { .. }) => self.flat(bound.operand),
            (_, Operand::BufferMemory { .. }) => buffer(bound.operand),
            (Place::Literal, Operand::Literal(word)) if self.row.format != Format::SOPK => {
                format!("{word:#x}")
            }
            (_, Operand::Vgpr(first)) if self.modifiers.tfe => registers::vector(first, ty.registers() + 1),
            (_, operand) => plain(operand, ty),
        })
    }

    /// The address of flat memory; of global and scratch memory without its scalar part, which comes after the data.
    fn flat(&self, operand: Operand) -> String {
        let Operand::FlatMemory { vgpr, scalar, .. } = operand else { return String::new() };
        let wide = self.row.format == Format::FLAT || (self.row.format == Format::GLOBAL && scalar.is_none());
        let address = vgpr.map_or("off".to_owned(), |first| registers::vector(first, 1 + u8::from(wide)));
        let comes_last = self.row.operands().last().is_some_and(|last| last.place == Place::Address);
        if comes_last { address + &self.flat_scalar() } else { address }
    }

    fn flat_scalar(&self) -> String {
        match self.at(Place::Address).map(|bound| bound.operand) {
            Some(Operand::FlatMemory { scalar, .. }) if self.row.format != Format::FLAT => {
                let registers = if self.row.format == Format::GLOBAL { 2 } else { 1 };
                let scalar =
                    scalar.map_or("off".to_owned(), |register| registers::scalar(register, registers));
                format!(", {scalar}")
            }
            _ => String::new(),
        }
    }

    fn source(&self, number: u8, ty: Ty, operand: Operand) -> String {
        // Its exponent is an integer, but LLVM has it for an f16.
        let ty = if self.row.op == Op::v_ldexp_f16 { Ty { kind: Kind::Float, bits: 16 } } else { ty };
        let text = plain(operand, ty);
        let packed = self.row.format == Format::VOP3P && ty.kind != Kind::Mix;
        if packed {
            return text;
        }
        if self.modifiers.sdwa.is_some_and(|sdwa| sdwa.sext >> number & 1 != 0) {
            return format!("sext({text})");
        }
        let neg = self.modifiers.neg >> number & 1 != 0;
        let abs = self.modifiers.abs >> number & 1 != 0;
        let is_register = matches!(operand, Operand::Vgpr(_) | Operand::Scalar(_));
        match (neg, abs) {
            (false, false) => text,
            (true, false) if is_register => format!("-{text}"),
            (true, false) => format!("neg({text})"),
            (false, true) => format!("|{text}|"),
            (true, true) => format!("-|{text}|"),
        }
    }

    /// What comes after the operands.
    fn tail(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let modifiers = &self.modifiers;
        match self.row.format {
            Format::DS => return self.share_tail(f),
            Format::FLAT | Format::GLOBAL | Format::SCRATCH => {
                let comes_last = self.row.operands().last().is_some_and(|last| last.place == Place::Address);
                if !comes_last {
                    f.write_str(&self.flat_scalar())?;
                }
                if let Some(Operand::FlatMemory { offset, .. }) = self.at(Place::Address).map(|a| a.operand)
                    && offset != 0
                {
                    write!(f, " offset:{offset}")?;
                }
            }
            Format::MUBUF => {
                if let Some(Operand::BufferMemory { indexed, offset_in_vgpr, offset, .. }) =
                    self.at(Place::Address).map(|a| a.operand)
                {
                    f.write_str(if indexed { " idxen" } else { "" })?;
                    f.write_str(if offset_in_vgpr { " offen" } else { "" })?;
                    if offset != 0 {
                        write!(f, " offset:{offset}")?;
                    }
                }
            }
            Format::VOP3P => self.packed_tail(f)?,
            Format::VOP3 if self.row.allowed.op_sel && modifiers.op_sel != 0 => {
                let sources = self.sources();
                let bits = (0..sources).chain([3]).map(|at| (modifiers.op_sel >> at & 1).to_string());
                write!(f, " op_sel:[{}]", bits.collect::<Vec<_>>().join(","))?;
            }
            _ => {}
        }
        f.write_str(if modifiers.glc { " glc" } else { "" })?;
        f.write_str(if modifiers.slc { " slc" } else { "" })?;
        f.write_str(if modifiers.tfe { " tfe" } else { "" })?;
        f.write_str(if modifiers.other_space { " lds" } else { "" })?;
        f.write_str(if modifiers.clamp { " clamp" } else { "" })?;
        f.write_str(["", " mul:2", " mul:4", " div:2"][usize::from(modifiers.omod & 3)])?;
        if let Some(sdwa) = &modifiers.sdwa {
            self.sdwa_tail(f, sdwa)?;
        }
        if let Some(dpp) = &modifiers.dpp {
            dpp_tail(f, *dpp)?;
        }
        Ok(())
    }

    fn sources(&self) -> u8 {
        self.row.operands().filter(|operand| matches!(operand.place, Place::Src(_))).count() as u8
    }

    fn packed_tail(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let modifiers = &self.modifiers;
        let sources = self.sources();
        let list = |bits: u8| {
            let bits = (0..sources).map(|at| (bits >> at & 1).to_string());
            bits.collect::<Vec<_>>().join(",")
        };
        let mask = (1 << sources) - 1;
        let mix = self.row.operands().any(|operand| operand.ty.kind == Kind::Mix);
        if modifiers.op_sel & mask != 0 {
            write!(f, " op_sel:[{}]", list(modifiers.op_sel))?;
        }
        if modifiers.op_sel_hi & mask != if mix { 0 } else { mask } {
            write!(f, " op_sel_hi:[{}]", list(modifiers.op_sel_hi))?;
        }
        if !mix {
            if modifiers.neg != 0 {
                write!(f, " neg_lo:[{}]", list(modifiers.neg))?;
            }
            if modifiers.abs != 0 {
                write!(f, " neg_hi:[{}]", list(modifiers.abs))?;
            }
        }
        Ok(())
    }

    fn share_tail(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for bound in self.operands() {
            match (bound.row.place, bound.operand) {
                (Place::Offset, Operand::Imm(offset)) if offset != 0 => write!(f, " offset:{offset}")?,
                (Place::Offsets, Operand::Offsets(first, second)) => {
                    if first != 0 {
                        write!(f, " offset0:{first}")?;
                    }
                    if second != 0 {
                        write!(f, " offset1:{second}")?;
                    }
                }
                (Place::Pattern, Operand::Imm(pattern)) if pattern != 0 => {
                    write!(f, " offset:{}", immediate::swizzle(pattern))?;
                }
                _ => {}
            }
        }
        f.write_str(if self.modifiers.other_space { " gds" } else { "" })
    }

    fn sdwa_tail(&self, f: &mut Formatter<'_>, sdwa: &Sdwa) -> fmt::Result {
        if let Some((select, unused)) = sdwa.dst {
            let unused = match unused {
                Unused::Pad => "UNUSED_PAD",
                Unused::Sext => "UNUSED_SEXT",
                Unused::Preserve => "UNUSED_PRESERVE",
            };
            write!(f, " dst_sel:{} dst_unused:{unused}", part(select))?;
        }
        for number in 0..2_u8 {
            if self.src(number).is_some() {
                write!(f, " src{number}_sel:{}", part(sdwa.src[usize::from(number)]))?;
            }
        }
        Ok(())
    }
}

fn part(select: SdwaSel) -> String {
    match select {
        SdwaSel::Byte(byte) => format!("BYTE_{byte}"),
        SdwaSel::Word(word) => format!("WORD_{word}"),
        SdwaSel::Dword => "DWORD".to_owned(),
    }
}

fn dpp_tail(f: &mut Formatter<'_>, dpp: Dpp) -> fmt::Result {
    match dpp.control {
        lanes @ 0..=0xff => {
            let lane = |at: u16| lanes >> (2 * at) & 3;
            write!(f, " quad_perm:[{},{},{},{}]", lane(0), lane(1), lane(2), lane(3))?;
        }
        by @ 0x101..=0x10f => write!(f, " row_shl:{}", by & 15)?,
        by @ 0x111..=0x11f => write!(f, " row_shr:{}", by & 15)?,
        by @ 0x121..=0x12f => write!(f, " row_ror:{}", by & 15)?,
        0x130 => f.write_str(" wave_shl:1")?,
        0x134 => f.write_str(" wave_rol:1")?,
        0x138 => f.write_str(" wave_shr:1")?,
        0x13c => f.write_str(" wave_ror:1")?,
        0x140 => f.write_str(" row_mirror")?,
        0x141 => f.write_str(" row_half_mirror")?,
        0x142 => f.write_str(" row_bcast:15")?,
        _ => f.write_str(" row_bcast:31")?,
    }
    write!(f, " row_mask:{:#x} bank_mask:{:#x}", dpp.row_mask, dpp.bank_mask)?;
    // LLVM's word for the bit is 1, though it was 0 in the assembler's first syntax.
    f.write_str(if dpp.bound_ctrl { " bound_ctrl:1" } else { "" })
}

fn buffer(operand: Operand) -> String {
    let Operand::BufferMemory { vgpr, indexed, offset_in_vgpr, descriptor, scalar, .. } = operand else {
        return String::new();
    };
    let address = match u8::from(indexed) + u8::from(offset_in_vgpr) {
        0 => "off".to_owned(),
        count => registers::vector(vgpr, count),
    };
    let scalar = match scalar {
        BufferOffset::Scalar(register) => registers::scalar(register, 1),
        BufferOffset::Constant(constant) => plain(Operand::Constant(constant), WORD),
    };
    format!("{address}, {}, {scalar}", registers::scalar(descriptor, 4))
}

/// An operand without modifiers.
fn plain(operand: Operand, ty: Ty) -> String {
    match operand {
        Operand::Vgpr(first) => registers::vector(first, ty.registers()),
        Operand::Scalar(register) => registers::scalar(register, ty.registers()),
        Operand::Constant(constant) => inline(constant, ty),
        Operand::Literal(word) => literal(word, ty),
        _ => String::new(),
    }
}

fn inline(constant: Constant, ty: Ty) -> String {
    match constant {
        Constant::Int(value) => value.to_string(),
        Constant::Float(_) => {
            let bits = constant.bits(ty.bits);
            match (ty.bits, ty.kind) {
                // LLVM prints floats as bits where the operand is a 16-bit integer.
                (16, Kind::Float) => constant::half(bits as u16).map(str::to_owned),
                (16, _) => None,
                (64, _) => constant::double(bits).map(str::to_owned),
                _ => constant::single(bits as u32).map(str::to_owned),
            }
            .unwrap_or_else(|| format!("{bits:#x}"))
        }
    }
}

fn literal(word: u32, ty: Ty) -> String {
    let small = |value: i64| (-16..=64).contains(&value).then(|| value.to_string());
    let text = match (ty.bits, ty.kind) {
        (16, Kind::Float) => small(i64::from(word as u16 as i16))
            .or_else(|| constant::half(word as u16).map(str::to_owned))
            .or_else(|| Some(format!("{:#x}", word as u16))),
        (16, _) => small(i64::from(word as i32))
            .or_else(|| constant::single(word).map(str::to_owned))
            .or_else(|| Some(format!("{:#x}", word as u16))),
        (64, Kind::Float) if word == 0 => Some("0".to_owned()),
        (64, Kind::Float) => constant::double(u64::from(word) << 32).map(str::to_owned),
        (64, _) => small(i64::from(word)),
        _ => small(i64::from(word as i32)).or_else(|| constant::single(word).map(str::to_owned)),
    };
    text.unwrap_or_else(|| format!("{word:#x}"))
}

impl Display for ScalarReg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&registers::scalar(*self, 1))
    }
}
