//! How busy an engine has been in the last second.
//!
//! Time is cut into buckets, and each has the nanoseconds in which something ran. Whoever runs adds to the buckets; a reader
//! adds up those of the last second. Nothing is done while nothing runs and nobody reads.

use crate::ids::Nanos;
use crate::sync::{AtomicU64, Ordering};

/// A bucket is 2^26 ns, about 67 ms.
const BUCKET: u32 = 26;
/// Buckets of a window of about a second, the one that is being filled included.
const BUCKETS: u64 = 16;
/// The lower half of a word has a bucket's nanoseconds, the upper the end of its number.
const HALF: u32 = 32;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Busy([AtomicU64; BUCKETS as usize]);

impl Default for Busy {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Busy {
    /// Something ran for `span` until `end`.
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
                // Many engines may run in one bucket; it ends long before its half of the word does.
                Some(tag | (word & u64::from(u32::MAX)).saturating_add(nanos).min(u32::MAX.into()))
            } else {
                Some(tag | nanos)
            }
        };
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
    }

    /// The share of the last second in which something ran, in percent, at most 100.
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

/// The time in which a turn had something to do, as opposed to looking at an empty ring.
#[derive(Debug)]
pub(crate) struct Meter {
    since: Option<Nanos>,
    last: Nanos,
    spent: u64,
}

impl Meter {
    /// It has something to do from now on.
    pub(crate) fn start(now: Nanos) -> Self {
        Self { since: Some(now), last: now, spent: 0 }
    }

    /// It has something to do again; `now` is asked for when it had not.
    pub(crate) fn works(&mut self, now: impl FnOnce() -> Nanos) {
        if self.since.is_none() {
            self.since = Some(now());
        }
    }

    /// It has nothing to do; `now` is asked for when it had.
    pub(crate) fn rests(&mut self, now: impl FnOnce() -> Nanos) {
        if let Some(since) = self.since.take() {
            self.last = now();
            self.spent += self.last.0.saturating_sub(since.0);
        }
    }

    /// When it last had something to do, and for how long in all.
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
