//! Shapes of addresses: sixteen lanes side by side, all at one place, or anywhere.

use super::leveled::leveled;
use crate::sys::{Bits, Eight, Follow, Four, Gather, Level, Loop, Pair};
use crate::wave::{LANES, Lanes};

/// Lanes whose shape is found together: a row of a tile.
pub(crate) const ROW: usize = 16;

/// How the addresses of a row lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Word after word.
    Words,
    /// At one place.
    One,
    Any,
}

/// The shape of a row by the lower halves of its addresses.
#[inline(always)]
pub(crate) fn shape(at: &[u32; ROW]) -> Shape {
    let (mut words, mut one) = (0, 0);
    for (lane, place) in at.iter().enumerate() {
        let distance = place.wrapping_sub(at[0]);
        one |= distance;
        words |= distance ^ (4 * lane as u32);
    }
    match (words, one) {
        (0, _) => Shape::Words,
        (_, 0) => Shape::One,
        _ => Shape::Any,
    }
}

/// All lanes are at one place.
const SAME: u32 = u32::MAX;

/// Whether all lanes are at one place.
pub(crate) fn are_same(shapes: u32) -> bool {
    shapes == SAME
}

/// Whether each row has a shape.
pub(crate) fn have_shapes(shapes: u32) -> bool {
    shapes == SAME || shapes & 0x0202_0202 == 0
}

/// Shapes of rows, a byte each.
#[inline(always)]
fn shapes<B: Bits>(at: &Lanes) -> u32 {
    let (mut shapes, mut places) = (0, 0);
    for (number, row) in at.0.as_chunks::<ROW>().0.iter().enumerate() {
        let shape = match B::distances(row) {
            (true, _) => Shape::Words,
            (_, true) => Shape::One,
            _ => Shape::Any,
        };
        shapes |= (shape as u32) << (8 * number);
        places |= row[0] ^ at.0[0];
    }
    if shapes == 0x0101_0101 * Shape::One as u32 && places == 0 { SAME } else { shapes }
}

#[inline(always)]
fn gather<B: Bits>(out: &mut Lanes, bytes: &[u8], at: &Lanes, offset: u32, shapes: u32) -> bool {
    let rest = |at: u32| bytes.get(at.wrapping_add(offset) as usize..).unwrap_or_default();
    if shapes == SAME {
        let Some(word) = rest(at.0[0]).first_chunk() else { return false };
        out.0.fill(u32::from_le_bytes(*word));
        return true;
    }
    let rows = out.0.as_chunks_mut::<ROW>().0.iter_mut().zip(at.0.as_chunks::<ROW>().0);
    for (number, (out, at)) in rows.enumerate() {
        let shape = shapes >> (8 * number) & 0xff;
        if shape == Shape::Words as u32 {
            let Some(row) = rest(at[0]).first_chunk::<{ 4 * ROW }>() else { return false };
            for (out, word) in out.iter_mut().zip(row.as_chunks().0) {
                *out = u32::from_le_bytes(*word);
            }
        } else if shape == Shape::One as u32 {
            let Some(word) = rest(at[0]).first_chunk() else { return false };
            out.fill(u32::from_le_bytes(*word));
        } else if !B::gather(out, bytes, at, offset) {
            return false;
        }
    }
    true
}

#[inline(always)]
fn follow<B: Bits>([low, high]: Pair<'_>, distance: u32) -> bool {
    B::follow(&low.0, &high.0, distance) && low.0[0].checked_add(distance * LANES as u32).is_some()
}

/// The loops of memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shapes {
    /// Loads a word for each lane.
    pub gather: Loop<Gather>,
    /// The shapes that it takes.
    pub shapes: Loop<crate::sys::Shapes>,
    /// Whether addresses follow each other, and the last one's end still has the same upper half.
    pub follow: Loop<Follow>,
}

impl Shapes {
    pub(crate) fn new(level: Level) -> Self {
        Self {
            gather: leveled!(
                level,
                Gather,
                (out: &mut Lanes, bytes: &[u8], at: &Lanes, offset: u32, shapes: u32) -> bool,
                gather::<Four>(out, bytes, at, offset, shapes),
                gather::<Eight>(out, bytes, at, offset, shapes)
            ),
            shapes: leveled!(
                level,
                crate::sys::Shapes,
                (at: &Lanes) -> u32,
                shapes::<Four>(at),
                shapes::<Eight>(at)
            ),
            follow: leveled!(
                level,
                Follow,
                (addresses: Pair<'_>, distance: u32) -> bool,
                follow::<Four>(addresses, distance),
                follow::<Eight>(addresses, distance)
            ),
        }
    }
}
