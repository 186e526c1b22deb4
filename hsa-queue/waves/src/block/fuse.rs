//! Acts that are one where they follow each other: additions of addresses, of which compilers make every access.
//!
//! ```text
//! v_mov_b32      v3, s3             Fill      ─┐
//! v_add_co_u32   v2, vcc, s2, v0    Masked    ─┼─► BasedSum { v[2:3] = s[2:3] + v[0:1] }
//! v_addc_co_u32  v3, vcc, v3, v1    Masked    ─┘
//! ```
//! What they leave behind is what they leave one by one, for the lanes that take part; none of them can stop a wave. Not for: a
//! wave in another mode, which looks at each instruction.

use super::act::{Act, Column, From, Step};
use super::lowering::Lowering;
use crate::vector::carry;
use gcn::{Inst, Op};

/// Makes one step of the last ones where they are such a sum.
pub(super) fn fuse(steps: &mut Vec<Step>, insts: &[Inst], lowering: &Lowering) {
    let Some(level) = lowering.level else { return };
    let [.., first, second] = &steps[..] else { return };
    let op = |step: &Step| insts[usize::from(step.nth)].op();
    if (op(first), op(second)) != (Op::v_add_co_u32, Op::v_addc_co_u32) {
        return;
    }
    let (
        Act::Masked { to: low, sources: lows, gives: Some(carries), .. },
        Act::Masked { to: high, sources: highs, mask: From::Pair(mask), gives: Some(gives), .. },
    ) = (first.act, second.act)
    else {
        return;
    };
    // The second reads what the first one wrote as carries alone.
    let is_written = |source: &Column| match *source {
        Column::Vector(vector) => vector == low,
        Column::Scalar(register) => (carries..=carries + 1).contains(&register),
        Column::Constant(_) => false,
    };
    // Not EXEC, which is no mask of carries.
    if mask != carries || gives != carries || highs.iter().any(is_written) {
        return;
    }
    let (to, nth, at) = ([low, high], first.nth, first.at);
    if !lows.iter().chain(&highs).any(|source| matches!(source, Column::Scalar(_))) {
        let sources = [[lows[0], highs[0]], [lows[1], highs[1]]];
        steps.truncate(steps.len() - 2);
        steps.push(Step { act: Act::Sum { f: carry::sum(level), to, gives, sources }, nth, at });
        return;
    }
    let Some((low_base, low_vector)) = based(lows, lowering) else { return };
    let before = steps.len().checked_sub(3).map(|at| steps[at]);
    let filled = before.and_then(|step| match step.act {
        Act::Fill { to, value: value @ (From::Register(_) | From::Constant(_)) } => Some((to, value)),
        _ => None,
    });
    let (high_base, high_vector, moved) = match (based(highs, lowering), highs, filled) {
        (Some((base, vector)), ..) => (base, vector, None),
        (None, [Column::Vector(to), Column::Vector(vector)], Some((filled, value))) if to == filled => {
            (value, vector, Some(filled))
        }
        _ => return,
    };
    // Its register is written over, and nothing else has read it.
    let is_over = moved.is_some_and(|to| to == high && ![low_vector, high_vector].contains(&to));
    let (base, sources) = ([low_base, high_base], [low_vector, high_vector]);
    steps.truncate(steps.len() - if is_over { 3 } else { 2 });
    steps.push(Step { act: Act::BasedSum { f: carry::based_sum(level), to, gives, base, sources }, nth, at });
}

/// What all lanes have of two sources, and the register of the other.
fn based(sources: [Column; 2], lowering: &Lowering) -> Option<(From, u8)> {
    let base = |column: Column| match column {
        Column::Scalar(register) => Some(From::Register(register)),
        Column::Constant(at) => Some(From::Constant(lowering.constants[usize::from(at)].0[0].into())),
        Column::Vector(_) => None,
    };
    match sources {
        [one, Column::Vector(vector)] | [Column::Vector(vector), one] => Some((base(one)?, vector)),
        _ => None,
    }
}
