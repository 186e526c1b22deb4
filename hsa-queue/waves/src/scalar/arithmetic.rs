//! Scalar arithmetic and compares: SOP1, SOP2, SOPC and what SOPK has of them.

use crate::lane::integer;
use crate::stop::Stop;
use crate::wave::Wave;
use gcn::row::{Format, Place};
use gcn::{Inst, Op};

/// What SCC becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scc {
    Keeps,
    /// Whether the result is not zero.
    NotZero,
    Is(bool),
}

impl Wave {
    /// Whether it was one of these.
    pub(super) fn arithmetic(&mut self, inst: &Inst) -> Result<bool, Stop> {
        match inst.row.format {
            Format::SOPC => self.scalar_compare(inst),
            Format::SOPK => self.with_immediate(inst),
            Format::SOP1 => self.unary(inst),
            _ => self.binary(inst),
        }
    }

    fn binary(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let (a, b) = (self.operand(inst, 0)?, self.operand(inst, 1)?);
        match binary(inst.op(), a, b, self.scc) {
            Some((value, scc)) => self.finish(inst, value, scc),
            None => Ok(false),
        }
    }

    fn unary(&mut self, inst: &Inst) -> Result<bool, Stop> {
        if inst.src(0).is_none() || inst.at(Place::Dst).is_none() {
            return Ok(false);
        }
        let a = self.operand(inst, 0)?;
        if let Some((value, scc)) = unary(inst.op(), a) {
            return self.finish(inst, value, scc);
        }
        match inst.op() {
            Op::s_cmov_b32 | Op::s_cmov_b64 if !self.scc => Ok(true),
            Op::s_cmov_b32 | Op::s_cmov_b64 => self.finish(inst, a, Scc::Keeps),
            Op::s_bitset0_b32 | Op::s_bitset0_b64 | Op::s_bitset1_b32 | Op::s_bitset1_b64 => {
                let Some(to) = inst.at(Place::Dst) else { return Ok(false) };
                let old = self.scalar(inst, to)?;
                let bit = 1_u64 << (a as u32 & (u32::from(to.row.ty.bits) - 1));
                let sets = matches!(inst.op(), Op::s_bitset1_b32 | Op::s_bitset1_b64);
                self.finish(inst, if sets { old | bit } else { old & !bit }, Scc::Keeps)
            }
            _ => self.masks(inst, a),
        }
    }

    fn masks(&mut self, inst: &Inst, mask: u64) -> Result<bool, Stop> {
        let exec = self.exec();
        let Some((new, kept)) = masks(inst.op(), mask, exec) else { return Ok(false) };
        self.result(inst, kept)?;
        self.set_exec(new);
        self.scc = new != 0;
        Ok(true)
    }

    fn scalar_compare(&mut self, inst: &Inst) -> Result<bool, Stop> {
        if inst.src(1).is_none() {
            return Ok(false);
        }
        let (a, b) = (self.operand(inst, 0)?, self.operand(inst, 1)?);
        let Some(holds) = compare(inst.op(), a, b) else { return Ok(false) };
        self.scc = holds;
        Ok(true)
    }

    fn with_immediate(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let half = Self::immediate(inst)?;
        if let Some(to) = inst.at(Place::Dst) {
            if inst.op() == Op::s_cmovk_i32 && !self.scc {
                return Ok(true);
            }
            let old = match inst.op() {
                Op::s_addk_i32 | Op::s_mulk_i32 => self.scalar(inst, to)? as u32,
                _ => 0,
            };
            return match with_immediate(inst.op(), old, half) {
                Some((value, scc)) => self.finish(inst, value.into(), scc),
                None => Ok(false),
            };
        }
        if inst.src(0).is_none() {
            return Ok(false);
        }
        let a = self.operand(inst, 0)? as u32;
        let Some(holds) = compare_immediate(inst.op(), a, half) else { return Ok(false) };
        self.scc = holds;
        Ok(true)
    }

    fn finish(&mut self, inst: &Inst, value: u64, scc: Scc) -> Result<bool, Stop> {
        self.result(inst, value)?;
        match scc {
            Scc::Keeps => {}
            Scc::NotZero => self.scc = value != 0,
            Scc::Is(scc) => self.scc = scc,
        }
        Ok(true)
    }
}

/// What an operation of two sources gives, and what SCC becomes.
#[inline]
pub(crate) fn binary(op: Op, a: u64, b: u64, scc: bool) -> Option<(u64, Scc)> {
    let (x, y) = (a as u32, b as u32);
    let (i, j) = (x as i32, y as i32);
    let one = |value: u32| u64::from(value);
    let carry = u32::from(scc);
    use Scc::{Is, Keeps, NotZero};
    let (value, scc) = match op {
        Op::s_add_u32 => (one(x.wrapping_add(y)), Is(x.checked_add(y).is_none())),
        Op::s_sub_u32 => (one(x.wrapping_sub(y)), Is(x < y)),
        Op::s_add_i32 => (one(x.wrapping_add(y)), Is(i.checked_add(j).is_none())),
        Op::s_sub_i32 => (one(x.wrapping_sub(y)), Is(i.checked_sub(j).is_none())),
        Op::s_addc_u32 => {
            let sum = u64::from(x) + u64::from(y) + u64::from(carry);
            (one(sum as u32), Is(sum >> 32 != 0))
        }
        Op::s_subb_u32 => {
            (one(x.wrapping_sub(y).wrapping_sub(carry)), Is(u64::from(x) < u64::from(y) + u64::from(carry)))
        }
        Op::s_min_i32 => (one(i.min(j) as u32), Is(i < j)),
        Op::s_min_u32 => (one(x.min(y)), Is(x < y)),
        Op::s_max_i32 => (one(i.max(j) as u32), Is(i >= j)),
        Op::s_max_u32 => (one(x.max(y)), Is(x >= y)),
        Op::s_cselect_b32 | Op::s_cselect_b64 => (if scc { a } else { b }, Keeps),
        Op::s_and_b32 | Op::s_and_b64 => (a & b, NotZero),
        Op::s_or_b32 | Op::s_or_b64 => (a | b, NotZero),
        Op::s_xor_b32 | Op::s_xor_b64 => (a ^ b, NotZero),
        Op::s_andn2_b32 | Op::s_andn2_b64 => (a & !b, NotZero),
        Op::s_orn2_b64 => (a | !b, NotZero),
        Op::s_nand_b64 => (!(a & b), NotZero),
        Op::s_nor_b64 => (!(a | b), NotZero),
        Op::s_xnor_b64 => (!(a ^ b), NotZero),
        Op::s_orn2_b32 => (one(x | !y), NotZero),
        Op::s_nand_b32 => (one(!(x & y)), NotZero),
        Op::s_nor_b32 => (one(!(x | y)), NotZero),
        Op::s_xnor_b32 => (one(!(x ^ y)), NotZero),
        Op::s_lshl_b32 => (one(x << (y & 31)), NotZero),
        Op::s_lshl_b64 => (a << (y & 63), NotZero),
        Op::s_lshr_b32 => (one(x >> (y & 31)), NotZero),
        Op::s_lshr_b64 => (a >> (y & 63), NotZero),
        Op::s_ashr_i32 => (one((i >> (y & 31)) as u32), NotZero),
        Op::s_ashr_i64 => (((a as i64) >> (y & 63)) as u64, NotZero),
        Op::s_bfm_b32 => (one(((1 << (x & 31)) - 1) << (y & 31)), Keeps),
        Op::s_bfm_b64 => (((1_u64 << (x & 63)) - 1) << (y & 63), Keeps),
        Op::s_mul_i32 => (one(x.wrapping_mul(y)), Keeps),
        Op::s_mul_hi_u32 => ((u64::from(x) * u64::from(y)) >> 32, Keeps),
        Op::s_mul_hi_i32 => (one(((i64::from(i) * i64::from(j)) >> 32) as u32), Keeps),
        // Seven bits of width here, unlike the vector's.
        Op::s_bfe_u32 => (field(a, y & 31, y >> 16 & 0x7f, 32, false), NotZero),
        Op::s_bfe_i32 => (one(field(a, y & 31, y >> 16 & 0x7f, 32, true) as u32), NotZero),
        Op::s_bfe_u64 => (field(a, y & 63, y >> 16 & 0x7f, 64, false), NotZero),
        Op::s_bfe_i64 => (field(a, y & 63, y >> 16 & 0x7f, 64, true), NotZero),
        Op::s_absdiff_i32 => (one(i.wrapping_sub(j).unsigned_abs()), NotZero),
        Op::s_lshl1_add_u32 => shifted(x, y, 1),
        Op::s_lshl2_add_u32 => shifted(x, y, 2),
        Op::s_lshl3_add_u32 => shifted(x, y, 3),
        Op::s_lshl4_add_u32 => shifted(x, y, 4),
        Op::s_pack_ll_b32_b16 => (one(x & 0xffff | y << 16), Keeps),
        Op::s_pack_lh_b32_b16 => (one(x & 0xffff | y & 0xffff_0000), Keeps),
        Op::s_pack_hh_b32_b16 => (one(x >> 16 | y & 0xffff_0000), Keeps),
        _ => return None,
    };
    Some((value, scc))
}

/// What an operation of one source gives, whatever was in its destination, and what SCC becomes.
#[inline]
pub(crate) fn unary(op: Op, a: u64) -> Option<(u64, Scc)> {
    let x = a as u32;
    let one = |value: u32| u64::from(value);
    use Scc::{Keeps, NotZero};
    Some(match op {
        Op::s_mov_b32 | Op::s_mov_b64 => (a, Keeps),
        Op::s_not_b32 => (one(!x), NotZero),
        Op::s_not_b64 => (!a, NotZero),
        Op::s_wqm_b32 => (one(quads(a) as u32), NotZero),
        Op::s_wqm_b64 => (quads(a), NotZero),
        Op::s_brev_b32 => (one(x.reverse_bits()), Keeps),
        Op::s_brev_b64 => (a.reverse_bits(), Keeps),
        Op::s_bcnt0_i32_b32 => (one(x.count_zeros()), NotZero),
        Op::s_bcnt0_i32_b64 => (one(a.count_zeros()), NotZero),
        Op::s_bcnt1_i32_b32 => (one(x.count_ones()), NotZero),
        Op::s_bcnt1_i32_b64 => (one(a.count_ones()), NotZero),
        Op::s_ff0_i32_b32 => (one(integer::ffbl(!x)), Keeps),
        Op::s_ff0_i32_b64 => (one(if a == u64::MAX { u32::MAX } else { a.trailing_ones() }), Keeps),
        Op::s_ff1_i32_b32 => (one(integer::ffbl(x)), Keeps),
        Op::s_ff1_i32_b64 => (one(if a == 0 { u32::MAX } else { a.trailing_zeros() }), Keeps),
        Op::s_flbit_i32_b32 => (one(integer::ffbh_u32(x)), Keeps),
        Op::s_flbit_i32_b64 => (one(if a == 0 { u32::MAX } else { a.leading_zeros() }), Keeps),
        Op::s_flbit_i32 => (one(integer::ffbh_i32(x)), Keeps),
        Op::s_flbit_i32_i64 => {
            let signless = a ^ ((a as i64) >> 63) as u64;
            (one(if signless == 0 { u32::MAX } else { signless.leading_zeros() }), Keeps)
        }
        Op::s_sext_i32_i8 => (one(i32::from(x as i8) as u32), Keeps),
        Op::s_sext_i32_i16 => (one(i32::from(x as i16) as u32), Keeps),
        Op::s_abs_i32 => (one((x as i32).unsigned_abs()), NotZero),
        Op::s_bitreplicate_b64_b32 => {
            ((0..64).fold(0, |bits, at| bits | u64::from(x >> (at / 2) & 1) << at), Keeps)
        }
        _ => return None,
    })
}

/// EXEC is combined with a mask: what it becomes, and what is kept, which is mostly what it was.
#[inline]
pub(crate) fn masks(op: Op, mask: u64, exec: u64) -> Option<(u64, u64)> {
    let (new, gives_new) = match op {
        Op::s_and_saveexec_b64 => (mask & exec, false),
        Op::s_or_saveexec_b64 => (mask | exec, false),
        Op::s_xor_saveexec_b64 => (mask ^ exec, false),
        Op::s_andn2_saveexec_b64 => (mask & !exec, false),
        Op::s_orn2_saveexec_b64 => (mask | !exec, false),
        Op::s_nand_saveexec_b64 => (!(mask & exec), false),
        Op::s_nor_saveexec_b64 => (!(mask | exec), false),
        Op::s_xnor_saveexec_b64 => (!(mask ^ exec), false),
        Op::s_andn1_saveexec_b64 => (!mask & exec, false),
        Op::s_orn1_saveexec_b64 => (!mask | exec, false),
        Op::s_andn1_wrexec_b64 => (!mask & exec, true),
        Op::s_andn2_wrexec_b64 => (mask & !exec, true),
        _ => return None,
    };
    Some((new, if gives_new { new } else { exec }))
}

/// Whether a compare holds.
#[inline]
pub(crate) fn compare(op: Op, a: u64, b: u64) -> Option<bool> {
    let (x, y) = (a as u32, b as u32);
    let (i, j) = (x as i32, y as i32);
    Some(match op {
        Op::s_cmp_eq_i32 | Op::s_cmp_eq_u32 => x == y,
        Op::s_cmp_lg_i32 | Op::s_cmp_lg_u32 => x != y,
        Op::s_cmp_gt_i32 => i > j,
        Op::s_cmp_ge_i32 => i >= j,
        Op::s_cmp_lt_i32 => i < j,
        Op::s_cmp_le_i32 => i <= j,
        Op::s_cmp_gt_u32 => x > y,
        Op::s_cmp_ge_u32 => x >= y,
        Op::s_cmp_lt_u32 => x < y,
        Op::s_cmp_le_u32 => x <= y,
        Op::s_bitcmp0_b32 => x >> (y & 31) & 1 == 0,
        Op::s_bitcmp1_b32 => x >> (y & 31) & 1 != 0,
        Op::s_bitcmp0_b64 => a >> (y & 63) & 1 == 0,
        Op::s_bitcmp1_b64 => a >> (y & 63) & 1 != 0,
        Op::s_cmp_eq_u64 => a == b,
        Op::s_cmp_lg_u64 => a != b,
        _ => return None,
    })
}

/// What an operation of an immediate gives, of what was in its destination, and what SCC becomes.
#[inline]
pub(crate) fn with_immediate(op: Op, old: u32, half: u16) -> Option<(u32, Scc)> {
    let (old, signed) = (old as i32, i32::from(half as i16));
    Some(match op {
        Op::s_movk_i32 | Op::s_cmovk_i32 => (signed as u32, Scc::Keeps),
        Op::s_addk_i32 => (old.wrapping_add(signed) as u32, Scc::Is(old.checked_add(signed).is_none())),
        Op::s_mulk_i32 => (old.wrapping_mul(signed) as u32, Scc::Keeps),
        _ => return None,
    })
}

/// Whether a compare with an immediate holds.
#[inline]
pub(crate) fn compare_immediate(op: Op, x: u32, half: u16) -> Option<bool> {
    let (k, signed) = (u32::from(half), i32::from(half as i16));
    let i = x as i32;
    Some(match op {
        Op::s_cmpk_eq_i32 => i == signed,
        Op::s_cmpk_lg_i32 => i != signed,
        Op::s_cmpk_gt_i32 => i > signed,
        Op::s_cmpk_ge_i32 => i >= signed,
        Op::s_cmpk_lt_i32 => i < signed,
        Op::s_cmpk_le_i32 => i <= signed,
        Op::s_cmpk_eq_u32 => x == k,
        Op::s_cmpk_lg_u32 => x != k,
        Op::s_cmpk_gt_u32 => x > k,
        Op::s_cmpk_ge_u32 => x >= k,
        Op::s_cmpk_lt_u32 => x < k,
        Op::s_cmpk_le_u32 => x <= k,
        _ => return None,
    })
}

fn shifted(x: u32, y: u32, by: u32) -> (u64, Scc) {
    let sum = (u64::from(x) << by) + u64::from(y);
    (u64::from(sum as u32), Scc::Is(sum >> 32 != 0))
}

fn field(word: u64, offset: u32, width: u32, bits: u32, signed: bool) -> u64 {
    if width == 0 {
        return 0;
    }
    let width = width.min(bits - offset);
    let up = word << (64 - offset - width);
    if signed { ((up as i64) >> (64 - width)) as u64 } else { up >> (64 - width) }
}

/// Each group of four bits is all ones if one of them is.
fn quads(mask: u64) -> u64 {
    let any = mask | mask >> 1 | mask >> 2 | mask >> 3;
    (any & 0x1111_1111_1111_1111) * 15
}

#[cfg(test)]
mod tests {
    use super::{field, quads};

    #[test]
    fn fields_end_with_their_word() {
        assert_eq!(field(0xf000_0000, 28, 8, 32, false), 0xf);
        assert_eq!(field(0xf000_0000, 28, 8, 32, true), u64::MAX);
        assert_eq!((field(0x1234, 4, 8, 64, false), field(u64::MAX, 3, 0, 64, true)), (0x23, 0));
        assert_eq!(field(u64::MAX, 0, 64, 64, false), u64::MAX);
    }

    #[test]
    fn a_quad_takes_part_as_a_whole() {
        assert_eq!(quads(0x8000_0000_0000_0021), 0xf000_0000_0000_00ff);
    }
}
