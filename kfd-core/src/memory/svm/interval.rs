//! Values over ranges of addresses: no two overlap, and neighbours that are equal are one.
//!
//! A change of a range splits what reaches over its ends and joins what has become equal, so the map is never larger than
//! what it says. Addresses are bytes and ends are exclusive. Pure: no locks, no charges.

use std::collections::BTreeMap;
use std::ops::Range;

/// A map from ranges of addresses to values.
#[derive(Debug, Clone)]
pub(crate) struct Intervals<V> {
    /// By first address: the end, and the value.
    by_start: BTreeMap<u64, (u64, V)>,
}

impl<V> Default for Intervals<V> {
    fn default() -> Self {
        Self { by_start: BTreeMap::new() }
    }
}

impl<V> Intervals<V> {
    /// The number of intervals.
    pub(crate) fn len(&self) -> usize {
        self.by_start.len()
    }

    /// Every interval with its value, in order of address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Range<u64>, &V)> {
        self.by_start.iter().map(|(start, (end, value))| (*start..*end, value))
    }

    /// The interval that holds `point`.
    pub(crate) fn at(&self, point: u64) -> Option<(Range<u64>, &V)> {
        let (start, (end, value)) = self.by_start.range(..=point).next_back()?;
        (point < *end).then_some((*start..*end, value))
    }

    /// The addresses around `point` up to the next intervals, where no interval holds `point`.
    pub(crate) fn gap(&self, point: u64) -> Range<u64> {
        let start = self.by_start.range(..=point).next_back().map_or(0, |(_, (end, _))| *end);
        let end = self.by_start.range(point..).next().map_or(u64::MAX, |(start, _)| *start);
        start..end
    }

    /// The intervals that lie in `range`, cut to it, in order of address.
    pub(crate) fn within(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, &V)> {
        let first = self.at(range.start).map_or(range.start, |(held, _)| held.start);
        // A range whose end is before its start holds nothing.
        let last = range.end.max(first);
        self.by_start
            .range(first..last)
            .map(move |(start, (end, value))| (range.start.max(*start)..range.end.min(*end), value))
    }
}

impl<V: Clone + Eq> Intervals<V> {
    /// Gives each part of `range` the value that `change` returns; `None` removes the value. `change` is called in
    /// order with each interval cut to the range and with each gap between them.
    pub(crate) fn update(
        &mut self,
        range: Range<u64>,
        mut change: impl FnMut(Range<u64>, Option<V>) -> Option<V>,
    ) {
        if range.is_empty() {
            return;
        }
        self.split(range.start);
        self.split(range.end);
        let held: Vec<u64> = self.by_start.range(range.clone()).map(|(start, _)| *start).collect();
        let mut at = range.start;
        let mut changed = Vec::with_capacity(held.len() + 1);
        for start in held {
            let Some((end, value)) = self.by_start.remove(&start) else { continue };
            if at < start {
                changed.push((at..start, change(at..start, None)));
            }
            changed.push((start..end, change(start..end, Some(value))));
            at = end;
        }
        if at < range.end {
            changed.push((at..range.end, change(at..range.end, None)));
        }
        for (part, value) in changed {
            if let Some(value) = value {
                self.by_start.insert(part.start, (part.end, value));
                self.join(part.start);
            }
        }
        self.join(range.end);
    }

    /// Splits an interval that reaches over `point` in two.
    fn split(&mut self, point: u64) {
        let Some((start, (end, value))) = self.by_start.range_mut(..point).next_back() else { return };
        if point < *end {
            debug_assert!(*start < point);
            let tail = (std::mem::replace(end, point), value.clone());
            self.by_start.insert(point, tail);
        }
    }

    /// Joins two intervals that meet at `point` and have equal values.
    fn join(&mut self, point: u64) {
        let Some((end, value)) = self.by_start.get(&point).cloned() else { return };
        if let Some((_, (before, same))) = self.by_start.range_mut(..point).next_back()
            && *before == point
            && *same == value
        {
            *before = end;
            self.by_start.remove(&point);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Intervals;
    use proptest::prelude::*;
    use std::ops::Range;

    /// Addresses of the model: one value each.
    const BYTES: u64 = 48;

    fn ranges() -> impl Strategy<Value = Range<u64>> {
        (0..BYTES, 0..BYTES).prop_map(|(one, other)| one.min(other)..one.max(other))
    }

    /// What a change does to one address.
    #[derive(Debug, Clone, Copy)]
    enum Change {
        Assign(u8),
        Clear,
        /// Only where there is a value, as attributes are changed.
        Add(u8),
    }

    impl Change {
        fn of(self, value: Option<u8>) -> Option<u8> {
            match (self, value) {
                (Self::Assign(to), _) => Some(to),
                (Self::Clear, _) => None,
                (Self::Add(by), value) => value.map(|value| value.wrapping_add(by) % 4),
            }
        }
    }

    fn changes() -> impl Strategy<Value = Change> {
        prop_oneof![(0u8..4).prop_map(Change::Assign), Just(Change::Clear), (0u8..4).prop_map(Change::Add)]
    }

    proptest! {
        // Keeps: svm-ranges
        #[test]
        fn it_says_of_every_byte_what_a_byte_wise_model_says(
            steps in prop::collection::vec((ranges(), changes()), 0..24),
            asked in ranges(),
        ) {
            let mut map = Intervals::default();
            let mut model = [None; BYTES as usize];
            for (range, change) in steps {
                let mut covered = range.start;
                map.update(range.clone(), |part, value: Option<u8>| {
                    assert_eq!(part.start, covered, "the parts follow each other");
                    covered = part.end;
                    assert!((part.start..part.end).all(|byte| model[byte as usize] == value), "{part:?}");
                    change.of(value)
                });
                prop_assert_eq!(covered, range.end, "the parts cover the range");
                for byte in range {
                    model[byte as usize] = change.of(model[byte as usize]);
                }
                for byte in 0..BYTES {
                    let held = map.at(byte).map(|(_, value)| *value);
                    prop_assert_eq!(held, model[byte as usize], "byte {}", byte);
                    if held.is_none() {
                        let gap = map.gap(byte);
                        let free = |byte: u64| model.get(byte as usize).copied().flatten().is_none();
                        prop_assert!((gap.start..gap.end.min(BYTES)).all(free));
                        prop_assert!(gap.start == 0 || !free(gap.start - 1));
                        prop_assert!(gap.end == u64::MAX || !free(gap.end));
                    }
                }
                let all: Vec<_> = map.iter().collect();
                prop_assert_eq!(all.len(), map.len());
                prop_assert!(
                    all.windows(2).all(|two| two[0].0.end < two[1].0.start || two[0].1 != two[1].1),
                    "equal neighbours are one: {:?}", all
                );
            }
            let told: Vec<(u64, u8)> =
                map.within(asked.clone()).flat_map(|(part, value)| part.map(|byte| (byte, *value))).collect();
            let expected: Vec<(u64, u8)> =
                asked.filter_map(|byte| Some((byte, model[byte as usize]?))).collect();
            prop_assert_eq!(told, expected);
        }
    }

    #[test]
    fn a_change_of_the_middle_splits_and_its_undoing_joins() {
        let mut map = Intervals::default();
        map.update(0x1000..0x9000, |_, _| Some(1));
        map.update(0x3000..0x4000, |_, _| Some(2));
        let all: Vec<_> = map.iter().map(|(range, value)| (range, *value)).collect();
        assert_eq!(all, [(0x1000..0x3000, 1), (0x3000..0x4000, 2), (0x4000..0x9000, 1)]);
        map.update(0x3000..0x4000, |_, _| Some(1));
        assert_eq!(map.len(), 1);
        map.update(0x5000..0x5000, |_, _| panic!("an empty range has no parts"));
    }
}
