//! Integers and bits of 16, 32 and 64.

use crate::lane::integer::{bfe_i32, bfe_u32, ffbh_i32, ffbh_u32, ffbl, i24, med3, perm, sad_u8, u24};
use crate::stop::Stop;
use crate::wave::Wave;
use gcn::{Inst, Op};

/// Both as signed.
fn signed(a: u32, b: u32) -> (i32, i32) {
    (a as i32, b as i32)
}

impl Wave {
    /// Whether it was one of these.
    pub(super) fn integer(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let clamps = inst.modifiers.clamp;
        match inst.op() {
            Op::v_mov_b32 => self.map1(inst, |a: u32| a),
            Op::v_not_b32 => self.map1(inst, |a: u32| !a),
            Op::v_bfrev_b32 => self.map1(inst, u32::reverse_bits),
            Op::v_ffbh_u32 => self.map1(inst, ffbh_u32),
            Op::v_ffbh_i32 => self.map1(inst, ffbh_i32),
            Op::v_ffbl_b32 => self.map1(inst, ffbl),
            Op::v_and_b32 => self.map2(inst, |a: u32, b: u32| a & b),
            Op::v_or_b32 => self.map2(inst, |a: u32, b: u32| a | b),
            Op::v_xor_b32 => self.map2(inst, |a: u32, b: u32| a ^ b),
            Op::v_lshlrev_b32 => self.map2(inst, |a: u32, b: u32| b << (a & 31)),
            Op::v_lshrrev_b32 => self.map2(inst, |a: u32, b: u32| b >> (a & 31)),
            Op::v_ashrrev_i32 => self.map2(inst, |a: u32, b: u32| (b as i32 >> (a & 31)) as u32),
            Op::v_lshlrev_b64 => self.map2(inst, |a: u32, b: u64| b << (a & 63)),
            Op::v_lshrrev_b64 => self.map2(inst, |a: u32, b: u64| b >> (a & 63)),
            Op::v_ashrrev_i64 => self.map2(inst, |a: u32, b: u64| (b as i64 >> (a & 63)) as u64),
            Op::v_bfm_b32 => self.map2(inst, |a: u32, b: u32| ((1_u32 << (a & 31)) - 1) << (b & 31)),
            Op::v_bcnt_u32_b32 => self.map2(inst, |a: u32, b: u32| b.wrapping_add(a.count_ones())),
            Op::v_add_u32 if clamps => self.map2(inst, u32::saturating_add),
            Op::v_sub_u32 if clamps => self.map2(inst, u32::saturating_sub),
            Op::v_subrev_u32 if clamps => self.map2(inst, |a: u32, b: u32| b.saturating_sub(a)),
            Op::v_add_i32 if clamps => self.map2(inst, |a, b| {
                let (a, b) = signed(a, b);
                a.saturating_add(b) as u32
            }),
            Op::v_sub_i32 if clamps => self.map2(inst, |a, b| {
                let (a, b) = signed(a, b);
                a.saturating_sub(b) as u32
            }),
            Op::v_add_u32 | Op::v_add_i32 => self.map2(inst, u32::wrapping_add),
            Op::v_sub_u32 | Op::v_sub_i32 => self.map2(inst, u32::wrapping_sub),
            Op::v_subrev_u32 => self.map2(inst, |a: u32, b: u32| b.wrapping_sub(a)),
            // The others of these that saturate are not in any corpus.
            _ if clamps => Ok(false),
            Op::v_min_u32 => self.map2(inst, |a: u32, b: u32| a.min(b)),
            Op::v_max_u32 => self.map2(inst, |a: u32, b: u32| a.max(b)),
            Op::v_min_i32 => self.map2(inst, |a, b| {
                let (a, b) = signed(a, b);
                a.min(b) as u32
            }),
            Op::v_max_i32 => self.map2(inst, |a, b| {
                let (a, b) = signed(a, b);
                a.max(b) as u32
            }),
            Op::v_mul_lo_u32 => self.map2(inst, u32::wrapping_mul),
            Op::v_mul_hi_u32 => {
                self.map2(inst, |a: u32, b: u32| ((u64::from(a) * u64::from(b)) >> 32) as u32)
            }
            Op::v_mul_hi_i32 => self.map2(inst, |a, b| {
                let (a, b) = signed(a, b);
                ((i64::from(a) * i64::from(b)) >> 32) as u32
            }),
            Op::v_mul_u32_u24 => self.map2(inst, |a: u32, b: u32| u24(a).wrapping_mul(u24(b))),
            Op::v_mul_i32_i24 => self.map2(inst, |a: u32, b: u32| i24(a).wrapping_mul(i24(b)) as u32),
            Op::v_mul_hi_u32_u24 => {
                self.map2(inst, |a: u32, b: u32| ((u64::from(u24(a)) * u64::from(u24(b))) >> 32) as u32)
            }
            Op::v_mul_hi_i32_i24 => {
                self.map2(inst, |a: u32, b: u32| ((i64::from(i24(a)) * i64::from(i24(b))) >> 32) as u32)
            }
            _ => self.three(inst),
        }
    }

    fn three(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let i = |word: u32| word as i32;
        match inst.op() {
            Op::v_mad_u32_u24 => {
                self.map3(inst, |a: u32, b: u32, c: u32| u24(a).wrapping_mul(u24(b)).wrapping_add(c))
            }
            Op::v_mad_i32_i24 => self
                .map3(inst, |a: u32, b: u32, c: u32| i24(a).wrapping_mul(i24(b)).wrapping_add(i(c)) as u32),
            Op::v_bfe_u32 => self.map3(inst, bfe_u32),
            Op::v_bfe_i32 => self.map3(inst, bfe_i32),
            Op::v_bfi_b32 => self.map3(inst, |a: u32, b: u32, c: u32| a & b | !a & c),
            Op::v_alignbit_b32 => self.map3(inst, |a: u32, b: u32, c: u32| {
                ((u64::from(a) << 32 | u64::from(b)) >> (c & 31)) as u32
            }),
            Op::v_alignbyte_b32 => self.map3(inst, |a: u32, b: u32, c: u32| {
                ((u64::from(a) << 32 | u64::from(b)) >> (8 * (c & 3))) as u32
            }),
            Op::v_min3_u32 => self.map3(inst, |a: u32, b: u32, c: u32| a.min(b).min(c)),
            Op::v_max3_u32 => self.map3(inst, |a: u32, b: u32, c: u32| a.max(b).max(c)),
            Op::v_med3_u32 => self.map3(inst, med3::<u32>),
            Op::v_min3_i32 => self.map3(inst, |a: u32, b: u32, c: u32| i(a).min(i(b)).min(i(c)) as u32),
            Op::v_max3_i32 => self.map3(inst, |a: u32, b: u32, c: u32| i(a).max(i(b)).max(i(c)) as u32),
            Op::v_med3_i32 => self.map3(inst, |a: u32, b: u32, c: u32| med3(i(a), i(b), i(c)) as u32),
            Op::v_sad_u8 => self.map3(inst, sad_u8),
            Op::v_sad_u32 => self.map3(inst, |a: u32, b: u32, c: u32| a.abs_diff(b).wrapping_add(c)),
            Op::v_perm_b32 => self.map3(inst, perm),
            Op::v_xad_u32 => self.map3(inst, |a: u32, b: u32, c: u32| (a ^ b).wrapping_add(c)),
            Op::v_lshl_add_u32 => self.map3(inst, |a: u32, b: u32, c: u32| (a << (b & 31)).wrapping_add(c)),
            Op::v_add_lshl_u32 => self.map3(inst, |a: u32, b: u32, c: u32| a.wrapping_add(b) << (c & 31)),
            Op::v_add3_u32 => self.map3(inst, |a: u32, b: u32, c: u32| a.wrapping_add(b).wrapping_add(c)),
            Op::v_lshl_or_b32 => self.map3(inst, |a: u32, b: u32, c: u32| a << (b & 31) | c),
            Op::v_and_or_b32 => self.map3(inst, |a: u32, b: u32, c: u32| a & b | c),
            Op::v_or3_b32 => self.map3(inst, |a: u32, b: u32, c: u32| a | b | c),
            Op::v_mad_u32_u16 => {
                self.map3(inst, |a: u32, b: u32, c: u32| ((a & 0xffff) * (b & 0xffff)).wrapping_add(c))
            }
            Op::v_mad_i32_i16 => self.map3(inst, |a: u32, b: u32, c: u32| {
                (i32::from(a as i16) * i32::from(b as i16)).wrapping_add(i(c)) as u32
            }),
            _ => self.short(inst),
        }
    }

    /// Of 16 bits; the upper half of the result is zero.
    fn short(&mut self, inst: &Inst) -> Result<bool, Stop> {
        let low = |word: u32| word & 0xffff;
        let i = |word: u32| word as i16;
        match inst.op() {
            Op::v_add_u16 | Op::v_add_i16 => self.map2(inst, |a: u32, b: u32| low(a.wrapping_add(b))),
            Op::v_sub_u16 | Op::v_sub_i16 => self.map2(inst, |a: u32, b: u32| low(a.wrapping_sub(b))),
            Op::v_subrev_u16 => self.map2(inst, |a: u32, b: u32| low(b.wrapping_sub(a))),
            Op::v_mul_lo_u16 => self.map2(inst, |a: u32, b: u32| low(low(a) * low(b))),
            Op::v_lshlrev_b16 => self.map2(inst, |a: u32, b: u32| low(low(b) << (a & 15))),
            Op::v_lshrrev_b16 => self.map2(inst, |a: u32, b: u32| low(b) >> (a & 15)),
            Op::v_ashrrev_i16 => self.map2(inst, |a: u32, b: u32| low((i(b) >> (a & 15)) as u32)),
            Op::v_max_u16 => self.map2(inst, |a: u32, b: u32| low(a).max(low(b))),
            Op::v_min_u16 => self.map2(inst, |a: u32, b: u32| low(a).min(low(b))),
            Op::v_max_i16 => self.map2(inst, |a: u32, b: u32| low(i(a).max(i(b)) as u32)),
            Op::v_min_i16 => self.map2(inst, |a: u32, b: u32| low(i(a).min(i(b)) as u32)),
            Op::v_mad_u16 | Op::v_mad_legacy_u16 | Op::v_mad_i16 | Op::v_mad_legacy_i16 => {
                self.map3(inst, |a: u32, b: u32, c: u32| low((low(a) * low(b)).wrapping_add(c)))
            }
            _ => Ok(false),
        }
    }
}
