//! Scratch: the memory of each work-item's own.
//!
//! Words of all lanes lie side by side, as hardware swizzles them: what a compiler keeps at one offset is one register.

use crate::wave::{LANES, Lanes};

/// See the module's head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scratch {
    words: Vec<Lanes>,
    /// Bytes that a lane has.
    bytes: usize,
}

impl Scratch {
    /// So many bytes a lane, all zero.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { words: vec![Lanes([0; LANES]); bytes.div_ceil(4)], bytes }
    }

    /// Makes all of it zero.
    pub(crate) fn clear(&mut self) {
        self.words.fill(Lanes([0; LANES]));
    }

    fn holds(&self, at: usize, len: usize) -> bool {
        at.checked_add(len).is_some_and(|end| end <= self.bytes)
    }

    /// The aligned words from `at` on, all lanes', if they are there.
    pub(crate) fn words(&mut self, at: u32, count: usize) -> Option<&mut [Lanes]> {
        let first = at as usize;
        if !first.is_multiple_of(4) || !self.holds(first, 4 * count) {
            return None;
        }
        self.words.get_mut(first / 4..first / 4 + count)
    }

    /// Fills `into` from a lane's bytes at `at`; whether they are there.
    pub(crate) fn load(&self, lane: usize, at: u32, into: &mut [u8]) -> bool {
        let first = at as usize;
        if !self.holds(first, into.len()) {
            return false;
        }
        for (at, byte) in (first..).zip(into) {
            *byte = self.words[at / 4].0[lane].to_le_bytes()[at % 4];
        }
        true
    }

    /// Puts bytes into a lane's; whether there is room.
    pub(crate) fn store(&mut self, lane: usize, at: u32, bytes: &[u8]) -> bool {
        let first = at as usize;
        if !self.holds(first, bytes.len()) {
            return false;
        }
        for (at, byte) in (first..).zip(bytes) {
            let word = &mut self.words[at / 4].0[lane];
            let mut parts = word.to_le_bytes();
            parts[at % 4] = *byte;
            *word = u32::from_le_bytes(parts);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Scratch;

    #[test]
    fn lanes_have_their_own_bytes_and_no_more_than_they_asked_for() {
        let mut scratch = Scratch::new(10);
        assert!(
            scratch.store(5, 3, &[1, 2, 3]) && scratch.store(5, 9, &[4]) && !scratch.store(5, 9, &[0; 2])
        );
        let mut all = [0xff; 10];
        assert!(scratch.load(5, 0, &mut all) && all == [0, 0, 0, 1, 2, 3, 0, 0, 0, 4]);
        assert!(scratch.load(4, 0, &mut all) && all == [0; 10]);
        assert!(!scratch.load(5, u32::MAX, &mut [0]) && scratch.words(8, 1).is_none());
        assert_eq!(
            scratch.words(0, 2).map(|words| [words[0].0[5], words[1].0[5]]),
            Some([0x0100_0000, 0x0302])
        );
        scratch.clear();
        assert!(scratch.load(5, 0, &mut all) && all == [0; 10]);
    }
}
