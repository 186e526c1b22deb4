//! Ids of one kind, the lowest free one first, as the kernel's idr gives them out.

use std::collections::BTreeSet;

/// The largest distance beyond the ids given out so far at which an id can be taken by number.
const REACH: u32 = 1 << 20;

/// The free ids from a first one up to an end.
#[derive(Debug)]
pub(crate) struct Idr {
    /// The id from which on none was ever given out.
    fresh: u32,
    end: u32,
    /// The ids that were given back.
    gaps: BTreeSet<u32>,
}

impl Idr {
    /// Free ids from `first` up to and without `end`.
    pub(crate) const fn new(first: u32, end: u32) -> Self {
        Self { fresh: first, end, gaps: BTreeSet::new() }
    }

    /// Takes the lowest free id.
    pub(crate) fn take(&mut self) -> Option<u32> {
        if let Some(gap) = self.gaps.pop_first() {
            return Some(gap);
        }
        if self.fresh >= self.end {
            return None;
        }
        self.fresh += 1;
        Some(self.fresh - 1)
    }

    /// Takes the id `id`; false when it is taken or out of range. Lower ids stay free, and at most [`REACH`] of them
    /// are skipped at once.
    pub(crate) fn take_exactly(&mut self, id: u32) -> bool {
        if id < self.fresh {
            return self.gaps.remove(&id);
        }
        if id >= self.end || id - self.fresh > REACH {
            return false;
        }
        self.gaps.extend(self.fresh..id);
        self.fresh = id + 1;
        true
    }

    /// Gives back an id that was taken.
    pub(crate) fn give(&mut self, id: u32) {
        if id + 1 == self.fresh {
            self.fresh = id;
        } else {
            self.gaps.insert(id);
        }
    }

    /// Moves the end of the ids. Ids above a lower end stay taken.
    pub(crate) fn set_end(&mut self, end: u32) {
        self.end = end;
    }
}

#[cfg(test)]
mod tests {
    use super::Idr;

    #[test]
    fn the_lowest_free_id_comes_first_and_none_twice() {
        let mut ids = Idr::new(1, 5);
        assert_eq!([(); 5].map(|()| ids.take()), [Some(1), Some(2), Some(3), Some(4), None]);
        for id in [3, 1, 4] {
            ids.give(id);
        }
        assert_eq!([(); 4].map(|()| ids.take()), [Some(1), Some(3), Some(4), None]);
    }

    #[test]
    fn an_id_asked_for_by_number_is_given_once_and_leaves_the_others_free() {
        let mut ids = Idr::new(1, 5);
        assert!(ids.take_exactly(3) && !ids.take_exactly(3));
        assert!(!ids.take_exactly(0) && !ids.take_exactly(5), "not one of these");
        assert_eq!([(); 4].map(|()| ids.take()), [Some(1), Some(2), Some(4), None]);
    }
}
