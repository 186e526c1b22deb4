//! Which bytes of an arena are given out: fresh ones first, freed ones in the order they were freed.
//!
//! Reuse comes last because a client can touch a freed range for as long as it maps the arena; the longer a range
//! rests, the less a stale pointer of that client means. Ranges are whole pages; the caller rounds.

use std::collections::VecDeque;

/// The free ranges of an arena.
#[derive(Debug)]
pub(super) struct Ranges {
    size: u64,
    /// The offset from which on nothing was ever given out.
    fresh: u64,
    /// The freed ranges, oldest first: offset, length.
    resting: VecDeque<(u64, u64)>,
}

impl Ranges {
    /// An arena of `size` bytes, none of which is given out.
    pub(super) fn new(size: u64) -> Self {
        Self { size, fresh: 0, resting: VecDeque::new() }
    }

    /// Takes `len` bytes and returns their offset; freed ranges are reused only when no fresh bytes are left.
    pub(super) fn take(&mut self, len: u64) -> Option<u64> {
        if len == 0 {
            return None;
        }
        if len <= self.size - self.fresh {
            let offset = self.fresh;
            self.fresh += len;
            return Some(offset);
        }
        if !self.resting.iter().any(|(_, rests)| *rests >= len) {
            self.join();
        }
        let found = self.resting.iter().position(|(_, rests)| *rests >= len)?;
        let (offset, rests) = self.resting[found];
        if rests == len {
            self.resting.remove(found);
        } else {
            self.resting[found] = (offset + len, rests - len);
        }
        Some(offset)
    }

    /// Takes a range back, to be reused last.
    pub(super) fn give(&mut self, offset: u64, len: u64) {
        self.resting.push_back((offset, len));
    }

    /// Joins neighbouring freed ranges. Their order of age is lost, which matters less than a request that cannot be
    /// served.
    fn join(&mut self) {
        let mut ranges: Vec<_> = self.resting.drain(..).collect();
        ranges.sort_unstable();
        for (offset, len) in ranges {
            match self.resting.back_mut() {
                Some((last, rests)) if *last + *rests == offset => *rests += len,
                _ => self.resting.push_back((offset, len)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;
    use proptest::prelude::*;

    #[test]
    fn a_full_arena_is_whole_again_when_all_is_given_back() {
        let mut ranges = Ranges::new(64);
        let taken: Vec<_> = (0..4).map(|_| ranges.take(16).expect("room for four")).collect();
        assert_eq!(ranges.take(1), None);
        for offset in [2, 0, 3, 1].map(|i: usize| taken[i]) {
            ranges.give(offset, 16);
        }
        assert_eq!(ranges.take(64), Some(0));
    }

    proptest! {
        #[test]
        fn no_byte_is_given_out_twice(steps in proptest::collection::vec((any::<bool>(), 1u64..40), 1..200)) {
            let mut ranges = Ranges::new(256);
            let mut held: Vec<(u64, u64)> = Vec::new();
            for (take, n) in steps {
                if take {
                    if let Some(offset) = ranges.take(n) {
                        prop_assert!(offset + n <= 256);
                        prop_assert!(held.iter().all(|(o, l)| offset + n <= *o || *o + *l <= offset));
                        held.push((offset, n));
                    }
                } else if !held.is_empty() {
                    let (offset, len) = held.swap_remove(n as usize % held.len());
                    ranges.give(offset, len);
                }
            }
        }
    }
}
