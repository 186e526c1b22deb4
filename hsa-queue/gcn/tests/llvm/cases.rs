//! Words to read: each line of the table in each of its forms with random fields, and words that are random altogether.

use gcn::gfx9;
use gcn::row::{Format, Row};

/// The words at an instruction's place.
pub type Case = [u32; 2];

/// First bits of the formats and of the classes that are refused, and how many they are: VOP2 (with VOP1 and VOPC), VOP1, VOPC,
/// SOP2 (with all scalar ones), SOPK, SOP1, SOPC, SOPP, SMEM, export, VOP3, interpolation, data share, flat memory, buffers, typed
/// buffers, images, and what is no format; and any word.
#[rustfmt::skip]
const PREFIXES: &[(u32, u32)] = &[
    (0x0000_0000, 1), (0x7e00_0000, 7), (0x7c00_0000, 7), (0x8000_0000, 2), (0xb000_0000, 4), (0xbe80_0000, 9),
    (0xbf00_0000, 9), (0xbf80_0000, 9), (0xc000_0000, 6), (0xc400_0000, 6), (0xd000_0000, 6), (0xd400_0000, 6),
    (0xd800_0000, 6), (0xdc00_0000, 6), (0xe000_0000, 6), (0xe800_0000, 6), (0xf000_0000, 6), (0xc800_0000, 6),
    (0xcc00_0000, 6), (0xe400_0000, 6), (0xec00_0000, 6), (0xf400_0000, 6), (0, 0),
];

pub struct Cases {
    rng: fastrand::Rng,
    rows: Vec<&'static Row>,
    next: usize,
}

impl Cases {
    pub fn new(rng: fastrand::Rng) -> Self {
        Self { rng, rows: gfx9::rows().collect(), next: 0 }
    }

    pub fn next(&mut self) -> Case {
        let row = self.rows[self.next % self.rows.len()];
        self.next += 1;
        let case = match self.rng.u32(0..8) {
            0 => self.any(),
            _ => self.of(row),
        };
        // The markers between cases, and SDWA with parts that do not exist, of which LLVM 19 dies.
        let is_marker = case[0] & 0xffff_8000 == 0xbf8f_8000;
        let parts = [case[1] >> 8 & 7, case[1] >> 16 & 7, case[1] >> 24 & 7, 4 + (case[1] >> 11 & 3)];
        let is_fatal = case[0] >> 31 == 0 && case[0] & 0x1ff == 0xf9 && parts.contains(&7);
        if is_marker || is_fatal { [0xbf80_0000, 0] } else { case }
    }

    /// A format's first bits, and nothing else of it: half of all words would be short vector ones, and few an instruction.
    fn any(&mut self) -> Case {
        let (prefix, bits) = self.rng.choice(PREFIXES).copied().unwrap_or((0, 0));
        let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
        [prefix | self.rng.u32(..) & rest, self.rng.u32(..)]
    }

    /// A register, a constant or a literal, for fields of eight bits.
    fn scalar(&mut self) -> u32 {
        match self.rng.u32(0..8) {
            0 => 255,
            1 => self.rng.u32(128..256),
            2 => self.rng.u32(100..128),
            _ => self.rng.u32(0..102),
        }
    }

    fn source(&mut self) -> u32 {
        if self.rng.bool() { 256 + self.rng.u32(0..256) } else { self.scalar() }
    }

    /// Mostly zero: bits that few encodings allow.
    fn rare(&mut self, bits: u32) -> u32 {
        if self.rng.u32(0..4) == 0 { self.rng.u32(..) & ((1 << bits) - 1) } else { 0 }
    }

    fn literal(&mut self) -> u32 {
        match self.rng.u32(0..5) {
            0 => self.rng.i32(-20..70) as u32,
            1 => self.rng.u32(0x100..0x1_0000),
            2 => f32::to_bits([0.5, 1.0, -2.0, 4.0][self.rng.usize(0..4)]),
            _ => self.rng.u32(..),
        }
    }

    fn of(&mut self, row: &Row) -> Case {
        let op = u32::from(row.opcode);
        let (d, s0, s1) = (self.rng.u32(0..128), self.scalar(), self.scalar());
        match row.format {
            Format::SOP2 => [0x8000_0000 | op << 23 | d << 16 | s1 << 8 | s0, self.literal()],
            Format::SOPK => [0xb000_0000 | op << 23 | d << 16 | self.rng.u32(0..0x1_0000), self.literal()],
            Format::SOP1 => [0xbe80_0000 | d << 16 | op << 8 | s0, self.literal()],
            Format::SOPC => [0xbf00_0000 | op << 16 | s1 << 8 | s0, self.literal()],
            Format::SOPP => {
                let imm = if self.rng.bool() { self.rng.u32(0..0x400) } else { self.rng.u32(0..0x1_0000) };
                [0xbf80_0000 | op << 16 | if self.rng.u32(0..4) == 0 { 0 } else { imm }, 0]
            }
            Format::SMEM => {
                let (imm, soe) = (self.rng.u32(0..2), self.rare(1));
                let first = 0xc000_0000 | op << 18 | imm << 17 | self.rare(1) << 16 | soe << 14;
                let small = self.rng.u32(0..0x20_0000) >> self.rng.u32(0..21);
                let second = match (imm, soe) {
                    (0, 0) => self.rng.u32(0..128),
                    (0, _) => self.rng.u32(0..128) << 25,
                    (_, 0) => small,
                    _ => self.rng.u32(0..0x20_0000) | self.rng.u32(0..128) << 25,
                };
                let operands = match row.operands().count() {
                    0 => return [first & !0x3_4000, 0],
                    1 if row.mnemonic.contains("time") => return [first & !0x3_4000 | d << 6, 0],
                    1 => self.rng.u32(0..64),
                    _ => d << 6 | self.rng.u32(0..64),
                };
                [first | operands | self.rare(1) << 15, second]
            }
            Format::VOP2 | Format::VOP1 | Format::VOPC => self.vector(row, op),
            Format::VOP3 | Format::VOP3P => {
                let base = if row.format == Format::VOP3P { 0xd380_0000 } else { 0xd000_0000 };
                self.vop3(row, base | op << 16)
            }
            Format::DS => {
                let has = |letter: &str| {
                    row.operands().any(|operand| format!("{:?}", operand.place).starts_with(letter))
                };
                let offsets = if has("Off") || has("Pattern") { self.rng.u32(0..0x1_0000) } else { 0 };
                let offsets = if self.rng.bool() { offsets } else { 0 };
                let mut field = |on: bool, at: u32| if on { self.rng.u32(0..256) << at } else { 0 };
                let named = |name: &str| row.operands().any(|operand| format!("{:?}", operand.place) == name);
                let second = field(named("Address"), 0)
                    | field(named("Data"), 8)
                    | field(named("Data1"), 16)
                    | field(named("Dst"), 24);
                [
                    0xd800_0000 | op << 17 | self.rare(1) << 16 | offsets,
                    second | if self.rare(3) == 7 { self.rng.u32(..) } else { 0 },
                ]
            }
            Format::FLAT | Format::GLOBAL | Format::SCRATCH => {
                let segment = match row.format {
                    Format::FLAT => 0,
                    Format::SCRATCH => 1,
                    _ => 2,
                };
                let named = |name: &str| row.operands().any(|operand| format!("{:?}", operand.place) == name);
                let glc = self.rng.u32(0..2);
                let saddr = match row.format {
                    Format::FLAT => 0,
                    _ if self.rng.bool() => 127,
                    _ => self.rng.u32(0..128),
                };
                let address =
                    if row.format == Format::SCRATCH && saddr != 127 { 0 } else { self.rng.u32(0..256) };
                let data = if named("Data") { self.rng.u32(0..256) } else { 0 };
                let dst = if named("Dst") || (named("Old") && glc == 1) { self.rng.u32(0..256) } else { 0 };
                let offset = if row.format == Format::FLAT {
                    self.rng.u32(0..0x1000)
                } else {
                    self.rng.u32(0..0x2000)
                };
                let offset = if self.rng.bool() { 0 } else { offset };
                [
                    0xdc00_0000 | op << 18 | self.rare(1) << 17 | glc << 16 | segment << 14 | offset,
                    address | data << 8 | saddr << 16 | self.rare(1) << 23 | dst << 24,
                ]
            }
            Format::MUBUF => {
                if row.operands().next().is_none() {
                    return [0xe000_0000 | op << 18 | self.rare(1), 0];
                }
                let flags = self.rare(1) << 17 | self.rare(1) << 16 | self.rng.u32(0..8) << 12;
                let offset = if self.rng.bool() { 0 } else { self.rng.u32(0..0x1000) };
                let address = if flags & 0x3000 == 0 { 0 } else { self.rng.u32(0..256) };
                let soffset = if self.rng.bool() { 128 } else { self.scalar() };
                [
                    0xe000_0000 | op << 18 | flags | offset,
                    address
                        | self.rng.u32(0..256) << 8
                        | self.rng.u32(0..32) << 16
                        | self.rare(1) << 23
                        | soffset << 24,
                ]
            }
        }
    }

    fn vector(&mut self, row: &Row, op: u32) -> Case {
        let none = row.operands().next().is_none();
        let (d, v1) = if none { (0, 0) } else { (self.rng.u32(0..256), self.rng.u32(0..256)) };
        let first = match row.format {
            Format::VOP1 => 0x7e00_0000 | d << 17 | op << 9,
            Format::VOP2 => op << 25 | d << 17 | v1 << 9,
            _ => 0x7c00_0000 | op << 17 | v1 << 9,
        };
        match self.rng.u32(0..6) {
            0 if !none => {
                let source = self.rng.u32(0..256);
                let mut second = source | self.rng.u32(0..7) << 16;
                if row.format != Format::VOP1 {
                    second |= self.rng.u32(0..7) << 24
                        | self.rare(1) << 27
                        | self.rare(2) << 28
                        | self.rare(1) << 31;
                }
                second |= self.rare(1) << 19 | self.rare(2) << 20 | self.rare(1) << 23;
                second |= match row.format {
                    Format::VOPC => self.rng.u32(0..256) << 8,
                    _ => {
                        self.rng.u32(0..7) << 8
                            | self.rng.u32(0..3) << 11
                            | self.rare(1) << 13
                            | self.rare(2) << 14
                    }
                };
                [first | 0xf9, second]
            }
            1 if !none => {
                let control = if self.rng.bool() { self.rng.u32(0..256) } else { self.rng.u32(0x100..0x160) };
                let mods = self.rare(4) << 20;
                [
                    first | 0xfa,
                    self.rng.u32(0..256)
                        | control << 8
                        | self.rare(1) << 19
                        | mods
                        | self.rng.u32(0..256) << 24,
                ]
            }
            2 | 3 => {
                let base = match row.format {
                    Format::VOP1 => 0x140,
                    Format::VOP2 => 0x100,
                    _ => 0,
                };
                self.vop3(row, 0xd000_0000 | (base + op) << 16)
            }
            _ if none => [first, 0],
            _ => [first | self.source(), self.literal()],
        }
    }

    fn vop3(&mut self, row: &Row, prefix: u32) -> Case {
        use gcn::row::Place;
        let mut low = if row.operands().next().is_some() { self.rng.u32(0..256) } else { 0 };
        if row.operands().any(|operand| matches!(operand.place, Place::ScalarDst))
            || row.format == Format::VOPC
        {
            low &= 127;
        }
        let mut second = 0;
        for operand in row.operands() {
            match operand.place {
                Place::Src(n) | Place::VgprSrc(n) | Place::ScalarSrc(n) => {
                    let mut field = self.source();
                    if operand.ty.kind == gcn::row::Kind::Mask {
                        field &= 127;
                    }
                    if matches!(operand.place, Place::ScalarSrc(_)) {
                        field = self.scalar();
                    }
                    if matches!(operand.place, Place::VgprSrc(_)) && self.rng.u32(0..4) > 0 {
                        field |= 256;
                    }
                    second |= field << (9 * u32::from(n));
                }
                Place::Mask if row.format != Format::VOPC => low |= self.rng.u32(0..128) << 8,
                _ => {}
            }
        }
        let first = prefix | low | self.rare(3) << 8 | self.rare(4) << 11 | self.rare(1) << 15;
        [first, second | self.rare(2) << 27 | self.rare(3) << 29]
    }
}
