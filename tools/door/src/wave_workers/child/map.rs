//! What a thread remembers of a device's address map: the spans that it was told, those used last among the first.

use kfd_core::waves::WaveSpan as Span;

/// The most spans that are remembered.
const SPANS: usize = 32;

/// The first ones stay in their order: a loop goes round a few arrays.
const HOT: usize = 4;

/// See the module's head. All spans are of one epoch.
#[derive(Debug, Default)]
pub(super) struct Map {
    epoch: u64,
    spans: Vec<Span>,
}

impl Map {
    /// Forgets what is of another epoch; whether it was.
    #[inline]
    pub(super) fn belongs(&mut self, epoch: u64) -> bool {
        let moved = self.epoch != epoch;
        if moved {
            self.spans.clear();
            self.epoch = epoch;
        }
        moved
    }

    /// The span around an address, if it is remembered.
    #[inline]
    pub(super) fn find(&mut self, va: u64) -> Option<Span> {
        let at = self.spans.iter().position(|span| span.holds(va))?;
        if at < HOT {
            return self.spans.get(at).copied();
        }
        self.spans[..=at].rotate_right(1);
        self.spans.first().copied()
    }

    /// Remembers a span of the present epoch.
    pub(super) fn add(&mut self, span: Span) {
        self.spans.truncate(SPANS - 1);
        self.spans.insert(0, span);
    }
}

#[cfg(test)]
mod tests {
    use super::{Map, SPANS};
    use kfd_core::waves::{Place, WaveSpan as Span};

    fn span(start: u64) -> Span {
        Span { start, len: 0x10, writable: true, executable: false, place: Place::Far }
    }

    #[test]
    fn spans_are_found_by_any_of_their_addresses_until_the_epoch_moves() {
        let mut map = Map::default();
        map.belongs(1);
        for start in [0x100, 0x200, u64::MAX - 0xf] {
            map.add(span(start));
        }
        for (va, start) in [(0x100, 0x100), (0x20f, 0x200), (u64::MAX, u64::MAX - 0xf), (0x10f, 0x100)] {
            assert_eq!(map.find(va), Some(span(start)), "{va:#x}");
        }
        for va in [0xff, 0x110, 0x1ff, 0, u64::MAX - 0x10] {
            assert_eq!(map.find(va), None, "{va:#x}");
        }
        map.belongs(1);
        assert!(map.find(0x100).is_some());
        map.belongs(2);
        assert!(map.find(0x100).is_none());
    }

    #[test]
    fn those_that_were_not_used_for_long_are_forgotten() {
        let mut map = Map::default();
        for at in 0..SPANS as u64 {
            map.add(span(at * 0x100));
        }
        assert!(map.find(0).is_some());
        map.add(span(0x10000));
        assert!(map.find(0).is_some() && map.find(0x100).is_none());
        assert_eq!(map.spans.len(), SPANS);
    }
}
