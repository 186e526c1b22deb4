//! A wave: its registers and its mode.

use crate::scratch::Scratch;
use gcn::ScalarReg;

/// Lanes of a wave on GFX9.
pub const LANES: usize = 64;

/// A register of all lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
pub struct Lanes<T = u32>(pub [T; LANES]);

/// How floats are computed: the register MODE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Mode {
    /// Denormals of f32 are kept: both bits of FP_DENORM's lower half.
    #[must_use]
    pub fn keeps_f32_denormals(self) -> bool {
        self.0 >> 4 & 3 == 3
    }

    /// Denormals of f16 and f64 are kept.
    #[must_use]
    pub fn keeps_other_denormals(self) -> bool {
        self.0 >> 6 & 3 == 3
    }

    /// f32 are rounded otherwise than to the nearest.
    pub(crate) fn rounds_f32(self) -> bool {
        self.0 & 3 != 0
    }

    /// f16 and f64 are.
    pub(crate) fn rounds_others(self) -> bool {
        self.0 >> 2 & 3 != 0
    }

    /// Denormals of f32 are kept on one side only.
    pub(crate) fn mixes_f32_denormals(self) -> bool {
        matches!(self.0 >> 4 & 3, 1 | 2)
    }

    /// An f16 that is too great is the greatest: FP16_OVFL.
    pub(crate) fn stays_finite(self) -> bool {
        self.0 >> 23 & 1 != 0
    }

    /// A clamped NaN is 0.
    #[must_use]
    pub fn clamps_nan(self) -> bool {
        self.0 >> 8 & 1 != 0
    }

    /// What compilers begin kernels with: floats are rounded to the nearest, all denormals are kept, a clamped NaN is 0, minimum and maximum are IEEE's, and no
    /// register is found by an index.
    #[must_use]
    pub fn is_usual(self) -> bool {
        self.0 & (0x3ff | 1 << 23 | 1 << 27) == 0x3f0
    }

    /// Vector registers are found by an index in M0: GPR_IDX_EN.
    #[must_use]
    pub fn indexes(self) -> bool {
        self.0 >> 27 & 1 != 0
    }

    /// The same mode with or without such an index.
    #[must_use]
    pub(crate) fn with_index(self, indexes: bool) -> Self {
        Self(self.0 & !(1 << 27) | u32::from(indexes) << 27)
    }

    /// Signalling NaN are made quiet, minimum and maximum are IEEE's.
    #[must_use]
    pub fn is_ieee(self) -> bool {
        self.0 >> 9 & 1 != 0
    }
}

/// See the module's head.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Wave {
    /// Address of the next instruction.
    pub pc: u64,
    /// Scalar registers by their numbers, VCC, M0 and EXEC among them.
    pub scalars: [u32; 128],
    /// Each in a place of its own, so that a result takes its register's place without being copied.
    pub vectors: Box<[Box<Lanes>]>,
    /// The scalar condition code.
    pub scc: bool,
    /// How floats are computed.
    pub mode: Mode,
    /// Which wave of its group it is.
    pub index: u32,
    /// Lanes whose part of the instruction at hand is done, and what they have loaded.
    pub(crate) done: u64,
    pub(crate) loaded: Box<[Lanes; 4]>,
    /// What of the instruction at hand was asked for in wholes was not there: its lanes ask each for itself.
    pub(crate) apart: bool,
    /// The round of global wave sync at whose end it goes on.
    pub(crate) meets: Option<u64>,
    pub(crate) scratch: Scratch,
}

pub(crate) const ZERO: Lanes = Lanes([0; LANES]);

impl Wave {
    /// A wave with so many vector registers, all zero.
    #[must_use]
    pub fn new(pc: u64, vectors: usize, mode: Mode) -> Self {
        Self {
            pc,
            scalars: [0; 128],
            vectors: (0..vectors).map(|_| Box::new(ZERO)).collect(),
            scc: false,
            mode,
            index: 0,
            done: 0,
            loaded: Box::new([ZERO; 4]),
            apart: false,
            meets: None,
            scratch: Scratch::default(),
        }
    }

    /// Begins anew, with as many vector registers: all hold what they held, as those of hardware do.
    pub(crate) fn restart(&mut self, pc: u64, mode: Mode) {
        (self.pc, self.mode) = (pc, mode);
        (self.scc, self.index, self.done, self.apart, self.meets) = (false, 0, 0, false, None);
        self.scratch.clear();
    }

    /// The pair of scalar registers that begins at `first`.
    #[must_use]
    #[inline]
    pub fn pair(&self, first: ScalarReg) -> u64 {
        let at = usize::from(first.0);
        let pair = &self.scalars[at..at + 2];
        u64::from(pair[0]) | u64::from(pair[1]) << 32
    }

    /// Sets such a pair.
    #[inline]
    pub fn set_pair(&mut self, first: ScalarReg, value: u64) {
        let at = usize::from(first.0);
        // In one store, which a load of both soon follows.
        self.scalars[at..at + 2].copy_from_slice(&[value as u32, (value >> 32) as u32]);
    }

    /// The lanes that take part.
    #[must_use]
    #[inline]
    pub fn exec(&self) -> u64 {
        self.pair(ScalarReg::EXEC_LO)
    }

    /// Says which lanes take part.
    #[inline]
    pub fn set_exec(&mut self, lanes: u64) {
        self.set_pair(ScalarReg::EXEC_LO, lanes);
    }

    /// What an index adds to the number of a vector register: `part` 0 to 2 are the sources, 3 the destination.
    pub(crate) fn index(&self, part: u8) -> usize {
        let m0 = self.scalars[usize::from(ScalarReg::M0.0)];
        if self.mode.indexes() && m0 >> (12 + part) & 1 != 0 { (m0 & 0xff) as usize } else { 0 }
    }

    /// The lanes that the last compare found.
    #[must_use]
    #[inline]
    pub fn vcc(&self) -> u64 {
        self.pair(ScalarReg::VCC_LO)
    }
}
