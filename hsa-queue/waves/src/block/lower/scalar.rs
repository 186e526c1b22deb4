//! The scalar unit's acts.

use crate::block::act::{Act, From, To, When};
use crate::operand::constant;
use crate::scalar::arithmetic;
use gcn::row::{Format, Place};
use gcn::{Bound, Inst, Op, Operand, ScalarReg};

pub(super) fn lower(inst: &Inst, pc: u64) -> Option<Act> {
    let op = inst.op();
    let source = |number| from(inst.src(number)?);
    match inst.row.format {
        Format::SOP2 => {
            let (a, b, to) = (source(0)?, source(1)?, to(inst)?);
            arithmetic::binary(op, 0, 0, false).map(|_| Act::Binary { op, to, a, b })
        }
        Format::SOP1 if matches!(op, Op::s_getpc_b64 | Op::s_setpc_b64 | Op::s_swappc_b64) => {
            let next = pc.wrapping_add(4 * u64::from(inst.words));
            if op == Op::s_setpc_b64 {
                return Some(Act::Jump { target: source(0)?, keeps: None });
            }
            let To::Pair(kept) = to(inst)? else { return None };
            Some(match op {
                Op::s_getpc_b64 => Act::Move { to: To::Pair(kept), a: From::Constant(next) },
                _ => Act::Jump { target: source(0)?, keeps: Some((kept, next)) },
            })
        }
        Format::SOP1 => {
            let (a, to) = (source(0)?, to(inst)?);
            if matches!(op, Op::s_mov_b32 | Op::s_mov_b64) {
                return Some(Act::Move { to, a });
            }
            if arithmetic::unary(op, 0).is_some() {
                return Some(Act::Unary { op, to, a });
            }
            let To::Pair(to) = to else { return None };
            arithmetic::masks(op, 0, 0).map(|_| Act::SaveExec { op, to, mask: a })
        }
        Format::SOPC => {
            let (a, b) = (source(0)?, source(1)?);
            arithmetic::compare(op, 0, 0).map(|_| Act::Compare { op, a, b })
        }
        Format::SOPK => {
            let half = immediate(inst)?;
            match inst.at(Place::Dst) {
                // What may keep its destination is looked at anew.
                Some(_) if op == Op::s_cmovk_i32 => None,
                Some(_) => {
                    let To::Register(to) = to(inst)? else { return None };
                    arithmetic::with_immediate(op, 0, 0).map(|_| Act::Immediate { op, to, half })
                }
                None => {
                    let a = source(0)?;
                    arithmetic::compare_immediate(op, 0, 0).map(|_| Act::CompareImmediate { op, a, half })
                }
            }
        }
        Format::SOPP if op == Op::s_endpgm => Some(Act::End),
        Format::SOPP if op == Op::s_barrier => Some(Act::Barrier),
        Format::SOPP => {
            let when = when(op)?;
            let words = i64::from(immediate(inst)? as i16) + i64::from(inst.words);
            Some(Act::Branch { when, target: pc.wrapping_add_signed(4 * words) })
        }
        _ => load(inst),
    }
}

fn when(op: Op) -> Option<When> {
    Some(match op {
        Op::s_branch => When::Always,
        Op::s_cbranch_scc0 => When::Scc(false),
        Op::s_cbranch_scc1 => When::Scc(true),
        Op::s_cbranch_vccz => When::VccIsZero(true),
        Op::s_cbranch_vccnz => When::VccIsZero(false),
        Op::s_cbranch_execz => When::ExecIsZero(true),
        Op::s_cbranch_execnz => When::ExecIsZero(false),
        _ => return None,
    })
}

/// A source in a register of the wave, or known now.
pub(super) fn from(bound: Bound) -> Option<From> {
    let is_wide = bound.row.ty.bits > 32;
    match bound.operand {
        Operand::Scalar(ScalarReg(number)) if number < 127 && is_wide && number != ScalarReg::NULL.0 => {
            Some(From::Pair(number))
        }
        Operand::Scalar(ScalarReg(number)) if number < 128 && !is_wide && number != ScalarReg::NULL.0 => {
            Some(From::Register(number))
        }
        _ => constant(bound).map(From::Constant),
    }
}

/// A scalar destination that a wave has.
pub(super) fn into(bound: Bound) -> Option<To> {
    match from(bound)? {
        From::Register(number) => Some(To::Register(number)),
        From::Pair(number) => Some(To::Pair(number)),
        From::Constant(_) => None,
    }
}

fn to(inst: &Inst) -> Option<To> {
    into(inst.at(Place::Dst)?)
}

fn immediate(inst: &Inst) -> Option<u16> {
    inst.operands().find_map(|bound| match (bound.row.place, bound.operand) {
        (Place::Imm(_), Operand::Imm(value)) => Some(value),
        _ => None,
    })
}

fn load(inst: &Inst) -> Option<Act> {
    let words = match inst.op() {
        Op::s_load_dword => 1,
        Op::s_load_dwordx2 => 2,
        Op::s_load_dwordx4 => 4,
        Op::s_load_dwordx8 => 8,
        Op::s_load_dwordx16 => 16,
        _ => return None,
    };
    let Operand::ScalarMemory { base, register, offset } = inst.at(Place::Address)?.operand else {
        return None;
    };
    let Operand::Scalar(ScalarReg(first)) = inst.at(Place::Dst)?.operand else { return None };
    let has_room = usize::from(first) + usize::from(words) <= 128 && base.0 <= 126;
    let added = register.map(|register| register.0);
    has_room.then_some(Act::ScalarLoad {
        base: base.0,
        added: added.map(|number| number & 127),
        offset: offset.unwrap_or(0),
        first,
        words,
    })
}
