//! Spreads, and how long calls take.

use std::time::Instant;

/// Measured values, in one unit.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds a sample.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds another spread's.
    pub fn extend(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    /// The value below which this part (0 to 1) of the samples lies.
    ///
    /// # Panics
    /// Nothing was measured.
    #[must_use]
    pub fn at(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1).expect("a spread needs samples");
        sorted[((sorted.len() as f64 * part) as usize).min(last)]
    }

    /// The middle one.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// Each, in the order of measuring.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.0.iter().copied()
    }

    /// How many samples there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was measured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// Nanoseconds a call of `body`, over `calls` calls.
pub fn nanos_per_call(calls: u32, mut body: impl FnMut()) -> f64 {
    let started = Instant::now();
    for _ in 0..calls {
        body();
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}

/// The middle of the nanoseconds of single calls of `body`: what interrupts a few of them does not count. Reading the
/// clock is part of each.
pub fn median_nanos(calls: u32, mut body: impl FnMut()) -> f64 {
    let timed = (0..calls).map(|_| {
        let started = Instant::now();
        body();
        started.elapsed().as_secs_f64() * 1e9
    });
    timed.collect::<Samples>().median()
}
