//! A line of the table: how an operation is encoded, and what its operands are.
//!
//! ```text
//! VOP3  0x1e8  v_mad_u64_u32  "d:u64 c 0:u32 1:u32 2:u64 clamp"
//! format opcode mnemonic       operands in LLVM's order, then what the encoding allows
//! ```
//! A mnemonic `= name` has the neutral operation `name`; without it the operation is called like the mnemonic.
//!
//! | operand | what it is |
//! |---|---|
//! | `d:T` | destination: a VGPR of vector formats, an SGPR of scalar ones |
//! | `D:T` | scalar destination in a vector format's `vdst` |
//! | `c` | mask written: `vcc`, or an SGPR pair in the 64-bit encoding |
//! | `0:T` `1:T` `2:T` | sources; `0v` a VGPR only, `0s` no VGPR (scalar formats: no constant); `2:m64` is a mask, `vcc` in the 32-bit encoding |
//! | `L:T` | the literal that always follows |
//! | `k:KIND` | 16-bit immediate: `imm` a number, `code` one without sign, `rel` a branch's distance, `hwreg`, `waitcnt`, `msg`, `idx` |
//! | `m` | address of vector memory; `m:T` base of scalar memory, with its offset |
//! | `a:b32` | address in the data share, then `w:T` and `x:T` data |
//! | `w:T` | data stored; `x:T` (buffer atomics) data, and the old value with `glc`; `g:T` the old value, with `glc` only |
//! | `o` `o2` `oswz` | a data share's offset, two of them, or a swizzle's pattern |
//!
//! Types: a letter for what the bits mean (`b` bits, `u` `i` integers, `f` floats, `p` two halves, `m` mask) and their number;
//! `mix` is f32 or one half of an f16 pair, as op_sel says. Float sources take `neg` and `abs`, integer ones `sext` (SDWA).
//!
//! Flags: `clamp`, `omod`, `opsel`; `lds` for loads that may go there; `gds`, `-gds` for one data share only; `-e64`, `-sdwa`, `-dpp`
//! for an encoding that the row has not although its format has. Rows with
//! a 64-bit operand have neither SDWA nor DPP, compares have no DPP.

use crate::op::Op;

/// The encodings of the ISA, each with its own fields.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    SOP2,
    SOPK,
    SOP1,
    SOPC,
    SOPP,
    SMEM,
    VOP2,
    VOP1,
    VOPC,
    VOP3,
    VOP3P,
    DS,
    FLAT,
    GLOBAL,
    SCRATCH,
    MUBUF,
}

/// What an operand's bits mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    /// Bits.
    Bits,
    Unsigned,
    Signed,
    /// Float: takes `neg` and `abs`.
    Float,
    /// Two halves of a word, integers or floats.
    Packed,
    /// A bit for each lane.
    Mask,
    /// f32, or one half of an f16 pair.
    Mix,
}

/// An operand's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ty {
    /// What the bits mean.
    pub kind: Kind,
    /// How many bits there are.
    pub bits: u16,
}

impl Ty {
    /// Registers that hold it.
    #[must_use]
    pub const fn registers(self) -> u8 {
        if self.bits <= 32 { 1 } else { (self.bits / 32) as u8 }
    }

    /// Whether `neg` and `abs` may be given.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self.kind, Kind::Float | Kind::Mix)
    }
}

/// What a 16-bit immediate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Immediate {
    Number,
    /// A number without sign.
    Code,
    /// Distance of a branch in words, from the next instruction.
    Branch,
    /// Hardware register, first bit and number of bits.
    Register,
    /// Counters to wait for.
    Counters,
    Message,
    /// Which operands are indexed.
    Indexing,
}

/// Where an operand comes from or goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Place {
    Dst,
    /// Scalar destination of a vector format.
    ScalarDst,
    Mask,
    /// Source by its number.
    Src(u8),
    /// Source that must be a VGPR.
    VgprSrc(u8),
    /// Source that must not be a VGPR.
    ScalarSrc(u8),
    /// The literal that always follows.
    Literal,
    /// 16-bit immediate.
    Imm(Immediate),
    /// Address, or base of scalar memory.
    Address,
    Data,
    /// Second data of a data share; data of a buffer atomic, which is also the old value's place.
    Data1,
    /// The old value, if `glc` asks for it.
    Old,
    /// Offset of a data share.
    Offset,
    /// Two offsets of a data share.
    Offsets,
    /// Pattern of a swizzle.
    Pattern,
}

/// An operand as the table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Operand {
    pub place: Place,
    pub ty: Ty,
}

/// What an encoding of a row allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Allowed {
    /// Clamping the result.
    pub clamp: bool,
    /// Scaling the result.
    pub omod: bool,
    pub op_sel: bool,
    /// No 64-bit encoding.
    pub no_e64: bool,
    /// No sub-dword addressing.
    pub no_sdwa: bool,
    /// No data-parallel primitives.
    pub no_dpp: bool,
    /// Loads that can go to the local data share.
    pub lds: bool,
    /// Only for the global data share.
    pub gds: bool,
    /// Only for the local data share.
    pub no_gds: bool,
}

/// The most operands that a row has.
pub const MAX_OPERANDS: usize = 5;

/// A line of the table.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Row {
    pub format: Format,
    /// Opcode in that format.
    pub opcode: u16,
    /// Its name in this generation.
    pub mnemonic: &'static str,
    /// What it does.
    pub op: Op,
    operands: [Option<Operand>; MAX_OPERANDS],
    /// What its encodings allow.
    pub allowed: Allowed,
}

impl Row {
    /// A line; `shape` as in the module's head.
    pub(crate) const fn new(
        format: Format,
        opcode: u16,
        mnemonic: &'static str,
        op: Op,
        shape: &'static str,
    ) -> Self {
        let mut row = Self { format, opcode, mnemonic, op, operands: [None; MAX_OPERANDS], allowed: NONE };
        let text = shape.as_bytes();
        let (mut at, mut count) = (0, 0);
        while at < text.len() {
            let mut end = at;
            while end < text.len() && text[end] != b' ' {
                end += 1;
            }
            let word = text.split_at(end).0.split_at(at).1;
            if let Some(operand) = operand(word) {
                row.operands[count] = Some(operand);
                count += 1;
            } else {
                row.allowed = flag(row.allowed, word);
            }
            at = end + 1;
        }
        row
    }

    /// Its operands in LLVM's order.
    pub fn operands(&self) -> impl Iterator<Item = Operand> {
        self.operands.iter().copied().flatten()
    }

    /// Whether it has an operand of 64 bits, other than a mask.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.operands().any(|operand| operand.ty.kind != Kind::Mask && operand.ty.bits >= 64)
    }
}

const NONE: Allowed = Allowed {
    clamp: false,
    omod: false,
    op_sel: false,
    no_e64: false,
    no_sdwa: false,
    no_dpp: false,
    lds: false,
    gds: false,
    no_gds: false,
};

const fn is(word: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    if word.len() != text.len() {
        return false;
    }
    let mut i = 0;
    while i < word.len() {
        if word[i] != text[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn flag(mut allowed: Allowed, word: &[u8]) -> Allowed {
    if is(word, "clamp") {
        allowed.clamp = true;
    } else if is(word, "omod") {
        allowed.omod = true;
    } else if is(word, "opsel") {
        allowed.op_sel = true;
    } else if is(word, "-e64") {
        allowed.no_e64 = true;
    } else if is(word, "-sdwa") {
        allowed.no_sdwa = true;
    } else if is(word, "-dpp") {
        allowed.no_dpp = true;
    } else if is(word, "lds") {
        allowed.lds = true;
    } else if is(word, "gds") {
        allowed.gds = true;
    } else if is(word, "-gds") {
        allowed.no_gds = true;
    } else {
        panic!("the shape has a word that is neither an operand nor a flag");
    }
    allowed
}

const fn ty(word: &[u8]) -> Ty {
    if is(word, "mix") {
        return Ty { kind: Kind::Mix, bits: 32 };
    }
    let kind = match word[0] {
        b'b' => Kind::Bits,
        b'u' => Kind::Unsigned,
        b'i' => Kind::Signed,
        b'f' => Kind::Float,
        b'm' => Kind::Mask,
        b'p' => return Ty { kind: Kind::Packed, bits: 32 },
        _ => panic!("the shape has a type of no known letter"),
    };
    let (mut bits, mut i) = (0, 1);
    while i < word.len() {
        bits = bits * 10 + (word[i] - b'0') as u16;
        i += 1;
    }
    assert!(bits.is_power_of_two() || bits == 96, "types have 16 bits or whole words");
    Ty { kind, bits }
}

const fn immediate(word: &[u8]) -> Immediate {
    if is(word, "imm") {
        Immediate::Number
    } else if is(word, "code") {
        Immediate::Code
    } else if is(word, "rel") {
        Immediate::Branch
    } else if is(word, "hwreg") {
        Immediate::Register
    } else if is(word, "waitcnt") {
        Immediate::Counters
    } else if is(word, "msg") {
        Immediate::Message
    } else if is(word, "idx") {
        Immediate::Indexing
    } else {
        panic!("the shape has an immediate of no known kind")
    }
}

/// A word of a shape that is an operand.
const fn operand(word: &[u8]) -> Option<Operand> {
    const WORD: Ty = Ty { kind: Kind::Bits, bits: 32 };
    const MASK: Ty = Ty { kind: Kind::Mask, bits: 64 };
    let mut colon = 0;
    while colon < word.len() && word[colon] != b':' {
        colon += 1;
    }
    let name = word.split_at(colon).0;
    if colon == word.len() {
        return match () {
            () if is(name, "c") => Some(Operand { place: Place::Mask, ty: MASK }),
            () if is(name, "m") => Some(Operand { place: Place::Address, ty: WORD }),
            () if is(name, "o") => Some(Operand { place: Place::Offset, ty: WORD }),
            () if is(name, "o2") => Some(Operand { place: Place::Offsets, ty: WORD }),
            () if is(name, "oswz") => Some(Operand { place: Place::Pattern, ty: WORD }),
            () => None,
        };
    }
    let rest = word.split_at(colon + 1).1;
    if name[0] == b'k' {
        return Some(Operand { place: Place::Imm(immediate(rest)), ty: WORD });
    }
    let number = name[0].wrapping_sub(b'0');
    let place = match name[0] {
        b'd' => Place::Dst,
        b'D' => Place::ScalarDst,
        b'L' => Place::Literal,
        b'm' | b'a' => Place::Address,
        b'w' => Place::Data,
        b'x' => Place::Data1,
        b'g' => Place::Old,
        b'0'..=b'2' if name.len() == 1 => Place::Src(number),
        b'0'..=b'2' if name[1] == b'v' => Place::VgprSrc(number),
        b'0'..=b'2' if name[1] == b's' => Place::ScalarSrc(number),
        _ => panic!("the shape has an operand of no known letter"),
    };
    Some(Operand { place, ty: ty(rest) })
}

macro_rules! rows {
    ($($format:ident $opcode:literal $mnemonic:ident $(= $op:ident)? $shape:literal;)*) => {
        &[$(rows!(@row $format $opcode $mnemonic $($op)? ; $mnemonic, $shape)),*]
    };
    (@row $format:ident $opcode:literal $mnemonic:ident $op:ident ; $same:ident, $shape:literal) => {
        Row::new(crate::row::Format::$format, $opcode, stringify!($mnemonic), crate::op::Op::$op, $shape)
    };
    (@row $format:ident $opcode:literal $mnemonic:ident ; $same:ident, $shape:literal) => {
        Row::new(crate::row::Format::$format, $opcode, stringify!($mnemonic), crate::op::Op::$same, $shape)
    };
}
pub(crate) use rows;
