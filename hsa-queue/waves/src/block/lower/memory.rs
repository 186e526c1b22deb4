//! Acts of vector memory.

use crate::block::act::{Act, From, Reach};
use crate::block::lowering::Lowering;
use gcn::row::{Format, Place};
use gcn::{BufferOffset, Inst, Op, Operand};

/// Loads and stores of whole words: how many, and whether they are stored.
fn words(op: Op) -> Option<(u8, bool)> {
    Some(match op {
        Op::load_b32 => (1, false),
        Op::load_b64 => (2, false),
        Op::load_b96 => (3, false),
        Op::load_b128 => (4, false),
        Op::store_b32 => (1, true),
        Op::store_b64 => (2, true),
        Op::store_b96 => (3, true),
        Op::store_b128 => (4, true),
        _ => return None,
    })
}

/// The register of what is loaded or stored.
fn data(inst: &Inst) -> Option<u8> {
    let places = [Place::Dst, Place::Data, Place::Data1];
    match places.into_iter().find_map(|place| inst.at(place))?.operand {
        Operand::Vgpr(first) => Some(first),
        _ => None,
    }
}

pub(super) fn buffer(inst: &Inst) -> Option<Act> {
    let Operand::BufferMemory { indexed: false, offset_in_vgpr: false, descriptor, scalar, offset, .. } =
        inst.at(Place::Address)?.operand
    else {
        return None;
    };
    let scalar = match scalar {
        BufferOffset::Scalar(register) if register.0 < 125 => From::Register(register.0),
        BufferOffset::Scalar(_) => return None,
        BufferOffset::Constant(constant) => From::Constant(constant.bits(32)),
    };
    let (words, stores) = words(inst.op())?;
    let is_plain = descriptor.0 < 124 && !inst.modifiers.other_space && !inst.modifiers.tfe;
    let first = data(inst)?;
    is_plain.then_some(Act::Scratch { stores, descriptor: descriptor.0, scalar, offset, first, words })
}

pub(super) fn flat(inst: &Inst, lowering: &mut Lowering) -> Option<Act> {
    lowering.level?;
    let Operand::FlatMemory { vgpr: Some(first), scalar, offset } = inst.at(Place::Address)?.operand else {
        return None;
    };
    let base = match scalar {
        Some(register) if register.0 < 127 => Some(register.0),
        Some(_) => return None,
        None => None,
    };
    // A load past the cache is looked at anew.
    if inst.modifiers.other_space || inst.modifiers.glc {
        return None;
    }
    let data = data(inst)?;
    let reach = Reach { first, base, offset, is_flat: inst.row.format == Format::FLAT };
    let part = match inst.op() {
        Op::load_u8 => Some(Act::LoadPart { reach, to: data, bytes: 1, is_signed: false }),
        Op::load_i8 => Some(Act::LoadPart { reach, to: data, bytes: 1, is_signed: true }),
        Op::load_u16 => Some(Act::LoadPart { reach, to: data, bytes: 2, is_signed: false }),
        Op::load_i16 => Some(Act::LoadPart { reach, to: data, bytes: 2, is_signed: true }),
        Op::store_b8 => Some(Act::StorePart { reach, data, bytes: 1 }),
        Op::store_b16 => Some(Act::StorePart { reach, data, bytes: 2 }),
        _ => None,
    };
    let (words, stores) = if part.is_some() { (1, false) } else { words(inst.op())? };
    lowering.uses(usize::from(first) + usize::from(base.is_none()));
    lowering.uses(usize::from(data) + usize::from(words) - 1);
    Some(if let Some(part) = part {
        part
    } else if stores {
        Act::Store { reach, data, words }
    } else {
        Act::Load { reach, to: data, words }
    })
}

pub(super) fn share(inst: &Inst, lowering: &mut Lowering) -> Option<Act> {
    lowering.level?;
    // Words of each place, how many places, the unit of two offsets.
    let (words, places, unit, stores) = match inst.op() {
        Op::ds_read_b32 => (1, 1, 1, false),
        Op::ds_read_b64 => (2, 1, 1, false),
        Op::ds_read_b96 => (3, 1, 1, false),
        Op::ds_read_b128 => (4, 1, 1, false),
        Op::ds_read2_b32 => (1, 2, 4, false),
        Op::ds_read2st64_b32 => (1, 2, 256, false),
        Op::ds_read2_b64 => (2, 2, 8, false),
        Op::ds_read2st64_b64 => (2, 2, 512, false),
        Op::ds_write_b32 => (1, 1, 1, true),
        Op::ds_write_b64 => (2, 1, 1, true),
        Op::ds_write_b96 => (3, 1, 1, true),
        Op::ds_write_b128 => (4, 1, 1, true),
        Op::ds_write2_b32 => (1, 2, 4, true),
        Op::ds_write2st64_b32 => (1, 2, 256, true),
        Op::ds_write2_b64 => (2, 2, 8, true),
        Op::ds_write2st64_b64 => (2, 2, 512, true),
        _ => return None,
    };
    if inst.modifiers.other_space {
        return None;
    }
    let register = |place| match inst.at(place)?.operand {
        Operand::Vgpr(first) => Some(first),
        _ => None,
    };
    let offsets = if places == 2 {
        let Operand::Offsets(first, second) = inst.at(Place::Offsets)?.operand else { return None };
        [u32::from(first) * unit, u32::from(second) * unit]
    } else {
        match inst.at(Place::Offset).map(|bound| bound.operand) {
            Some(Operand::Imm(offset)) => [offset.into(), 0],
            _ => [0, 0],
        }
    };
    let at = register(Place::Address)?;
    lowering.uses(at.into());
    if stores {
        let first = register(Place::Data)?;
        let second = if places == 2 { register(Place::Data1)? } else { first };
        for data in [first, second] {
            lowering.uses(usize::from(data) + usize::from(words) - 1);
        }
        return Some(Act::ShareStore { at, offsets, data: [first, second], places, words });
    }
    let to = register(Place::Dst)?;
    lowering.uses(usize::from(to) + usize::from(words * places) - 1);
    Some(Act::ShareLoad { to, at, offsets, places, words })
}
