//! Stores to memory that only the daemon reaches, on their way: many in one message, in the order in which they were made.
//!
//! They are sent before anything that could tell somebody of them: a store to another place, an atomic, an interrupt, a load of
//! what was not read before, the end of a turn. So whoever sees what came later sees them. Not for: when that is (`reach`).

use crate::wave_workers::wire::{PAYLOAD_MAX, STORES_MAX, StoreHead, Stores};

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Behind {
    heads: Vec<StoreHead>,
    bytes: Vec<u8>,
}

impl Behind {
    /// Takes a store; false when there is no room beside the others.
    pub(super) fn take(&mut self, va: u64, bytes: &[u8]) -> bool {
        if self.bytes.len() + bytes.len() > PAYLOAD_MAX {
            return false;
        }
        let is_full = self.heads.len() == STORES_MAX;
        match self.heads.last_mut().filter(|head| head.va().checked_add(head.bytes()) == Some(va)) {
            Some(last) => *last = last.longer(bytes.len()),
            None if is_full => return false,
            None => self.heads.push(StoreHead::new(va, bytes.len())),
        }
        self.bytes.extend_from_slice(bytes);
        true
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// All of them.
    pub(super) fn stores(&self) -> Stores<'_> {
        Stores::new(&self.heads, &self.bytes).expect("invariant: it has as many bytes as its stores")
    }

    /// They are made.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Behind;
    use crate::wave_workers::wire::{PAYLOAD_MAX, STORES_MAX};

    #[test]
    fn stores_that_follow_each_other_are_one_and_the_others_keep_their_order() {
        let mut behind = Behind::default();
        for (va, bytes) in [(8, &[1; 4]), (12, &[2; 4]), (0, &[3; 4]), (4, &[4; 4]), (0, &[5; 4])] {
            assert!(behind.take(va, bytes));
        }
        let each: Vec<_> = behind.stores().iter().collect();
        let expected: [(u64, &[u8]); 3] =
            [(8, &[1, 1, 1, 1, 2, 2, 2, 2]), (0, &[3, 3, 3, 3, 4, 4, 4, 4]), (0, &[5; 4])];
        assert_eq!(each, expected);
        behind.clear();
        assert!(behind.is_empty() && behind.stores().iter().next().is_none());
    }

    #[test]
    fn there_is_room_for_a_message() {
        let mut behind = Behind::default();
        assert!((0..STORES_MAX as u64).all(|at| behind.take(8 * at, &[0; 4])));
        assert!(!behind.take(4096, &[0]) && behind.take(8 * STORES_MAX as u64 - 4, &[0]));
        let mut behind = Behind::default();
        assert!(behind.take(0, &[0; PAYLOAD_MAX]) && !behind.take(PAYLOAD_MAX as u64, &[0]));
    }
}
