//! What goes between lanes and the scalar unit, and counts of lanes.

use crate::operand::unsupported;
use crate::stop::Stop;
use crate::wave::{Lanes, Wave};
use gcn::row::Place;
use gcn::{Inst, Op, Operand};

impl Wave {
    /// Whether it was one of these.
    pub(super) fn lanes(&mut self, inst: &Inst) -> Result<bool, Stop> {
        match inst.op() {
            Op::v_readfirstlane_b32 => {
                // Of no lanes the first.
                let lane = self.exec().trailing_zeros() % 64;
                self.read_lane(inst, lane)
            }
            Op::v_readlane_b32 => {
                let Some(select) = inst.src(1) else { return unsupported(inst) };
                let lane = self.scalar(inst, select)? as u32 & 63;
                self.read_lane(inst, lane)
            }
            // Whatever EXEC says.
            Op::v_writelane_b32 => {
                let (Some(value), Some(select)) = (inst.src(0), inst.src(1)) else {
                    return unsupported(inst);
                };
                let (value, lane) = (self.scalar(inst, value)?, self.scalar(inst, select)? & 63);
                let Some(Operand::Vgpr(to)) = inst.at(Place::Dst).map(|bound| bound.operand) else {
                    return unsupported(inst);
                };
                self.vector(inst, to.into())?;
                self.vectors[usize::from(to)].0[lane as usize] = value as u32;
                Ok(true)
            }
            Op::v_mbcnt_lo_u32_b32 => self.count_below(inst, 0),
            Op::v_mbcnt_hi_u32_b32 => self.count_below(inst, 32),
            Op::v_swap_b32 => {
                let (Some(Operand::Vgpr(a)), Some(Operand::Vgpr(b))) =
                    (inst.at(Place::Dst).map(|bound| bound.operand), inst.src(0).map(|bound| bound.operand))
                else {
                    return unsupported(inst);
                };
                let (a, b) = (usize::from(a), usize::from(b));
                let (first, second) = (*self.vector(inst, a)?, *self.vector(inst, b)?);
                let exec = self.exec();
                for lane in (0..64).filter(|lane| exec >> lane & 1 != 0) {
                    self.vectors[a].0[lane] = second.0[lane];
                    self.vectors[b].0[lane] = first.0[lane];
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn read_lane(&mut self, inst: &Inst, lane: u32) -> Result<bool, Stop> {
        let (Some(from), Some(to)) = (inst.src(0), inst.at(Place::ScalarDst)) else {
            return unsupported(inst);
        };
        let value = self.plain::<u32>(inst, from)?.0[lane as usize];
        self.set_scalar(inst, to, value.into())?;
        Ok(true)
    }

    /// Bits of a mask below each lane, of the 32 lanes from `first` on, added to the second source.
    fn count_below(&mut self, inst: &Inst, first: u32) -> Result<bool, Stop> {
        let (mask, sum) = (self.source::<u32>(inst, 0)?, self.source::<u32>(inst, 1)?);
        let out = Lanes::from_fn(|lane| {
            let below = (lane as u32).saturating_sub(first).min(32);
            let bits = u64::from(mask.0[lane]) & ((1 << below) - 1);
            sum.0[lane].wrapping_add(bits.count_ones())
        });
        self.set_vector(inst, &out)?;
        Ok(true)
    }
}
