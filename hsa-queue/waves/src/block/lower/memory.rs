//! Acts of vector memory.

use crate::block::act::{Act, From};
use gcn::row::Place;
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
