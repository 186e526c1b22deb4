//! The vector unit's acts.

use super::scalar::{from, into};
use crate::block::act::{Act, Changes, Column, From, To};
use crate::block::lowering::Lowering;
use crate::operand::constant;
use crate::sys::Level;
use crate::vector::{integer, loops};
use gcn::row::{Format, Kind, Place};
use gcn::{Bound, Inst, Op, Operand, ScalarReg};

pub(super) fn lower(inst: &Inst, lowering: &mut Lowering) -> Option<Act> {
    lanes(inst).or_else(|| loops(inst, lowering.level?, lowering))
}

fn lanes(inst: &Inst) -> Option<Act> {
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

/// The acts of whole registers. What changes results, or takes parts of registers, is looked at anew.
fn loops(inst: &Inst, level: Level, lowering: &mut Lowering) -> Option<Act> {
    let modifiers = &inst.modifiers;
    let is_plain =
        !modifiers.clamp && modifiers.omod == 0 && modifiers.sdwa.is_none() && modifiers.dpp.is_none();
    let keeps_half = inst.row.allowed.op_sel && inst.row.operands().any(|operand| operand.ty.bits == 16);
    if !is_plain || keeps_half || inst.row.format == Format::VOP3P {
        return None;
    }
    if inst.row.format == Format::VOPC {
        return compare(inst, level, lowering);
    }
    let to = inst.operands().find_map(vector);
    let mut sources = Sources { inst, lowering, changes: Changes::default() };
    if let Some(f) = loops::masked(inst.op(), level) {
        let mask = match inst.src(2).filter(|bound| bound.row.ty.kind == Kind::Mask) {
            Some(bound) => from(bound)?,
            None => From::Constant(0),
        };
        let gives = match inst.at(Place::Mask) {
            Some(bound) => Some(pair(bound)?),
            None => None,
        };
        let both = [sources.narrow(0)?, sources.narrow(1)?];
        return Some(Act::Masked {
            f,
            to: sources.to(to?, false),
            sources: both,
            changes: sources.changes,
            mask,
            gives,
        });
    }
    if let Some(f) = loops::narrow(inst.op(), level) {
        if inst.op() == Op::v_mov_b32 {
            let source = inst.src(0)?;
            if !matches!(source.operand, Operand::Vgpr(_)) {
                return Some(Act::Fill { to: sources.to(to?, false), value: from(source)? });
            }
        }
        // What has no source has the first one: it is not looked at.
        let first = sources.narrow(0)?;
        let mut columns = [first; 3];
        for (number, column) in columns.iter_mut().enumerate().skip(1) {
            match inst.src(number as u8) {
                Some(_) => *column = sources.narrow(number as u8)?,
                None if number == 2 => *column = sources.named()?.unwrap_or(first),
                None => *column = first,
            }
        }
        if let [Column::Vector(a), Column::Vector(b), Column::Vector(c)] = columns
            && sources.changes.made == 0
        {
            return Some(Act::Plain { f, to: sources.to(to?, false), sources: [a, b, c] });
        }
        return Some(Act::Narrow {
            f,
            to: sources.to(to?, false),
            sources: columns,
            changes: sources.changes,
        });
    }
    if inst.op() == Op::v_lshlrev_b64
        && let Some(From::Constant(by @ 1..=31)) = inst.src(0).and_then(from)
        && let Some(source) = inst.src(1).and_then(vector)
        && let Some(to) = to
        && source < u8::MAX
    {
        sources.lowering.uses(usize::from(source) + 1);
        let (f, to) = (integer::shifted(level), sources.to(to, true));
        return Some(Act::ShiftLeft { f, to, by: by as u8, source });
    }
    let f = loops::wide(inst.op(), level)?;
    let gives = match inst.at(Place::Mask) {
        Some(bound) => Some(pair(bound)?),
        None => None,
    };
    let mut columns = [[Column::Constant(0); 2]; 3];
    for (number, pair) in columns.iter_mut().enumerate() {
        if inst.src(number as u8).is_some() {
            *pair = sources.wide(number as u8)?;
        }
    }
    let is_wide = inst.at(Place::Dst)?.row.ty.bits == 64;
    Some(Act::Wide {
        f,
        to: sources.to(to?, is_wide),
        is_wide,
        gives,
        sources: columns,
        changes: sources.changes,
    })
}

fn compare(inst: &Inst, level: Level, lowering: &mut Lowering) -> Option<Act> {
    let mut words = inst.row.mnemonic.split('_').skip(1);
    let (kind, relation, ty) = (words.next()?, words.next()?, words.next()?);
    let f = loops::compare(relation, ty, level)?;
    let to = pair(inst.at(Place::Mask)?)?;
    let mut sources = Sources { inst, lowering, changes: Changes::default() };
    let both = [sources.wide(0)?, sources.wide(1)?];
    Some(Act::Holds { f, to, is_exec: kind == "cmpx", sources: both, changes: sources.changes })
}

fn vector(bound: Bound) -> Option<u8> {
    match bound.operand {
        Operand::Vgpr(first) => Some(first),
        _ => None,
    }
}

/// The first of two scalar registers that are written.
fn pair(bound: Bound) -> Option<u8> {
    match into(bound)? {
        To::Pair(first) => Some(first),
        To::Register(_) => None,
    }
}

/// The sources of an instruction on their way to columns.
struct Sources<'a> {
    inst: &'a Inst,
    lowering: &'a mut Lowering,
    changes: Changes,
}

impl Sources<'_> {
    fn to(&mut self, first: u8, is_wide: bool) -> u8 {
        self.lowering.uses(usize::from(first) + usize::from(is_wide));
        first
    }

    fn narrow(&mut self, number: u8) -> Option<Column> {
        let bound = self.inst.src(number)?;
        if bound.row.ty.bits == 64 {
            return None;
        }
        self.wide(number).map(|[low, _]| low)
    }

    /// A source's registers, the same twice if it has one.
    fn wide(&mut self, number: u8) -> Option<[Column; 2]> {
        let bound = self.inst.src(number)?;
        let is_wide = bound.row.ty.bits == 64;
        let columns = self.columns(bound, is_wide)?;
        self.changes.wide |= u8::from(is_wide) << number;
        if matches!(columns[0], Column::Scalar(_)) {
            self.changes.made |= 1 << number;
        }
        let modifiers = &self.inst.modifiers;
        if bound.row.ty.kind == Kind::Float && (modifiers.abs | modifiers.neg) >> number & 1 != 0 {
            if bound.row.ty.bits == 16 {
                return None;
            }
            self.changes.abs |= modifiers.abs & 1 << number;
            self.changes.neg |= modifiers.neg & 1 << number;
            self.changes.made |= 1 << number;
        }
        Some(columns)
    }

    fn columns(&mut self, bound: Bound, is_wide: bool) -> Option<[Column; 2]> {
        match bound.operand {
            Operand::Vgpr(first) => {
                self.lowering.uses(usize::from(first) + usize::from(is_wide));
                Some([Column::Vector(first), Column::Vector(first.wrapping_add(u8::from(is_wide)))])
            }
            Operand::Scalar(ScalarReg(_)) => match from(bound)? {
                From::Register(number) => Some([Column::Scalar(number); 2]),
                From::Pair(number) => Some([Column::Scalar(number), Column::Scalar(number + 1)]),
                From::Constant(_) => None,
            },
            _ => {
                let value = constant(bound)?;
                let low = self.lowering.constant(value as u32);
                let high = if is_wide { self.lowering.constant((value >> 32) as u32) } else { low };
                Some([Column::Constant(low), Column::Constant(high)])
            }
        }
    }

    /// What a multiply-add adds to, or multiplies by, that is no source: the destination, or the literal that follows.
    fn named(&mut self) -> Option<Option<Column>> {
        match (self.inst.op(), self.inst.at(Place::Literal).map(|bound| bound.operand)) {
            (Op::v_mac_f32, _) => vector(self.inst.at(Place::Dst)?).map(Column::Vector).map(Some),
            (Op::v_madmk_f32 | Op::v_madak_f32, Some(Operand::Literal(word))) => {
                Some(Some(Column::Constant(self.lowering.constant(word))))
            }
            (Op::v_madmk_f32 | Op::v_madak_f32, _) => None,
            _ => Some(None),
        }
    }
}
