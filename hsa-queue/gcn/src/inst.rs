//! A decoded instruction.

use crate::modifier::Modifiers;
use crate::op::Op;
use crate::operand::Operand;
use crate::row::{self, Format, Place, Row};

/// How a vector row is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// In the format's own words.
    Native,
    /// In VOP3's words, though the row's format is a shorter one.
    E64,
    /// With sub-dword addressing.
    Sdwa,
    /// With data-parallel primitives.
    Dpp,
}

/// An operand with the place and the type that the table gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The table's word on it.
    pub row: row::Operand,
    /// What it is here.
    pub operand: Operand,
}

/// A decoded instruction: its operation, operands and modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Inst {
    /// The line of the table.
    pub row: &'static Row,
    /// How it is encoded.
    pub form: Form,
    /// Words of its encoding, a literal included: 1 or 2.
    pub words: u8,
    pub modifiers: Modifiers,
    pub(crate) operands: [Option<Bound>; row::MAX_OPERANDS],
}

impl Inst {
    /// What it does.
    #[must_use]
    pub fn op(&self) -> Op {
        self.row.op
    }

    /// Its operands in LLVM's order.
    pub fn operands(&self) -> impl Iterator<Item = Bound> {
        self.operands.iter().copied().flatten()
    }

    /// The operand at `place`.
    #[must_use]
    pub fn at(&self, place: Place) -> Option<Bound> {
        self.operands().find(|bound| bound.row.place == place)
    }

    /// Source `n`, whatever may be in it.
    #[must_use]
    pub fn src(&self, n: u8) -> Option<Bound> {
        self.operands().find(|bound| {
            matches!(bound.row.place, Place::Src(i) | Place::VgprSrc(i) | Place::ScalarSrc(i) if i == n)
        })
    }
}

/// Why words are no instruction that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the names say it")]
pub enum DecodeError {
    /// The code ends inside the instruction.
    #[error("the code ends inside an instruction")]
    Truncated,
    /// No line of the table has this opcode.
    #[error("{format:?} has no opcode {opcode:#x}")]
    Opcode { format: Format, opcode: u16 },
    /// A class of instructions that compute kernels do without.
    #[error("{0} instructions are not served")]
    Class(&'static str),
    /// An operand's number means nothing, or nothing that may stand there.
    #[error("{mnemonic}: operand {number} may not stand there")]
    Operand {
        mnemonic: &'static str,
        /// The number in the field.
        number: u16,
    },
    /// Bits that must be zero in this instruction are not.
    #[error("{mnemonic}: bits that it does not have are set")]
    Reserved { mnemonic: &'static str },
}
