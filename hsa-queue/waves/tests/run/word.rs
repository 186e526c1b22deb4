//! Random words of a line of gfx9's table.

use gcn::Form;
use gcn::row::{Format, Row};

/// A word whose first bits are those of a line in a form; few of the others are set.
pub fn word(rng: &mut fastrand::Rng, row: &Row, form: Form) -> [u32; 2] {
    let op = u32::from(row.opcode);
    let mut few = || rng.u32(..) & rng.u32(..) & rng.u32(..);
    let (first, second) = (few(), few());
    let source = match form {
        Form::Sdwa => 0xf9,
        Form::Dpp => 0xfa,
        Form::Native | Form::E64 => first & 0x1ff,
    };
    let first = match (row.format, form) {
        (Format::VOPC, Form::E64) => 0xd000_0000 | op << 16 | first & 0xffff,
        (Format::VOP2, Form::E64) => 0xd100_0000 | op << 16 | first & 0xffff,
        (Format::VOP1, Form::E64) => (0xd140_0000 + (op << 16)) | first & 0xffff,
        (Format::VOP2, _) => op << 25 | first & 0x01ff_fe00 | source,
        (Format::VOP1, _) => 0x7e00_0000 | op << 9 | first & 0x01fe_0000 | source,
        (Format::VOPC, _) => 0x7c00_0000 | op << 17 | first & 0x0001_fe00 | source,
        (Format::SOP2, _) => 0x8000_0000 | op << 23 | first & 0x007f_ffff,
        (Format::SOPK, _) => 0xb000_0000 | op << 23 | first & 0x007f_ffff,
        (Format::SOP1, _) => 0xbe80_0000 | op << 8 | first & 0x007f_00ff,
        (Format::SOPC, _) => 0xbf00_0000 | op << 16 | first & 0xffff,
        (Format::SOPP, _) => 0xbf80_0000 | op << 16 | first & 0xffff,
        (Format::SMEM, _) => 0xc000_0000 | op << 18 | first & 0x0003_ffff,
        (Format::VOP3, _) => 0xd000_0000 | op << 16 | first & 0xffff,
        (Format::VOP3P, _) => 0xd380_0000 | op << 16 | first & 0xffff,
        // Global wave sync is in the other space.
        (Format::DS, _) if row.mnemonic.starts_with("ds_gws") => 0xd801_0000 | op << 17 | first & 0xffff,
        (Format::DS, _) => 0xd800_0000 | op << 17 | first & 0x0001_ffff,
        (Format::FLAT, _) => 0xdc00_0000 | op << 18 | first & 0x0003_3fff,
        (Format::SCRATCH, _) => 0xdc00_4000 | op << 18 | first & 0x0003_3fff,
        (Format::GLOBAL, _) => 0xdc00_8000 | op << 18 | first & 0x0003_3fff,
        (Format::MUBUF, _) => 0xe000_0000 | op << 18 | first & 0x0003_ffff,
    };
    // Global memory by an address in registers, and packed halves as compilers choose them, every other time.
    let second = match row.format {
        Format::GLOBAL if first & 1 != 0 => second & !0x007f_0000 | 0x007f_0000,
        Format::VOP3P => second | 0x1800_0000,
        _ => second,
    };
    [first, second]
}
