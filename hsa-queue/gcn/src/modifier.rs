//! What changes operands and results on their way.

/// Which part of a register SDWA takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SdwaSel {
    /// A byte, 0 to 3.
    Byte(u8),
    /// A word, 0 or 1.
    Word(u8),
    /// All of it.
    Dword,
}

impl SdwaSel {
    pub(crate) fn of(bits: u32) -> Option<Self> {
        match bits & 7 {
            byte @ 0..=3 => Some(Self::Byte(byte as u8)),
            4 => Some(Self::Word(0)),
            5 => Some(Self::Word(1)),
            6 => Some(Self::Dword),
            _ => None,
        }
    }
}

/// What SDWA does to the rest of the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unused {
    Pad,
    /// The sign above the part, zeros below it.
    Sext,
    Preserve,
}

/// Which bytes of its sources and destination a sub-dword instruction uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sdwa {
    /// Of the destination; compares have none.
    pub dst: Option<(SdwaSel, Unused)>,
    /// Of the sources.
    pub src: [SdwaSel; 2],
    /// A bit for each source that is sign-extended.
    pub sext: u8,
}

/// Data-parallel primitives: where a lane takes its first source from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dpp {
    /// `dpp_ctrl`.
    pub control: u16,
    /// A bit for each row of 16 lanes that is written.
    pub row_mask: u8,
    /// A bit for each bank of 4 lanes that is written.
    pub bank_mask: u8,
    /// Lanes without a source take 0 instead of keeping their value.
    pub bound_ctrl: bool,
}

/// Modifiers of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Modifiers {
    /// A bit for each source that is negated; of packed sources the low half.
    pub neg: u8,
    /// A bit for each source whose high half is negated (packed), or whose sign is dropped (`abs`, all others).
    pub abs: u8,
    /// The result is clamped.
    pub clamp: bool,
    /// The result is multiplied: 0 by 1, 1 by 2, 2 by 4, 3 by a half.
    pub omod: u8,
    /// A bit for each source whose high half is taken (packed: for the low result), and bit 3 for the destination's.
    pub op_sel: u8,
    /// Packed: a bit for each source whose high half is taken for the high result.
    pub op_sel_hi: u8,
    pub sdwa: Option<Sdwa>,
    pub dpp: Option<Dpp>,
    /// Memory: coherent; of an atomic: gives the old value back.
    pub glc: bool,
    /// Memory: streamed.
    pub slc: bool,
    /// Buffers: loads go to LDS. Data shares: the global one.
    pub other_space: bool,
    /// Buffers: a status word follows the data.
    pub tfe: bool,
}
