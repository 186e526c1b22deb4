//! A set of mnemonics, by the numbers of their lines in gfx9's table: which of them a kernel has come to.

use gcn::gfx9;

/// Words of a set: a bit a line.
pub const WORDS: usize = gfx9::COUNT.div_ceil(64);

/// See the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mnemonics([u64; WORDS]);

impl Mnemonics {
    /// The set of these words, the lowest bit of the first for line 0; `None` if one is of no line.
    #[must_use]
    pub fn of_words(words: [u64; WORDS]) -> Option<Self> {
        let set = Self(words);
        set.numbers().all(|number| usize::from(number) < gfx9::COUNT).then_some(set)
    }

    /// Its words.
    #[must_use]
    pub fn words(&self) -> &[u64; WORDS] {
        &self.0
    }

    pub(crate) fn insert(&mut self, number: u16) {
        self.0[usize::from(number) / 64] |= 1 << (number % 64);
    }

    /// The numbers of its lines, the lowest first.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        (0_u16..).step_by(64).zip(self.0).flat_map(|(first, mut word)| {
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as u16)?;
                word &= word - 1;
                Some(first + bit)
            })
        })
    }

    /// Its mnemonics, in the order of the table.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.numbers().filter_map(mnemonic)
    }
}

/// The mnemonic of a line.
#[must_use]
pub fn mnemonic(number: u16) -> Option<&'static str> {
    gfx9::row(number).map(|row| row.mnemonic)
}

#[cfg(test)]
mod tests {
    use super::{Mnemonics, WORDS, mnemonic};
    use gcn::gfx9;

    #[test]
    fn a_set_is_its_words_and_no_word_has_more_than_there_are_lines() {
        let last = gfx9::COUNT as u16 - 1;
        let mut set = Mnemonics::default();
        for number in [63, 64, 0, last, 64] {
            set.insert(number);
        }
        assert_eq!(set.numbers().collect::<Vec<_>>(), [0, 63, 64, last]);
        assert_eq!(Mnemonics::of_words(*set.words()), Some(set));
        assert_eq!(set.names().last(), gfx9::rows().last().map(|row| row.mnemonic));
        assert_eq!(mnemonic(last + 1), None);
        let mut words = [0; WORDS];
        words[WORDS - 1] = 1 << 63;
        assert!(gfx9::COUNT.is_multiple_of(64) || Mnemonics::of_words(words).is_none());
    }
}
