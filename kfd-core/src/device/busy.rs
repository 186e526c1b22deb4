//! How busy an engine has been in the last second.
//!
//! Time is cut into buckets, and each has the nanoseconds in which something ran. Whoever runs adds to the buckets; a reader
//! adds up those of the last second. Nothing is done while nothing runs and nobody reads.

use crate::ids::Nanos;
use crate::sync::{AtomicU64, Ordering};

/// The length of a bucket as a power of two of nanoseconds: about 67 ms.
const BUCKET: u32 = 26;
/// The number of buckets of the last second or so, the one that is being filled included.
const BUCKETS: u64 = 16;
/// The bits of half a word: the lower half is a bucket's nanoseconds, the upper the low bits of its number.
const HALF: u32 = 32;

/// The busy time of the last second, bucket by bucket.
#[derive(Debug)]
pub(crate) struct Busy([AtomicU64; BUCKETS as usize]);

impl Default for Busy {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Busy {
    /// Records that something ran for `span` ns until `end`.
    pub(crate) fn ran(&self, end: Nanos, span: u64) {
        let (mut end, mut left) = (end.0, span.min(BUCKETS << BUCKET));
        while left > 0 && end > 0 {
            let number = (end - 1) >> BUCKET;
            let here = left.min(end - (number << BUCKET));
            self.add(number, here);
            (end, left) = (end - here, left - here);
        }
    }

    fn add(&self, number: u64, nanos: u64) {
        let tag = number << HALF;
        let slot = &self.0[(number % BUCKETS) as usize];
        let added = |word: u64| {
            if word >> HALF == tag >> HALF {
                // Many engines may run in one bucket; their sum stays below 2^32 ns, else it is cut.
                Some(tag | (word & u64::from(u32::MAX)).saturating_add(nanos).min(u32::MAX.into()))
            } else {
                Some(tag | nanos)
            }
        };
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
    }

    /// The share of the last second in which something ran, in percent; 100 when several engines ran all the time.
    pub(crate) fn percent(&self, now: Nanos) -> u64 {
        let current = now.0 >> BUCKET;
        let first = (current + 1).saturating_sub(BUCKETS);
        let of = |number: u64| {
            let word = self.0[(number % BUCKETS) as usize].load(Ordering::Relaxed);
            if word >> HALF == number & u64::from(u32::MAX) { word & u64::from(u32::MAX) } else { 0 }
        };
        let ran: u64 = (first..=current).map(of).sum();
        let window = (now.0 - (first << BUCKET)).max(1);
        (ran.saturating_mul(100) / window).min(100)
    }
}

/// The time that one turn spent on work, as opposed to looking at an empty ring.
#[derive(Debug)]
pub(crate) struct Meter {
    since: Option<Nanos>,
    last: Nanos,
    spent: u64,
}

impl Meter {
    /// Starts at a turn's beginning, with work to do.
    pub(crate) fn start(now: Nanos) -> Self {
        Self { since: Some(now), last: now, spent: 0 }
    }

    /// Notes that there is work again; `now` is asked for only when there was none.
    pub(crate) fn works(&mut self, now: impl FnOnce() -> Nanos) {
        if self.since.is_none() {
            self.since = Some(now());
        }
    }

    /// Notes that there is no work; `now` is asked for only when there was some.
    pub(crate) fn rests(&mut self, now: impl FnOnce() -> Nanos) {
        if let Some(since) = self.since.take() {
            self.last = now();
            self.spent += self.last.0.saturating_sub(since.0);
        }
    }

    /// Ends the turn. Returns when there last was work, and the nanoseconds of work in all.
    pub(crate) fn end(mut self, now: impl FnOnce() -> Nanos) -> (Nanos, u64) {
        self.rests(now);
        (self.last, self.spent)
    }
}

#[cfg(test)]
mod tests {
    use super::{BUCKET, Busy, Meter};
    use crate::ids::Nanos;

    const SECOND: u64 = 16 << BUCKET;

    // Keeps: busy-share
    #[test]
    fn the_share_is_of_the_last_second_whoever_looks_and_how_often() {
        let busy = Busy::default();
        let start = 1000 * SECOND;
        assert_eq!(busy.percent(Nanos(start)), 0);
        // A quarter of the time for two seconds.
        for step in 0..128 {
            busy.ran(Nanos(start + step * SECOND / 64 + SECOND / 256), SECOND / 256);
        }
        let end = start + 2 * SECOND;
        assert!((24..=26).contains(&busy.percent(Nanos(end))), "{}", busy.percent(Nanos(end)));
        assert!((24..=26).contains(&busy.percent(Nanos(end))));
        assert!((11..=14).contains(&busy.percent(Nanos(end + SECOND / 2))));
        assert_eq!(busy.percent(Nanos(end + SECOND + 1)), 0);
    }

    #[test]
    fn a_long_turn_fills_the_buckets_that_it_lies_in_and_many_engines_are_no_more_than_all() {
        let busy = Busy::default();
        let now = 7 * SECOND;
        busy.ran(Nanos(now), SECOND / 2);
        assert!((49..=54).contains(&busy.percent(Nanos(now))), "{}", busy.percent(Nanos(now)));
        for _ in 0..8 {
            busy.ran(Nanos(now), 10 * SECOND);
        }
        assert_eq!(busy.percent(Nanos(now)), 100);
    }

    // Keeps: busy-share
    #[test]
    fn time_at_an_empty_ring_is_not_counted() {
        let mut meter = Meter::start(Nanos(100));
        meter.rests(|| Nanos(130));
        meter.rests(|| panic!("it rests already"));
        meter.works(|| Nanos(200));
        meter.works(|| panic!("it works already"));
        assert_eq!(meter.end(|| Nanos(250)), (Nanos(250), 80));
    }
}
