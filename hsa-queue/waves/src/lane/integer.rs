//! Integers where hardware differs from Rust's operators.

/// Bits `offset` to `offset + width` of a word; fields beyond it have what there is.
#[inline(always)]
pub(crate) fn bfe_u32(word: u32, offset: u32, width: u32) -> u32 {
    let (offset, width) = (offset & 31, width & 31);
    word >> offset & ((1 << width) - 1)
}

/// The same with the sign of its highest bit.
#[inline(always)]
pub(crate) fn bfe_i32(word: u32, offset: u32, width: u32) -> u32 {
    let (offset, width) = (offset & 31, width & 31);
    if width == 0 {
        return 0;
    }
    let field = (word as i32) >> offset;
    if offset + width >= 32 { field as u32 } else { ((field << (32 - width)) >> (32 - width)) as u32 }
}

/// The first bit that is one from the highest on; -1 if there is none.
#[inline(always)]
pub(crate) fn ffbh_u32(word: u32) -> u32 {
    if word == 0 { u32::MAX } else { word.leading_zeros() }
}

/// The first bit from the highest on that is not the sign; -1 if there is none.
#[inline(always)]
pub(crate) fn ffbh_i32(word: u32) -> u32 {
    if word == 0 || word == u32::MAX {
        u32::MAX
    } else {
        (word ^ ((word as i32) >> 31) as u32).leading_zeros()
    }
}

/// The first bit that is one from the lowest on; -1 if there is none.
#[inline(always)]
pub(crate) fn ffbl(word: u32) -> u32 {
    if word == 0 { u32::MAX } else { word.trailing_zeros() }
}

/// An integer of 24 bits with its sign.
#[inline(always)]
pub(crate) fn i24(word: u32) -> i32 {
    (word << 8) as i32 >> 8
}

/// An integer of 24 bits.
#[inline(always)]
pub(crate) fn u24(word: u32) -> u32 {
    word & 0x00ff_ffff
}

/// The middle of three.
#[inline(always)]
pub(crate) fn med3<T: Ord>(a: T, b: T, c: T) -> T {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if c < low {
        low
    } else if c > high {
        high
    } else {
        c
    }
}

/// Bytes of `high:low`, each chosen by a byte of `select`: 0 to 7 one of them, 8 to 11 a sign, 12 zero, above 255.
#[inline(always)]
pub(crate) fn perm(high: u32, low: u32, select: u32) -> u32 {
    let bytes = u64::from(high) << 32 | u64::from(low);
    let chosen = select.to_le_bytes().map(|select| match select {
        0..=7 => (bytes >> (8 * select)) as u8,
        8..=11 => (((bytes >> (16 * (select - 8))) as i16) >> 15) as u8,
        12 => 0,
        _ => 0xff,
    });
    u32::from_le_bytes(chosen)
}

/// The sum of the absolute differences of four bytes, added to `sum`.
#[inline(always)]
pub(crate) fn sad_u8(a: u32, b: u32, sum: u32) -> u32 {
    let pairs = a.to_le_bytes().into_iter().zip(b.to_le_bytes());
    pairs.fold(sum, |sum, (a, b)| sum.wrapping_add(a.abs_diff(b).into()))
}

/// The sum of the absolute differences of two shorts.
pub(crate) fn sad_u16(a: u32, b: u32) -> u32 {
    (a & 0xffff).abs_diff(b & 0xffff) + (a >> 16).abs_diff(b >> 16)
}

/// That of four bytes, without those for which the pattern has zero.
pub(crate) fn msad_u8(a: u32, pattern: u32) -> u32 {
    let pairs = a.to_le_bytes().into_iter().zip(pattern.to_le_bytes());
    pairs.filter(|(_, pattern)| *pattern != 0).map(|(a, b)| u32::from(a.abs_diff(b))).sum()
}

/// Averages of four bytes, rounded up where the lowest bit of `up`'s byte is set.
pub(crate) fn lerp_u8(a: u32, b: u32, up: u32) -> u32 {
    let (a, b, up) = (a.to_le_bytes(), b.to_le_bytes(), up.to_le_bytes());
    let average = |at: usize| ((u16::from(a[at]) + u16::from(b[at]) + u16::from(up[at] & 1)) >> 1) as u8;
    u32::from_le_bytes([0, 1, 2, 3].map(average))
}

/// The nearest byte without sign.
pub(crate) fn sat_u8(value: i16) -> u32 {
    value.clamp(0, 255) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_cut_out_with_and_without_sign() {
        assert_eq!((bfe_u32(0xabcd_1234, 8, 8), bfe_i32(0xabcd_f234, 8, 8)), (0x12, 0xffff_fff2));
        assert_eq!((bfe_u32(0x8000_0000, 31, 1), bfe_i32(0x8000_0000, 31, 1)), (1, u32::MAX));
        assert_eq!((bfe_u32(u32::MAX, 4, 0), bfe_i32(0x8000_0000, 28, 31)), (0, 0xffff_fff8));
    }

    #[test]
    fn first_bits_are_found_from_either_end() {
        assert_eq!(
            (ffbh_u32(0), ffbh_u32(1), ffbh_i32(u32::MAX), ffbh_i32(0xffff_0000)),
            (u32::MAX, 31, u32::MAX, 16)
        );
        assert_eq!((ffbl(0), ffbl(8)), (u32::MAX, 3));
    }

    #[test]
    fn bytes_are_permuted() {
        assert_eq!(perm(0x0706_0504, 0x0302_0100, 0x0701_0c0d), 0x0701_00ff);
        assert_eq!(perm(0x8000_0000, 0x0000_8000, 0x0b08_0a09), 0xffff_0000);
        assert_eq!((med3(3, 1, 2), med3(1, 1, 9)), (2, 1));
        assert_eq!((sad_u16(0x0001_ffff, 0x0003_0000), msad_u8(0x0102_0304, 0x0400_0004)), (2 + 0xffff, 3));
        assert_eq!(
            (lerp_u8(0x0102_03ff, 0x0203_04ff, 0x0100_0101), sat_u8(-3), sat_u8(300)),
            (0x0202_04ff, 0, 255)
        );
        assert_eq!(sad_u8(0x01ff_0000, 0x0300_0001, 10), 10 + 2 + 255 + 1);
    }
}
