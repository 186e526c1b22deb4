//! What an operand of a decoded instruction is.

use crate::constant::Constant;

/// A scalar register or a value that reads like one, by its number in the source field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScalarReg(pub u8);

impl ScalarReg {
    /// SGPRs of a wave end before this number.
    pub const SGPRS: u8 = 102;
    /// Low half of the flat-scratch base.
    pub const FLAT_SCRATCH_LO: Self = Self(102);
    /// Low half of the XNACK mask.
    pub const XNACK_MASK_LO: Self = Self(104);
    /// Low half of VCC.
    pub const VCC_LO: Self = Self(106);
    /// High half of VCC.
    pub const VCC_HI: Self = Self(107);
    /// First register of the trap handler.
    pub const TTMP0: Self = Self(108);
    /// M0.
    pub const M0: Self = Self(124);
    /// Reserved before gfx10; LLVM reads it as the null register.
    pub const NULL: Self = Self(125);
    /// Low half of EXEC.
    pub const EXEC_LO: Self = Self(126);
    /// High half of EXEC.
    pub const EXEC_HI: Self = Self(127);
    /// Base of the LDS aperture.
    pub const SHARED_BASE: Self = Self(235);
    /// Limit of the LDS aperture.
    pub const SHARED_LIMIT: Self = Self(236);
    /// Base of the scratch aperture.
    pub const PRIVATE_BASE: Self = Self(237);
    /// Limit of the scratch aperture.
    pub const PRIVATE_LIMIT: Self = Self(238);
    /// Id of the wave that leaves an ordered section.
    pub const POPS_EXITING_WAVE_ID: Self = Self(239);
    /// Whether VCC is zero.
    pub const VCCZ: Self = Self(251);
    /// Whether EXEC is zero.
    pub const EXECZ: Self = Self(252);
    /// The scalar condition code, read as a source.
    pub const SCC: Self = Self(253);
    /// LDS, addressed by M0.
    pub const LDS_DIRECT: Self = Self(254);
}

/// What an instruction reads or writes: a register, a constant or the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// The first of as many VGPRs as the type needs.
    Vgpr(u8),
    /// The first of as many scalar registers as the type needs.
    Scalar(ScalarReg),
    /// An inline constant.
    Constant(Constant),
    /// A literal; of a 64-bit float the high half, of a 64-bit integer the low one.
    Literal(u32),
    /// A 16-bit immediate.
    Imm(u16),
    /// Address of scalar memory: a base, a register and a number to add.
    ScalarMemory {
        /// First register of the base.
        base: ScalarReg,
        /// Added to it.
        register: Option<ScalarReg>,
        /// Added to it, bytes; `None` where the encoding has a register in its place.
        offset: Option<i32>,
    },
    /// Address of flat, global or scratch memory.
    FlatMemory {
        /// VGPR, or the first of two; `None` is `off`.
        vgpr: Option<u8>,
        /// First of two SGPRs (global) or one (scratch); `None` is `off`.
        scalar: Option<ScalarReg>,
        /// Added, bytes.
        offset: i16,
    },
    /// Address of a buffer.
    BufferMemory {
        /// Index, offset or both.
        vgpr: u8,
        /// The VGPR has an index.
        indexed: bool,
        /// The VGPR, or the second where it also has an index, has an offset.
        offset_in_vgpr: bool,
        /// First of four registers of the descriptor.
        descriptor: ScalarReg,
        /// Scalar offset, a register or a constant.
        scalar: BufferOffset,
        /// Added, bytes.
        offset: u16,
    },
    /// Offset of a data share, bytes; or two, in units of the data.
    Offsets(u8, u8),
}

/// Scalar offset of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum BufferOffset {
    Scalar(ScalarReg),
    Constant(Constant),
}
