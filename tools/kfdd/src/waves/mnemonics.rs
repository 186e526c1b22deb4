//! How many dispatches of a kernel came to each mnemonic.
//!
//! Kept as pairs of a line of gfx9's table and a count, for a kernel has a few dozen of the thousand that there are.

use door::wave_workers::{Mnemonics, mnemonic};
use std::collections::BTreeMap;

/// See the module's head. By line, the lowest first.
#[derive(Debug, Default)]
pub(super) struct Counts(Vec<(u16, u64)>);

impl Counts {
    /// How many counts a dispatch would add.
    pub(super) fn added(&self, came_to: &Mnemonics) -> usize {
        let mut own = self.0.iter().map(|(line, _)| *line).peekable();
        came_to
            .numbers()
            .filter(|line| {
                while own.next_if(|own| own < line).is_some() {}
                own.next_if_eq(line).is_none()
            })
            .count()
    }

    /// Counts a dispatch.
    pub(super) fn add(&mut self, came_to: &Mnemonics) {
        let mut at = 0;
        for line in came_to.numbers() {
            while self.0.get(at).is_some_and(|(own, _)| *own < line) {
                at += 1;
            }
            match self.0.get_mut(at) {
                Some((own, count)) if *own == line => *count += 1,
                _ => self.0.insert(at, (line, 1)),
            }
        }
    }

    /// The counts by mnemonic.
    pub(super) fn named(&self) -> BTreeMap<String, u64> {
        self.0.iter().filter_map(|(line, count)| Some((mnemonic(*line)?.to_owned(), *count))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The set of some lines.
    fn set(lines: &[u16]) -> Mnemonics {
        let mut words = *Mnemonics::default().words();
        for line in lines {
            words[usize::from(*line) / 64] |= 1 << (line % 64);
        }
        Mnemonics::of_words(words).expect("lines of the table")
    }

    #[test]
    fn each_dispatch_counts_once_for_each_mnemonic_that_it_came_to() {
        let mut counts = Counts::default();
        for (lines, new) in [(&[5, 70, 900][..], 3), (&[70], 0), (&[], 0), (&[0, 5, 71], 2), (&[1000], 1)] {
            assert_eq!(counts.added(&set(lines)), new, "{lines:?}");
            counts.add(&set(lines));
        }
        assert_eq!(counts.0, [(0, 1), (5, 2), (70, 2), (71, 1), (900, 1), (1000, 1)]);
        let named = counts.named();
        assert_eq!((named.len(), named.get(mnemonic(70).expect("a line"))), (6, Some(&2)));
    }
}
