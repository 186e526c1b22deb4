//! Rounds in which the sides of a comparison take turns, so that each meets the same machine; and the floors alone, before
//! the turns and after them.
//!
//! Where a floor comes out unsound the whole comparison is measured again, at most [`TRIES`] times: the machine gave its CPUs
//! to somebody else. Which try is kept is decided by the floors and never by the subject's figure.

use super::floor::Floor;
use super::line::progress;
use super::samples::Samples;

/// How often a comparison is measured until its floors are sound; the last counts as it is.
pub const TRIES: usize = 3;

/// One side of a comparison: measures once.
pub type Side<'a> = &'a mut dyn FnMut() -> anyhow::Result<f64>;

/// What the subjects took in the turns, and the floors both ways.
#[derive(Debug)]
pub struct Turns<const S: usize, const F: usize> {
    /// In the order of the sides.
    pub own: [Samples; S],
    /// In the order of the sides.
    pub floors: [Floor; F],
}

/// `rounds` rounds in which each side measures once; who goes first rotates. Before them and after them each floor measures
/// half as many rounds with nobody's turn in between. The first round of each kind warms up and is dropped.
///
/// # Errors
/// The first side's that fails.
#[allow(clippy::needless_pass_by_value, reason = "lists of closures made for the call read best")]
pub fn alternate<'a, const S: usize, const F: usize>(
    rounds: usize,
    mut own: [Side<'a>; S],
    mut floors: [Side<'a>; F],
) -> anyhow::Result<Turns<S, F>> {
    let mut tries = 1;
    loop {
        let turns = once(rounds, &mut own, &mut floors)?;
        if tries == TRIES || turns.floors.iter().all(Floor::is_sound) {
            return Ok(turns);
        }
        tries += 1;
        progress("a floor was off from its lone run: measured again");
    }
}

fn once<'a, const S: usize, const F: usize>(
    rounds: usize,
    own: &mut [Side<'a>; S],
    floors: &mut [Side<'a>; F],
) -> anyhow::Result<Turns<S, F>> {
    let mut alone: [Samples; F] = std::array::from_fn(|_| Samples::default());
    let lone = rounds.div_ceil(2);
    run_alone(lone, floors, &mut alone)?;
    let (mut subjects, mut beside) =
        (std::array::from_fn(|_| Samples::default()), std::array::from_fn(|_| Samples::default()));
    for round in 0..=rounds {
        for turn in 0..S + F {
            let which = (round + turn) % (S + F);
            let (side, samples): (&mut Side<'a>, &mut Samples) = match which.checked_sub(S) {
                None => (&mut own[which], &mut subjects[which]),
                Some(floor) => (&mut floors[floor], &mut beside[floor]),
            };
            let value = side()?;
            if round > 0 {
                samples.add(value);
            }
        }
    }
    run_alone(lone, floors, &mut alone)?;
    let mut alone = alone.into_iter();
    let floors = beside.map(|turns| Floor::new(turns, alone.next().unwrap_or_default()));
    Ok(Turns { own: subjects, floors })
}

fn run_alone<const F: usize>(
    rounds: usize,
    floors: &mut [Side<'_>; F],
    alone: &mut [Samples; F],
) -> anyhow::Result<()> {
    for (side, samples) in floors.iter_mut().zip(alone) {
        side()?;
        for _ in 0..rounds {
            samples.add(side()?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{TRIES, Turns, alternate};
    use std::cell::{Cell, RefCell};

    // Keeps: bench-unsound
    #[test]
    fn sides_take_turns_and_floors_run_alone_before_and_after() {
        let order = RefCell::new(String::new());
        let side = |letter| {
            let order = &order;
            move || {
                order.borrow_mut().push(letter);
                Ok(1.0)
            }
        };
        let (mut own, mut one, mut two) = (side('s'), side('a'), side('b'));
        let Turns { own: [own], floors: [one, two] } =
            alternate(2, [&mut own], [&mut one, &mut two]).expect("no side fails");
        // One round of warming up, then one alone each; three rounds of turns, each begun by another; alone again.
        assert_eq!(*order.borrow(), "aabb sab abs bsa aabb".replace(' ', ""));
        assert_eq!((own.len(), one.turns.len(), two.turns.len()), (2, 2, 2), "the first round is dropped");
        assert_eq!((one.alone.len(), two.alone.len()), (2, 2));
    }

    // Keeps: bench-unsound
    #[test]
    fn a_comparison_with_an_unsound_floor_is_measured_again_and_kept_as_it_is_in_the_end() {
        let subject_ran = Cell::new(0);
        // Dear whenever the subject has just had its turn, as a floor is that migrates.
        let mut own = || {
            subject_ran.set(subject_ran.get() + 1);
            Ok(8.0)
        };
        let last = Cell::new(0);
        let mut floor = || {
            let disturbed = subject_ran.get() != last.replace(subject_ran.get());
            Ok(if disturbed { 61.0 } else { 6.1 })
        };
        let Turns { floors: [floor], .. } = alternate(4, [&mut own], [&mut floor]).expect("no side fails");
        assert!(!floor.is_sound());
        assert_eq!(subject_ran.get(), TRIES * 5);
    }

    #[test]
    fn a_disturbance_that_ends_gives_a_sound_floor_by_a_further_try() {
        let calls = Cell::new(0);
        let mut own = || Ok(7.0);
        let mut floor = || {
            calls.set(calls.get() + 1);
            // The first three lone rounds, the first try's, meet a machine at other work.
            Ok(if calls.get() <= 3 { 20.0 } else { 6.0 })
        };
        let Turns { floors: [floor], .. } = alternate(2, [&mut own], [&mut floor]).expect("no side fails");
        assert!(floor.is_sound());
        assert_eq!((floor.median(), floor.alone.median()), (6.0, 6.0));
    }
}
