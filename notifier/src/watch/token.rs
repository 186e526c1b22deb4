//! The caller's name for a watch, and how it travels through the kernel as a ring's `user_data`.
//!
//! ```text
//!   63            32 31          8 7     2 1  0
//!   ┌───────────────┬─────────────┬───────┬────┐
//!   │  generation   │    slot     │  tag  │ op │
//!   └───────────────┴─────────────┴───────┴────┘
//! ```
//!
//! The `op` bits are this module's: they tell a death from a ready descriptor, and both from the ring's
//! internal operations, which never become events.

/// Names one watch: a slot of the caller's table, which tenant of the slot, and what the watch is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

const OP_BITS: u32 = 2;
const TAG_BITS: u32 = 6;
const SLOT_BITS: u32 = 24;
const OP_MASK: u64 = (1 << OP_BITS) - 1;

impl Token {
    /// The greatest slot a token can carry: 16,777,215.
    pub const MAX_SLOT: u32 = (1 << SLOT_BITS) - 1;
    /// The greatest tag a token can carry: 63.
    pub const MAX_TAG: u8 = (1 << TAG_BITS) - 1;

    /// The token of `slot`'s tenant `generation` for the purpose `tag`.
    ///
    /// # Panics
    /// When `slot` or `tag` exceeds [`Self::MAX_SLOT`] or [`Self::MAX_TAG`]: the caller's tables are smaller.
    pub const fn new(slot: u32, generation: u32, tag: u8) -> Self {
        assert!(slot <= Self::MAX_SLOT, "a token's slot has 24 bits");
        assert!(tag <= Self::MAX_TAG, "a token's tag has 6 bits");
        let low = (slot as u64) << (OP_BITS + TAG_BITS) | (tag as u64) << OP_BITS;
        Self((generation as u64) << 32 | low)
    }

    /// Index into the caller's table.
    pub const fn slot(self) -> u32 {
        (self.0 >> (OP_BITS + TAG_BITS)) as u32 & Self::MAX_SLOT
    }

    /// Which tenant of the slot armed the watch.
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// What the caller uses the watch for.
    pub const fn tag(self) -> u8 {
        (self.0 >> OP_BITS) as u8 & Self::MAX_TAG
    }
}

/// What a completion belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// The removal of a poll; carries no news.
    Removal,
    /// The poll on the wake descriptor.
    Wake,
    /// A poll on a pidfd.
    Death(Token),
    /// A poll on any other descriptor.
    Ready(Token),
}

const DEATH: u64 = 1;
const READY: u64 = 2;
const REMOVAL: u64 = 0;
const WAKE: u64 = 1 << OP_BITS;

impl Op {
    pub(super) const fn user_data(self) -> u64 {
        match self {
            Self::Removal => REMOVAL,
            Self::Wake => WAKE,
            Self::Death(token) => token.0 | DEATH,
            Self::Ready(token) => token.0 | READY,
        }
    }

    /// The operation behind a completion; `None` for a value that this module never submits.
    pub(super) const fn from_user_data(data: u64) -> Option<Self> {
        let token = Token(data & !OP_MASK);
        match data & OP_MASK {
            DEATH => Some(Self::Death(token)),
            READY => Some(Self::Ready(token)),
            _ if data == REMOVAL => Some(Self::Removal),
            _ if data == WAKE => Some(Self::Wake),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Op, Token};

    proptest! {
        #[test]
        fn a_token_gives_back_what_it_was_made_of(slot in 0..=Token::MAX_SLOT, generation in any::<u32>(), tag in 0..=Token::MAX_TAG) {
            let token = Token::new(slot, generation, tag);
            assert_eq!((token.slot(), token.generation(), token.tag()), (slot, generation, tag));
            for op in [Op::Death(token), Op::Ready(token)] {
                assert_eq!(Op::from_user_data(op.user_data()), Some(op));
            }
        }
    }

    #[test]
    fn internal_operations_are_never_taken_for_a_token() {
        for op in [Op::Removal, Op::Wake] {
            assert_eq!(Op::from_user_data(op.user_data()), Some(op));
        }
        assert_eq!(Op::from_user_data(3), None);
    }

    #[test]
    #[should_panic(expected = "24 bits")]
    fn a_slot_too_large_for_a_token_is_a_panic_not_another_slot() {
        let _ = Token::new(Token::MAX_SLOT + 1, 0, 0);
    }
}
