//! Compares: a bit for each lane, into a mask; `v_cmpx` makes EXEC of it as well.

use crate::lane::float::Float;
use crate::lane::half;
use crate::operand::Word;
use crate::stop::Stop;
use crate::wave::{LANES, Wave};
use gcn::Inst;
use gcn::row::Format;
use std::cmp::Ordering;

/// A relation, by the mnemonic's word for it, of how two values compare; NaN do not.
pub(super) fn relation(name: &str) -> Option<fn(Option<Ordering>) -> bool> {
    use Ordering::{Equal, Greater, Less};
    Some(match name {
        "f" => |_| false,
        "lt" => |order| order == Some(Less),
        "eq" => |order| order == Some(Equal),
        "le" => |order| matches!(order, Some(Less | Equal)),
        "gt" => |order| order == Some(Greater),
        "lg" => |order| matches!(order, Some(Less | Greater)),
        "ge" => |order| matches!(order, Some(Greater | Equal)),
        "o" => |order| order.is_some(),
        "u" => |order| order.is_none(),
        "nge" => |order| !matches!(order, Some(Greater | Equal)),
        "nlg" => |order| !matches!(order, Some(Less | Greater)),
        "ngt" => |order| order != Some(Greater),
        "nle" => |order| !matches!(order, Some(Less | Equal)),
        // Of floats the one that holds for NaN; of integers the other is not there.
        "neq" | "ne" => |order| order != Some(Equal),
        "nlt" => |order| order != Some(Less),
        "tru" | "t" => |_| true,
        _ => return None,
    })
}

impl Wave {
    /// Whether it was a compare.
    pub(super) fn compare(&mut self, inst: &Inst) -> Result<bool, Stop> {
        // What a clamp would do to a compare is in no corpus.
        if inst.row.format != Format::VOPC || inst.modifiers.clamp {
            return Ok(false);
        }
        let mut words = inst.row.mnemonic.split('_').skip(1);
        let (kind, name, ty) = (words.next(), words.next(), words.next());
        let (Some(kind), Some(name), Some(ty)) = (kind, name, ty) else { return Ok(false) };
        let holds = relation(name);
        let Some(holds) = holds.or_else(|| (name == "class").then_some(|_| false)) else { return Ok(false) };
        let found = match (name, ty) {
            ("class", "f32") => self.found(inst, |a: u32, b: u32| f32::from_bits(a).class() & b != 0)?,
            ("class", "f64") => self.found(inst, |a: u64, b: u32| f64::from_bits(a).class() & b != 0)?,
            ("class", "f16") => self.found(inst, |a: u32, b: u32| class16(a as u16) & b != 0)?,
            (_, "f32") => {
                let flush = !self.mode.keeps_f32_denormals();
                let f = move |bits| {
                    let value = f32::from_bits(bits);
                    if flush && value.is_denormal() { value.zeroed() } else { value }
                };
                self.ordered(inst, holds, |a: u32, b: u32| f(a).partial_cmp(&f(b)))?
            }
            (_, "f64") => {
                self.ordered(inst, holds, |a: u64, b: u64| f64::from_bits(a).partial_cmp(&f64::from_bits(b)))?
            }
            (_, "f16") => {
                let f = |bits: u32| half::widen(bits as u16);
                self.ordered(inst, holds, |a: u32, b: u32| f(a).partial_cmp(&f(b)))?
            }
            (_, "i32") => self.ordered(inst, holds, |a: u32, b: u32| Some((a as i32).cmp(&(b as i32))))?,
            (_, "u32") => self.ordered(inst, holds, |a: u32, b: u32| Some(a.cmp(&b)))?,
            (_, "i64") => self.ordered(inst, holds, |a: u64, b: u64| Some((a as i64).cmp(&(b as i64))))?,
            (_, "u64") => self.ordered(inst, holds, |a: u64, b: u64| Some(a.cmp(&b)))?,
            (_, "i16") => self.ordered(inst, holds, |a: u32, b: u32| Some((a as i16).cmp(&(b as i16))))?,
            (_, "u16") => self.ordered(inst, holds, |a: u32, b: u32| Some((a as u16).cmp(&(b as u16))))?,
            _ => return Ok(false),
        };
        let found = found & self.written(inst);
        self.set_mask(inst, found)?;
        if kind == "cmpx" {
            self.set_exec(found);
        }
        Ok(true)
    }

    /// Lanes whose sources' order `holds`.
    fn ordered<T: Word>(
        &self,
        inst: &Inst,
        holds: fn(Option<Ordering>) -> bool,
        order: impl Fn(T, T) -> Option<Ordering>,
    ) -> Result<u64, Stop> {
        self.found(inst, |a: T, b: T| holds(order(a, b)))
    }

    fn found<A: Word, B: Word>(&self, inst: &Inst, f: impl Fn(A, B) -> bool) -> Result<u64, Stop> {
        let (a, b) = (self.source::<A>(inst, 0)?, self.source::<B>(inst, 1)?);
        let mut mask = 0;
        for lane in 0..LANES {
            mask |= u64::from(f(a.0[lane], b.0[lane])) << lane;
        }
        Ok(mask)
    }
}

/// The class of an f16, which is that of its f32 but for NaN's quiet bit and denormals.
fn class16(bits: u16) -> u32 {
    let denormal = bits & 0x7c00 == 0 && bits & 0x3ff != 0;
    match (denormal, bits >> 15 != 0) {
        (true, true) => 1 << 4,
        (true, false) => 1 << 7,
        _ => half::widen(bits).class(),
    }
}

#[cfg(test)]
mod tests {
    use super::{class16, relation};

    #[test]
    fn the_relations_of_nan_are_the_negated_ones() {
        let holds = |name, a: f32, b: f32| relation(name).is_some_and(|holds| holds(a.partial_cmp(&b)));
        for name in ["nge", "nlg", "ngt", "nle", "neq", "nlt", "u", "tru"] {
            assert!(holds(name, f32::NAN, 1.0), "{name}");
        }
        for name in ["lt", "eq", "le", "gt", "lg", "ge", "o", "f"] {
            assert!(!holds(name, f32::NAN, 1.0), "{name}");
        }
        assert!(holds("nlg", 1.0, 1.0) && !holds("nlg", 1.0, 2.0) && relation("maybe").is_none());
    }

    #[test]
    fn halves_have_classes_of_their_own_width() {
        assert_eq!(
            [0x0001, 0x8001, 0x0400, 0x7c00, 0x7e00, 0x7d00].map(class16),
            [1 << 7, 1 << 4, 1 << 8, 1 << 9, 2, 1]
        );
    }
}
