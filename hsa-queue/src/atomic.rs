//! Read-modify-write operations on a word of memory, as packets and waves name them.
//!
//! Not for: how the word is reached and kept whole meanwhile, which whoever has the memory knows.

use crate::memory::Width;

/// What becomes of the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum AtomicKind {
    Swap,
    /// Replaced when it equals the comparand.
    CompareSwap,
    Add,
    Sub,
    SMin,
    UMin,
    SMax,
    UMax,
    And,
    Or,
    /// Exclusive disjunction.
    Xor,
    /// Up by one, to 0 after the operand.
    Inc,
    /// Down by one, to the operand after 0.
    Dec,
}

impl AtomicKind {
    /// The new value of a word that was `old`.
    #[must_use]
    pub fn apply(self, width: Width, old: u64, operand: u64, comparand: u64) -> u64 {
        let signed = |value: u64| match width {
            Width::Four => i64::from((value as u32).cast_signed()),
            Width::Eight => value.cast_signed(),
        };
        let less = signed(old) < signed(operand);
        let new = match self {
            Self::Swap => operand,
            Self::CompareSwap if old == comparand => operand,
            Self::CompareSwap => old,
            Self::Add => old.wrapping_add(operand),
            Self::Sub => old.wrapping_sub(operand),
            Self::SMin if less => old,
            Self::SMax if !less => old,
            Self::SMin | Self::SMax => operand,
            Self::UMin => old.min(operand),
            Self::UMax => old.max(operand),
            Self::And => old & operand,
            Self::Or => old | operand,
            Self::Xor => old ^ operand,
            Self::Inc if old >= operand => 0,
            Self::Inc => old.wrapping_add(1),
            Self::Dec if old == 0 || old > operand => operand,
            Self::Dec => old.wrapping_sub(1),
        };
        width.cut(new)
    }
}

#[cfg(test)]
mod tests {
    use super::AtomicKind as Kind;
    use crate::memory::Width;

    #[test]
    fn operations_keep_to_their_width_and_sign() {
        let four = |kind: Kind, old, operand| kind.apply(Width::Four, old, operand, 0);
        assert_eq!(four(Kind::Add, 0xffff_ffff, 2), 1);
        assert_eq!(four(Kind::Sub, 0, 1), 0xffff_ffff);
        assert_eq!(four(Kind::SMin, 0xffff_ffff, 1), 0xffff_ffff, "-1 is less than 1");
        assert_eq!(four(Kind::SMax, 0xffff_ffff, 1), 1);
        assert_eq!((four(Kind::UMin, 0xffff_ffff, 1), four(Kind::UMax, 0xffff_ffff, 1)), (1, 0xffff_ffff));
        assert_eq!((four(Kind::Inc, 4, 5), four(Kind::Inc, 5, 5), four(Kind::Inc, 9, 5)), (5, 0, 0));
        assert_eq!((four(Kind::Dec, 4, 5), four(Kind::Dec, 0, 5), four(Kind::Dec, 9, 5)), (3, 5, 5));
        assert_eq!(Kind::SMin.apply(Width::Eight, u64::MAX, 1, 0), u64::MAX);
        assert_eq!(Kind::CompareSwap.apply(Width::Eight, 7, 9, 7), 9);
        assert_eq!(Kind::CompareSwap.apply(Width::Eight, 6, 9, 7), 6);
    }
}
