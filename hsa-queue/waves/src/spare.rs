//! Waves that are over, which a thread keeps for its next dispatch: of most kernels the registers cost more to make than the waves
//! take to run.
//!
//! All of them have as many vector registers, which hold what they held, and no scratch. Not for: those of a dispatch that goes on,
//! whose groups are made of each other.

use crate::wave::Wave;

/// The most waves, of 64 KiB each at most.
const MOST: usize = 16;

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Spare(Vec<Wave>);

impl Spare {
    /// A wave with so many vector registers and no scratch, if one is there.
    pub(crate) fn take(&mut self, vectors: usize) -> Option<Wave> {
        if self.0.last().is_some_and(|wave| wave.vectors.len() != vectors) {
            self.0.clear();
        }
        self.0.pop()
    }

    /// Keeps waves that have no scratch, as many as there is room for.
    pub(crate) fn keep(&mut self, waves: Vec<Wave>) {
        let vectors = waves.first().map_or(0, |wave| wave.vectors.len());
        if self.0.last().is_some_and(|wave| wave.vectors.len() != vectors) {
            self.0.clear();
        }
        self.0.extend(waves.into_iter().take(MOST - self.0.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Spare};
    use crate::wave::{Mode, Wave};

    fn waves(count: usize, vectors: usize) -> Vec<Wave> {
        (0..count).map(|_| Wave::new(0, vectors, Mode(0))).collect()
    }

    #[test]
    fn waves_of_one_kind_are_kept_up_to_the_most() {
        let mut spare = Spare::default();
        assert!(spare.take(4).is_none());
        spare.keep(waves(2, 4));
        spare.keep(waves(MOST, 4));
        assert_eq!(std::iter::from_fn(|| spare.take(4)).count(), MOST);
        spare.keep(waves(2, 4));
        spare.keep(waves(1, 8));
        assert_eq!(spare.take(8).map(|wave| wave.vectors.len()), Some(8));
        spare.keep(waves(2, 4));
        assert!(spare.take(8).is_none() && spare.take(4).is_none(), "another kind takes their place");
    }
}
