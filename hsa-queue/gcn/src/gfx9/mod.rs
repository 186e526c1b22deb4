//! GFX9 (gfx900): its table and its decoder.
//!
//! A word's highest bits name its format, the format says where the opcode is, and the row says which fields there are.
//! Bits that no field of the row covers must be zero, with the exceptions that LLVM makes (`ignored`).

mod compare;
mod local;
mod memory;
mod operands;
mod scalar;
mod vector;

use crate::field::Fields;
use crate::inst::{Bound, DecodeError, Form, Inst};
use crate::modifier::Modifiers;
use crate::op::Op;
use crate::operand::Operand;
use crate::row::{Format, Kind, MAX_OPERANDS, Place, Row};
use std::collections::HashMap;
use std::sync::LazyLock;

const PARTS: [&[Row]; 5] = [scalar::ROWS, vector::ROWS, compare::ROWS, local::ROWS, memory::ROWS];

/// How many lines the table has.
pub const COUNT: usize = PARTS[0].len() + PARTS[1].len() + PARTS[2].len() + PARTS[3].len() + PARTS[4].len();

/// All lines of the table, by their numbers from 0 on.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    PARTS.into_iter().flatten()
}

/// The line of a number.
#[must_use]
pub fn row(number: u16) -> Option<&'static Row> {
    rows().nth(number.into())
}

/// The number of a line, if it is one of this table.
#[must_use]
pub fn number(row: &Row) -> Option<u16> {
    INDEX.get(&(row.format, row.opcode)).filter(|(_, own)| *own == row).map(|(number, _)| *number)
}

type Numbered = (u16, &'static Row);

static INDEX: LazyLock<HashMap<(Format, u16), Numbered>> =
    LazyLock::new(|| (0..).zip(rows()).map(|(at, row)| ((row.format, row.opcode), (at, row))).collect());

/// Sources that announce another word: sub-dword addressing, data-parallel primitives, a literal.
const SDWA: u32 = 0xf9;
const DPP: u32 = 0xfa;
const LITERAL: u32 = 0xff;

/// First opcode of VOP3's own, and those at which the shorter formats' begin in it.
const VOP3_OWN: u16 = 0x1c0;
const VOP1_IN_VOP3: u16 = 0x140;
const VOP2_IN_VOP3: u16 = 0x100;
/// VOP3P's begin here.
const VOP3P_IN_VOP3: u16 = 0x380;

/// The instruction at the start of `code`.
///
/// # Errors
/// Why it is none that is served.
pub fn decode(code: &[u32]) -> Result<Inst, DecodeError> {
    let first = *code.first().ok_or(DecodeError::Truncated)?;
    let (format, opcode, form) = format(first)?;
    let (_, row) = INDEX.get(&(format, opcode)).copied().ok_or(DecodeError::Opcode { format, opcode })?;
    if form == Form::E64 && row.allowed.no_e64 {
        return Err(DecodeError::Opcode { format, opcode });
    }
    let form = match (format, first & 0x1ff) {
        // Its source is not looked at.
        (Format::VOP1, _) if row.operands().next().is_none() => form,
        (Format::VOP1 | Format::VOP2 | Format::VOPC, SDWA) if form == Form::Native => Form::Sdwa,
        (Format::VOP1 | Format::VOP2 | Format::VOPC, DPP) if form == Form::Native => Form::Dpp,
        _ => form,
    };
    let refused = match form {
        Form::Sdwa => row.allowed.no_sdwa || row.is_wide(),
        Form::Dpp => row.allowed.no_dpp || row.is_wide() || format == Format::VOPC,
        Form::Native | Form::E64 => false,
    };
    if refused {
        return Err(DecodeError::Operand { mnemonic: row.mnemonic, number: (first & 0x1ff) as u16 });
    }
    let second = code.get(1).copied();
    let long = form != Form::Native || !is_short(format);
    if long && second.is_none() {
        return Err(DecodeError::Truncated);
    }
    let words = if long { u64::from(second.unwrap_or(0)) << 32 | u64::from(first) } else { first.into() };
    let mut reader = Reader {
        row,
        fields: Fields(words),
        used: prefix(format, form),
        literal: if long { None } else { second },
        has_literal: false,
        operands: [None; MAX_OPERANDS],
        modifiers: Modifiers::default(),
    };
    reader.read(form)?;
    let unread = words & !reader.used & !ignored(row, form, reader.modifiers.other_space);
    if unread != 0 {
        return Err(DecodeError::Reserved { mnemonic: row.mnemonic });
    }
    Ok(Inst {
        row,
        form,
        words: 1 + u8::from(long || reader.has_literal),
        modifiers: reader.modifiers,
        operands: reader.operands,
    })
}

/// Format, opcode and form of a first word. SDWA and DPP are told apart later.
fn format(first: u32) -> Result<(Format, u16, Form), DecodeError> {
    let bits = |high: u32, low: u32| Fields(first.into()).get(high, low) as u16;
    let native = |format, opcode| Ok((format, opcode, Form::Native));
    if first >> 31 == 0 {
        return match bits(30, 25) {
            0x3f => native(Format::VOP1, bits(16, 9)),
            0x3e => native(Format::VOPC, bits(24, 17)),
            opcode => native(Format::VOP2, opcode),
        };
    }
    if first >> 30 == 0b10 {
        return match bits(31, 23) {
            0x17d => native(Format::SOP1, bits(15, 8)),
            0x17e => native(Format::SOPC, bits(22, 16)),
            0x17f => native(Format::SOPP, bits(22, 16)),
            prefix if prefix >> 5 == 0b1011 => native(Format::SOPK, bits(27, 23)),
            _ => native(Format::SOP2, bits(29, 23)),
        };
    }
    match bits(31, 26) {
        0b11_0000 => native(Format::SMEM, bits(25, 18)),
        0b11_0001 => Err(DecodeError::Class("export")),
        0b11_0100 => match bits(25, 16) {
            opcode @ 0..VOP2_IN_VOP3 => Ok((Format::VOPC, opcode, Form::E64)),
            opcode @ VOP2_IN_VOP3..VOP1_IN_VOP3 => Ok((Format::VOP2, opcode - VOP2_IN_VOP3, Form::E64)),
            opcode @ VOP1_IN_VOP3..VOP3_OWN => Ok((Format::VOP1, opcode - VOP1_IN_VOP3, Form::E64)),
            0x270..=0x277 => Err(DecodeError::Class("interpolation")),
            opcode @ VOP3P_IN_VOP3.. => native(Format::VOP3P, opcode - VOP3P_IN_VOP3),
            opcode => native(Format::VOP3, opcode),
        },
        0b11_0101 => Err(DecodeError::Class("interpolation")),
        0b11_0110 => native(Format::DS, bits(24, 17)),
        0b11_0111 => match bits(15, 14) {
            0 => native(Format::FLAT, bits(24, 18)),
            1 => native(Format::SCRATCH, bits(24, 18)),
            2 => native(Format::GLOBAL, bits(24, 18)),
            _ => Err(DecodeError::Class("flat memory's fourth segment:")),
        },
        0b11_1000 => native(Format::MUBUF, bits(24, 18)),
        0b11_1010 => Err(DecodeError::Class("typed buffer")),
        0b11_1100 => Err(DecodeError::Class("image")),
        _ => Err(DecodeError::Class("reserved")),
    }
}

/// Whether the format's own encoding is one word, which a literal may follow.
fn is_short(format: Format) -> bool {
    use Format::{SOP1, SOP2, SOPC, SOPK, SOPP, VOP1, VOP2, VOPC};
    matches!(format, SOP2 | SOPK | SOP1 | SOPC | SOPP | VOP2 | VOP1 | VOPC)
}

/// The bits that have named format and opcode.
fn prefix(format: Format, form: Form) -> u64 {
    if form == Form::E64 {
        return 0xffff_0000 & !(1 << 15);
    }
    match format {
        Format::SOP2 | Format::SOPK => 0xff80_0000,
        Format::SOP1 => 0xff80_ff00,
        Format::SOPC | Format::SOPP => 0xffff_0000,
        Format::VOP2 => 0xfe00_0000,
        Format::VOP1 => 0xfe01_fe00,
        Format::VOPC => 0xfffe_0000,
        Format::VOP3 => 0xffff_0000,
        Format::VOP3P => 0xffff_0000,
        Format::SMEM => 0xfffc_0000,
        Format::DS => 0xfffe_0000,
        Format::FLAT | Format::GLOBAL | Format::SCRATCH => 0xfdfc_c000,
        Format::MUBUF => 0xfdfc_0000,
    }
}

/// Bits that say nothing, and that LLVM does not look at either.
fn ignored(row: &Row, form: Form, to_lds: bool) -> u64 {
    use Format::{FLAT, GLOBAL, MUBUF, SCRATCH, SMEM, SOP1, SOP2, SOPC, SOPK, VOP1, VOP3};
    let has = |place| row.operands().any(|operand| operand.place == place);
    match (row.format, form) {
        // Reserved parts of the second word.
        (_, Form::Sdwa) => 1 << 54 | 1 << 62,
        (_, Form::Dpp) if row.op == Op::v_ldexp_f16 => 0b11 << 49 | 1 << 55,
        (_, Form::Dpp) => 0b11 << 49,
        (VOP1, Form::Native) if row.operands().next().is_none() => 0x1ff,
        (SOP2 | SOP1 | SOPC | SOPK, _) => !0,
        // Whatever an address has no need of; `nv`.
        (SMEM, _) if has(Place::Address) => !0,
        (SMEM, _) => !(1 << 17),
        (GLOBAL | SCRATCH, _) if to_lds => !(1 << 55),
        (GLOBAL | SCRATCH, _) => !(1 << 13),
        (FLAT, _) => !(0x7f << 48 | 0b11 << 12),
        (MUBUF, _) if has(Place::Address) => !(1 << 16 | 1 << 55),
        (MUBUF, _) => !(0b1_1111 << 12 | 1 << 55),
        // Signs where the sources are integers.
        (VOP3, _) | (_, Form::E64) => {
            let (mut floats, mut integers) = (0_u64, 0_u64);
            for operand in row.operands() {
                let Place::Src(number) = operand.place else { continue };
                match operand.ty.kind {
                    Kind::Float | Kind::Mix => floats |= 1 << number,
                    Kind::Unsigned | Kind::Signed => integers |= 1 << number,
                    Kind::Bits | Kind::Packed | Kind::Mask => {}
                }
            }
            match (floats, integers) {
                (0, integers) if row.allowed.op_sel => integers << 61 | integers << 8,
                (1.., 1..) => integers << 8,
                _ => 0,
            }
        }
        _ => 0,
    }
}

/// An instruction on its way from words to operands; keeps which bits have been looked at.
struct Reader {
    row: &'static Row,
    fields: Fields,
    used: u64,
    /// The word after a short encoding.
    literal: Option<u32>,
    has_literal: bool,
    operands: [Option<Bound>; MAX_OPERANDS],
    modifiers: Modifiers,
}

impl Reader {
    fn take(&mut self, high: u32, low: u32) -> u32 {
        self.used |= ((1 << (high - low + 1)) - 1) << low;
        self.fields.get(high, low)
    }

    fn take_bit(&mut self, at: u32) -> bool {
        self.used |= 1 << at;
        self.fields.bit(at)
    }

    fn wrong(&self, number: u32) -> DecodeError {
        DecodeError::Operand { mnemonic: self.row.mnemonic, number: number as u16 }
    }

    fn read(&mut self, form: Form) -> Result<(), DecodeError> {
        self.read_modifiers(form)?;
        for (at, operand) in self.row.operands().enumerate() {
            let read = self.operand(operand, form)?;
            self.operands[at] = read.map(|read: Operand| Bound { row: operand, operand: read });
        }
        // An old value that is not asked for leaves a hole; LLVM's order has none.
        self.operands.sort_by_key(Option::is_none);
        Ok(())
    }
}
