//! Spreads, and rounds in which the sides of a comparison take turns, so that each meets the same machine.

use std::time::Instant;

/// Measured values, in one unit.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds one.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value below which this part (0 to 1) of the samples lies.
    ///
    /// # Panics
    /// Nothing was measured.
    pub fn at(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1).expect("a spread needs samples");
        sorted[((sorted.len() as f64 * part) as usize).min(last)]
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// One side of a comparison: measures once.
pub type Side<'a> = &'a mut dyn FnMut() -> anyhow::Result<f64>;

/// `rounds` rounds in which each side measures once; who goes first rotates. The first round warms up and is dropped.
///
/// # Errors
/// The first side's that fails.
#[allow(clippy::needless_pass_by_value, reason = "a list of closures made for the call reads best")]
pub fn interleaved<const N: usize>(rounds: usize, sides: [Side<'_>; N]) -> anyhow::Result<[Samples; N]> {
    let mut all: [Samples; N] = std::array::from_fn(|_| Samples::default());
    for round in 0..=rounds {
        for turn in 0..N {
            let which = (round + turn) % N;
            let value = (sides[which])()?;
            if round > 0 {
                all[which].add(value);
            }
        }
    }
    Ok(all)
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
