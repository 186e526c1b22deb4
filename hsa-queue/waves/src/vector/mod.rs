//! The vector unit: each operation is a function of one lane, and a loop over all of them.

pub(crate) mod carry;
mod compare;
mod convert;
mod double;
mod half;
pub(crate) mod integer;
mod lanes;
pub(crate) mod leveled;
pub(crate) mod loops;
mod media;
mod moded;
mod packed;
mod saturated;
pub(crate) mod shape;
mod single;

use crate::operand::{Word, unsupported};
use crate::stop::Stop;
use crate::wave::{LANES, Lanes, Wave};
use gcn::{Inst, Op};

/// By what `omod` multiplies a result.
fn scale(inst: &Inst) -> f32 {
    [1.0, 2.0, 4.0, 0.5][usize::from(inst.modifiers.omod & 3)]
}

impl Wave {
    /// Executes a vector instruction.
    pub(crate) fn execute_vector(&mut self, inst: &Inst) -> Result<(), Stop> {
        if matches!(inst.op(), Op::v_nop | Op::v_clrexcp) {
            return Ok(());
        }
        // Of what finds its registers by an index, compilers use this only.
        let found = !self.mode.indexes() || inst.op() == Op::v_mov_b32;
        if !found {
            return unsupported(inst);
        }
        if self.is_moded(inst) {
            return self.moded(inst);
        }
        let done = self.saturated(inst)?
            || self.single(inst)?
            || self.integer(inst)?
            || self.compare(inst)?
            || self.double(inst)?
            || self.convert(inst)?
            || self.carry(inst)?
            || self.lanes(inst)?
            || self.half(inst)?
            || self.packed(inst)?
            || self.media(inst)?;
        if done { Ok(()) } else { unsupported(inst) }
    }

    /// `f` of each lane's source.
    fn map1<A: Word, D: Word>(&mut self, inst: &Inst, f: impl Fn(A) -> D) -> Result<bool, Stop> {
        let a = self.source::<A>(inst, 0)?;
        let mut out = Lanes::all(D::default());
        for lane in 0..LANES {
            out.0[lane] = f(a.0[lane]);
        }
        self.set_vector(inst, &out)?;
        Ok(true)
    }

    /// `f` of each lane's two sources.
    fn map2<A: Word, B: Word, D: Word>(&mut self, inst: &Inst, f: impl Fn(A, B) -> D) -> Result<bool, Stop> {
        let (a, b) = (self.source::<A>(inst, 0)?, self.source::<B>(inst, 1)?);
        let mut out = Lanes::all(D::default());
        for lane in 0..LANES {
            out.0[lane] = f(a.0[lane], b.0[lane]);
        }
        self.set_vector(inst, &out)?;
        Ok(true)
    }

    /// `f` of each lane's three sources.
    fn map3<A: Word, B: Word, C: Word, D: Word>(
        &mut self,
        inst: &Inst,
        f: impl Fn(A, B, C) -> D,
    ) -> Result<bool, Stop> {
        let (a, b) = (self.source::<A>(inst, 0)?, self.source::<B>(inst, 1)?);
        let c = self.source::<C>(inst, 2)?;
        let mut out = Lanes::all(D::default());
        for lane in 0..LANES {
            out.0[lane] = f(a.0[lane], b.0[lane], c.0[lane]);
        }
        self.set_vector(inst, &out)?;
        Ok(true)
    }
}
