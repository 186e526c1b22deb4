//! Integers and bits of 16, 32 and 64.

use super::leveled::{leveled, table};
use crate::lane::integer::{bfe_i32, bfe_u32, ffbh_i32, ffbh_u32, ffbl, i24, med3, perm, sad_u8, u24};
use crate::stop::Stop;
use crate::sys::{Based, Level, Loop, Pair};
use crate::wave::{LANES, Lanes, Wave};
use gcn::{Inst, Op};

/// The loop of V_LSHLREV_B64 by the same 1 to 31 bits in all lanes: in halves, of which a vector has twice as many.
pub(crate) fn shifted(level: Level) -> Loop<Based> {
    leveled!(
        level,
        Based,
        (low: &mut Lanes, high: &mut Lanes, by: u64, b: &Lanes, bh: &Lanes) -> u64,
        shift_halves([low, high], by as u32, [b, bh]),
        shift_halves([low, high], by as u32, [b, bh])
    )
}

#[inline(always)]
fn shift_halves([low, high]: [&mut Lanes; 2], by: u32, [b, bh]: Pair<'_>) -> u64 {
    for lane in 0..LANES {
        low.0[lane] = b.0[lane] << (by & 31);
        high.0[lane] = bh.0[lane] << (by & 31) | b.0[lane] >> ((32 - by) & 31);
    }
    0
}

table! {
    word1, map1, Narrow::narrow1;
    v_mov_b32(a: u32) -> u32 = a;
    v_not_b32(a: u32) -> u32 = !a;
    v_bfrev_b32(a: u32) -> u32 = a.reverse_bits();
    v_ffbh_u32(a: u32) -> u32 = ffbh_u32(a);
    v_ffbh_i32(a: u32) -> u32 = ffbh_i32(a);
    v_ffbl_b32(a: u32) -> u32 = ffbl(a);
}

table! {
    word2, map2, Narrow::narrow2;
    v_and_b32(a: u32, b: u32) -> u32 = a & b;
    v_or_b32(a: u32, b: u32) -> u32 = a | b;
    v_xor_b32(a: u32, b: u32) -> u32 = a ^ b;
    v_lshlrev_b32(a: u32, b: u32) -> u32 = b << (a & 31);
    v_lshrrev_b32(a: u32, b: u32) -> u32 = b >> (a & 31);
    v_ashrrev_i32(a: u32, b: u32) -> u32 = (b as i32 >> (a & 31)) as u32;
    v_bfm_b32(a: u32, b: u32) -> u32 = ((1_u32 << (a & 31)) - 1) << (b & 31);
    v_bcnt_u32_b32(a: u32, b: u32) -> u32 = b.wrapping_add(a.count_ones());
    v_add_u32(a: u32, b: u32) -> u32 = a.wrapping_add(b);
    v_add_i32(a: u32, b: u32) -> u32 = a.wrapping_add(b);
    v_sub_u32(a: u32, b: u32) -> u32 = a.wrapping_sub(b);
    v_sub_i32(a: u32, b: u32) -> u32 = a.wrapping_sub(b);
    v_subrev_u32(a: u32, b: u32) -> u32 = b.wrapping_sub(a);
    v_min_u32(a: u32, b: u32) -> u32 = a.min(b);
    v_max_u32(a: u32, b: u32) -> u32 = a.max(b);
    v_min_i32(a: u32, b: u32) -> u32 = (a as i32).min(b as i32) as u32;
    v_max_i32(a: u32, b: u32) -> u32 = (a as i32).max(b as i32) as u32;
    v_mul_lo_u32(a: u32, b: u32) -> u32 = a.wrapping_mul(b);
    v_mul_hi_u32(a: u32, b: u32) -> u32 = ((u64::from(a) * u64::from(b)) >> 32) as u32;
    v_mul_hi_i32(a: u32, b: u32) -> u32 = ((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32;
    v_mul_u32_u24(a: u32, b: u32) -> u32 = u24(a).wrapping_mul(u24(b));
    v_mul_i32_i24(a: u32, b: u32) -> u32 = i24(a).wrapping_mul(i24(b)) as u32;
    v_mul_hi_u32_u24(a: u32, b: u32) -> u32 = ((u64::from(u24(a)) * u64::from(u24(b))) >> 32) as u32;
    v_mul_hi_i32_i24(a: u32, b: u32) -> u32 = ((i64::from(i24(a)) * i64::from(i24(b))) >> 32) as u32;
}

table! {
    word3, map3, Narrow::narrow3;
    v_mad_u32_u24(a: u32, b: u32, c: u32) -> u32 = u24(a).wrapping_mul(u24(b)).wrapping_add(c);
    v_mad_i32_i24(a: u32, b: u32, c: u32) -> u32 = i24(a).wrapping_mul(i24(b)).wrapping_add(c as i32) as u32;
    v_bfe_u32(a: u32, b: u32, c: u32) -> u32 = bfe_u32(a, b, c);
    v_bfe_i32(a: u32, b: u32, c: u32) -> u32 = bfe_i32(a, b, c);
    v_bfi_b32(a: u32, b: u32, c: u32) -> u32 = a & b | !a & c;
    v_alignbit_b32(a: u32, b: u32, c: u32) -> u32 = align(a, b, c & 31);
    v_alignbyte_b32(a: u32, b: u32, c: u32) -> u32 = align(a, b, 8 * (c & 3));
    v_min3_u32(a: u32, b: u32, c: u32) -> u32 = a.min(b).min(c);
    v_max3_u32(a: u32, b: u32, c: u32) -> u32 = a.max(b).max(c);
    v_med3_u32(a: u32, b: u32, c: u32) -> u32 = med3(a, b, c);
    v_min3_i32(a: u32, b: u32, c: u32) -> u32 = (a as i32).min(b as i32).min(c as i32) as u32;
    v_max3_i32(a: u32, b: u32, c: u32) -> u32 = (a as i32).max(b as i32).max(c as i32) as u32;
    v_med3_i32(a: u32, b: u32, c: u32) -> u32 = med3(a as i32, b as i32, c as i32) as u32;
    v_sad_u8(a: u32, b: u32, c: u32) -> u32 = sad_u8(a, b, c);
    v_sad_u32(a: u32, b: u32, c: u32) -> u32 = a.abs_diff(b).wrapping_add(c);
    v_perm_b32(a: u32, b: u32, c: u32) -> u32 = perm(a, b, c);
    v_xad_u32(a: u32, b: u32, c: u32) -> u32 = (a ^ b).wrapping_add(c);
    v_lshl_add_u32(a: u32, b: u32, c: u32) -> u32 = (a << (b & 31)).wrapping_add(c);
    v_add_lshl_u32(a: u32, b: u32, c: u32) -> u32 = a.wrapping_add(b) << (c & 31);
    v_add3_u32(a: u32, b: u32, c: u32) -> u32 = a.wrapping_add(b).wrapping_add(c);
    v_lshl_or_b32(a: u32, b: u32, c: u32) -> u32 = a << (b & 31) | c;
    v_and_or_b32(a: u32, b: u32, c: u32) -> u32 = a & b | c;
    v_or3_b32(a: u32, b: u32, c: u32) -> u32 = a | b | c;
    v_mad_u32_u16(a: u32, b: u32, c: u32) -> u32 = ((a & 0xffff) * (b & 0xffff)).wrapping_add(c);
    v_mad_i32_i16(a: u32, b: u32, c: u32) -> u32 =
        (i32::from(a as i16) * i32::from(b as i16)).wrapping_add(c as i32) as u32;
}

// Shifts of 64 bits.
table! {
    shift, map2, Wide::wide2;
    v_lshlrev_b64(a: u32, b: u64) -> u64 = b << (a & 63);
    v_lshrrev_b64(a: u32, b: u64) -> u64 = b >> (a & 63);
    v_ashrrev_i64(a: u32, b: u64) -> u64 = (b as i64 >> (a & 63)) as u64;
}

// Of 16 bits; the upper half of the result is zero.
table! {
    short2, map2, Narrow::narrow2;
    v_add_u16(a: u32, b: u32) -> u32 = low(a.wrapping_add(b));
    v_add_i16(a: u32, b: u32) -> u32 = low(a.wrapping_add(b));
    v_sub_u16(a: u32, b: u32) -> u32 = low(a.wrapping_sub(b));
    v_sub_i16(a: u32, b: u32) -> u32 = low(a.wrapping_sub(b));
    v_subrev_u16(a: u32, b: u32) -> u32 = low(b.wrapping_sub(a));
    v_mul_lo_u16(a: u32, b: u32) -> u32 = low(low(a) * low(b));
    v_lshlrev_b16(a: u32, b: u32) -> u32 = low(low(b) << (a & 15));
    v_lshrrev_b16(a: u32, b: u32) -> u32 = low(b) >> (a & 15);
    v_ashrrev_i16(a: u32, b: u32) -> u32 = low((b as i16 >> (a & 15)) as u32);
    v_max_u16(a: u32, b: u32) -> u32 = low(a).max(low(b));
    v_min_u16(a: u32, b: u32) -> u32 = low(a).min(low(b));
    v_max_i16(a: u32, b: u32) -> u32 = low((a as i16).max(b as i16) as u32);
    v_min_i16(a: u32, b: u32) -> u32 = low((a as i16).min(b as i16) as u32);
}

table! {
    short3, map3, Narrow::narrow3;
    v_mad_u16(a: u32, b: u32, c: u32) -> u32 = low((low(a) * low(b)).wrapping_add(c));
    v_mad_legacy_u16(a: u32, b: u32, c: u32) -> u32 = low((low(a) * low(b)).wrapping_add(c));
    v_mad_i16(a: u32, b: u32, c: u32) -> u32 = low((low(a) * low(b)).wrapping_add(c));
    v_mad_legacy_i16(a: u32, b: u32, c: u32) -> u32 = low((low(a) * low(b)).wrapping_add(c));
}

/// The lower half of `high:low` that is shifted down by less than 32, in words of 32 bits.
#[inline(always)]
fn align(high: u32, low: u32, by: u32) -> u32 {
    low >> by | high << 1 << (31 - by)
}

#[inline(always)]
fn low(word: u32) -> u32 {
    word & 0xffff
}

impl Wave {
    /// Whether it was one of these.
    pub(super) fn integer(&mut self, inst: &Inst) -> Result<bool, Stop> {
        if inst.modifiers.clamp {
            return self.saturating(inst);
        }
        Ok(self.word2(inst)?
            || self.word1(inst)?
            || self.word3(inst)?
            || self.shift(inst)?
            || self.short2(inst)?
            || self.short3(inst)?)
    }

    /// Sums that are clamped; the others that may be are not in any corpus.
    fn saturating(&mut self, inst: &Inst) -> Result<bool, Stop> {
        match inst.op() {
            Op::v_add_u32 => self.map2(inst, u32::saturating_add),
            Op::v_sub_u32 => self.map2(inst, u32::saturating_sub),
            Op::v_subrev_u32 => self.map2(inst, |a: u32, b: u32| b.saturating_sub(a)),
            Op::v_add_i32 => self.map2(inst, |a: u32, b: u32| (a as i32).saturating_add(b as i32) as u32),
            Op::v_sub_i32 => self.map2(inst, |a: u32, b: u32| (a as i32).saturating_sub(b as i32) as u32),
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn two_words_are_shifted_as_one() {
        for by in 0..32 {
            let wide = 0x8123_4567_89ab_cdef_u64;
            assert_eq!(align((wide >> 32) as u32, wide as u32, by), (wide >> by) as u32, "{by}");
        }
    }
}
