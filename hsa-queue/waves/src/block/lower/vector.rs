//! The vector unit's acts.

use super::scalar::{from, into};
use crate::block::act::Act;
use gcn::row::Place;
use gcn::{Inst, Op, Operand};

pub(super) fn lower(inst: &Inst) -> Option<Act> {
    match inst.op() {
        Op::v_readfirstlane_b32 | Op::v_readlane_b32 => {
            let Operand::Vgpr(vector) = inst.src(0)?.operand else { return None };
            let to = into(inst.at(Place::ScalarDst)?)?;
            let lane = match inst.op() {
                Op::v_readlane_b32 => Some(from(inst.src(1)?)?),
                _ => None,
            };
            Some(Act::ReadLane { to, vector, lane })
        }
        Op::v_writelane_b32 => {
            let (value, lane) = (from(inst.src(0)?)?, from(inst.src(1)?)?);
            let Operand::Vgpr(vector) = inst.at(Place::Dst)?.operand else { return None };
            Some(Act::WriteLane { vector, value, lane })
        }
        _ => None,
    }
}
