//! A floor's two figures: in turns with the subject, and alone.
//!
//! The turns' figure is what the subject's is divided by. The lone one says whether it may be: a floor that migrates between
//! CPUs, or waits for what the subject has left running, is dear in the turns only, and would flatter the subject.

use super::samples::Samples;

/// By how much the figure in the turns may be off from the lone one.
pub const TOLERANCE: f64 = 0.25;

/// A floor or peer that was measured both ways.
#[derive(Debug, Clone)]
pub struct Floor {
    /// In turns with the subject.
    pub turns: Samples,
    /// With nothing else measured, before and after the turns.
    pub alone: Samples,
}

impl Floor {
    /// Of both kinds of rounds, neither of them none.
    #[must_use]
    pub fn new(turns: Samples, alone: Samples) -> Self {
        Self { turns, alone }
    }

    /// What a subject is compared with.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.turns.median()
    }

    /// By how much a subject exceeds it, round by round, the middle one: what the machine does between rounds hits both.
    #[must_use]
    pub fn exceeded_by(&self, subject: &Samples) -> f64 {
        let rounds = subject.values().zip(self.turns.values());
        rounds.map(|(subject, floor)| subject - floor).collect::<Samples>().median()
    }

    /// The same of each figure.
    #[must_use]
    pub fn map(self, change: impl Fn(f64) -> f64) -> Self {
        let all = |samples: &Samples| samples.values().map(&change).collect();
        Self { turns: all(&self.turns), alone: all(&self.alone) }
    }

    /// Whether both figures are one, but for [`TOLERANCE`].
    #[must_use]
    pub fn is_sound(&self) -> bool {
        agrees(self.turns.median(), self.alone.median())
    }
}

/// Whether a floor's figure is no further off from its lone one than [`TOLERANCE`] of that.
#[must_use]
pub fn agrees(turns: f64, alone: f64) -> bool {
    (turns - alone).abs() <= TOLERANCE * alone
}

#[cfg(test)]
mod tests {
    use super::{Floor, agrees};

    #[test]
    fn what_a_subject_exceeds_it_by_is_taken_in_each_round() {
        let floor = floor([10.0, 60.0, 100.0], [50.0; 3]);
        assert!((floor.exceeded_by(&[30.0, 75.0, 190.0].into_iter().collect()) - 20.0).abs() < 1e-9);
    }

    fn floor(turns: [f64; 3], alone: [f64; 3]) -> Floor {
        Floor::new(turns.into_iter().collect(), alone.into_iter().collect())
    }

    // Keeps: bench-unsound
    #[test]
    fn a_floor_off_from_its_lone_run_by_more_than_a_quarter_is_unsound_in_either_direction() {
        assert!(agrees(6.1, 6.1));
        assert!(agrees(125.0, 100.0) && agrees(75.0, 100.0));
        assert!(!agrees(126.0, 100.0) && !agrees(74.0, 100.0));
        assert!(!agrees(61.0, 6.1), "the floor of the ioctl line as it once was");
        assert!(!agrees(f64::NAN, 1.0) && !agrees(1.0, f64::NAN) && !agrees(f64::INFINITY, f64::INFINITY));
    }

    #[test]
    fn a_floor_is_judged_by_its_medians_not_by_a_round_that_was_disturbed() {
        assert!(floor([6.0, 6.2, 61.0], [6.1, 6.1, 6.0]).is_sound());
        assert!(!floor([6.0, 61.0, 61.0], [6.1, 6.1, 6.0]).is_sound());
    }
}
