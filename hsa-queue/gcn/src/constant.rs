//! Constants that an operand's number names, from 128 to 248 of the source field.

/// An inline constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constant {
    /// -16 to 64.
    Int(i8),
    /// 0.5, -0.5, 1, -1, 2, -2, 4, -4 and 1/(2 pi), by their order.
    Float(u8),
}

/// The floats, in the order of their numbers: f16, f32 and f64 bits, and LLVM's words.
const FLOATS: [(u16, u32, u64, &str); 9] = [
    (0x3800, 0x3f00_0000, 0x3fe0_0000_0000_0000, "0.5"),
    (0xb800, 0xbf00_0000, 0xbfe0_0000_0000_0000, "-0.5"),
    (0x3c00, 0x3f80_0000, 0x3ff0_0000_0000_0000, "1.0"),
    (0xbc00, 0xbf80_0000, 0xbff0_0000_0000_0000, "-1.0"),
    (0x4000, 0x4000_0000, 0x4000_0000_0000_0000, "2.0"),
    (0xc000, 0xc000_0000, 0xc000_0000_0000_0000, "-2.0"),
    (0x4400, 0x4080_0000, 0x4010_0000_0000_0000, "4.0"),
    (0xc400, 0xc080_0000, 0xc010_0000_0000_0000, "-4.0"),
    (0x3118, 0x3e22_f983, 0x3fc4_5f30_6dc9_c882, "0.15915494"),
];

impl Constant {
    /// The constant of this number of the source field.
    #[must_use]
    pub fn of(number: u16) -> Option<Self> {
        match number {
            128..=192 => Some(Self::Int((number - 128) as i8)),
            193..=208 => Some(Self::Int(-((number - 192) as i8))),
            240..=248 => Some(Self::Float((number - 240) as u8)),
            _ => None,
        }
    }

    /// Its bits in an operand of so many bits (16, 32 or 64): integers are sign-extended, floats are of that width.
    #[must_use]
    pub fn bits(self, width: u16) -> u64 {
        match self {
            Self::Int(value) => match width {
                16 => u64::from(i16::from(value) as u16),
                32 => u64::from(i32::from(value) as u32),
                _ => i64::from(value) as u64,
            },
            Self::Float(which) => {
                let (half, single, double, _) = FLOATS[usize::from(which)];
                match width {
                    16 => u64::from(half),
                    32 => u64::from(single),
                    _ => double,
                }
            }
        }
    }
}

/// LLVM's word for f16 bits that a constant has.
pub(crate) fn half(bits: u16) -> Option<&'static str> {
    FLOATS.iter().find(|float| float.0 == bits).map(|float| float.3)
}

/// LLVM's word for f32 bits that a constant has.
pub(crate) fn single(bits: u32) -> Option<&'static str> {
    FLOATS.iter().find(|float| float.1 == bits).map(|float| float.3)
}

/// LLVM's word for f64 bits that a constant has.
pub(crate) fn double(bits: u64) -> Option<&'static str> {
    let found = FLOATS.iter().position(|float| float.2 == bits)?;
    Some(if found == 8 { "0.15915494309189532" } else { FLOATS[found].3 })
}
