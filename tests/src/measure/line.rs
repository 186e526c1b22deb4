//! A line of the speed table: one JSON object on standard output. Every other line there is a remark.

use super::floor::Floor;
use serde::Serialize;

/// What a line's ratio has to be.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// For times and costs.
    AtMost(f64),
    /// For rates and shares.
    AtLeast(f64),
}

impl Goal {
    fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("<= {bound}"),
            Self::AtLeast(bound) => format!(">= {bound}"),
        }
    }

    fn met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a str,
    value: f64,
    unit: &'a str,
    peer: &'a str,
    peer_value: f64,
    /// The floor's figure when nothing else is measured.
    alone: Option<f64>,
    ratio: f64,
    goal: Option<String>,
    met: Option<bool>,
    /// The floor is off from its own lone run: the ratio says nothing, and the goal is not met.
    unsound: bool,
}

impl<'a> Line<'a> {
    fn beside(
        name: &'a str,
        unit: &'a str,
        value: f64,
        peer: &'a str,
        floor: &Floor,
        goal: Option<Goal>,
    ) -> Self {
        let (peer_value, sound) = (floor.median(), floor.is_sound());
        let ratio = value / peer_value;
        Self {
            name,
            value,
            unit,
            peer,
            peer_value,
            alone: Some(floor.alone.median()),
            ratio,
            goal: goal.map(|goal| format!("{} x", goal.text())),
            met: goal.map(|goal| sound && goal.met_by(ratio)),
            unsound: !sound,
        }
    }

    fn absolute(name: &'a str, unit: &'a str, value: f64, goal: Goal) -> Self {
        let (Goal::AtMost(bound) | Goal::AtLeast(bound)) = goal;
        // A bound of zero has no ratio: the figure itself then shows the distance.
        let ratio = if bound == 0.0 { value } else { value / bound };
        Self {
            name,
            value,
            unit,
            peer: "the goal itself",
            peer_value: bound,
            alone: None,
            ratio,
            goal: Some(format!("{} {unit}", goal.text())),
            met: Some(goal.met_by(value)),
            unsound: false,
        }
    }

    fn beyond(name: &'a str, unit: &'a str, value: f64, peer: &'a str, floor: &Floor, bound: f64) -> Self {
        let line = Self::beside(name, unit, value, peer, floor, None);
        Self {
            goal: Some(format!("<= {bound} {unit} more")),
            met: Some(!line.unsound && value - line.peer_value <= bound),
            ..line
        }
    }

    fn put(&self) {
        assert!(
            self.value.is_finite() && self.ratio.is_finite() && self.alone.is_none_or(f64::is_finite),
            "{}: a figure that is no number was not measured",
            self.name
        );
        println!(
            "{}",
            serde_json::to_string(self).expect("a line holds only strings, finite numbers and flags")
        );
    }
}

/// A figure beside the floor or peer of the same run; the goal is one of their ratio, figure by peer.
///
/// # Panics
/// A figure is no number.
pub fn ratio(name: &str, unit: &str, value: f64, peer: &str, floor: &Floor, goal: Goal) {
    Line::beside(name, unit, value, peer, floor, Some(goal)).put();
}

/// A figure beside a peer of the same run, of whose ratio nothing is demanded: its goal and whether it is met are null.
///
/// # Panics
/// A figure is no number.
pub fn information(name: &str, unit: &str, value: f64, peer: &str, floor: &Floor) {
    Line::beside(name, unit, value, peer, floor, None).put();
}

/// A figure beside the floor of the same run, which it may exceed by so much, in their unit; the ratio is that of the two.
///
/// # Panics
/// A figure is no number.
pub fn beyond(name: &str, unit: &str, value: f64, peer: &str, floor: &Floor, bound: f64) {
    Line::beyond(name, unit, value, peer, floor, bound).put();
}

/// A figure with a bound in its own unit; the ratio is that of figure and bound.
///
/// # Panics
/// The figure is no number.
pub fn absolute(name: &str, unit: &str, value: f64, goal: Goal) {
    Line::absolute(name, unit, value, goal).put();
}

/// What a reader should know besides: a comparison that was left out, a circumstance.
pub fn remark(text: &str) {
    println!("{text}");
}

/// What is being done, for whoever waits: on standard error, no part of the result.
pub fn progress(what: &str) {
    eprintln!("  … {what}");
}

#[cfg(test)]
mod tests {
    use super::{Goal, Line};
    use crate::measure::Floor;

    fn floor(turns: f64, alone: f64) -> Floor {
        Floor::new([turns].into_iter().collect(), [alone].into_iter().collect())
    }

    fn line(value: f64, floor: &Floor, goal: Option<Goal>) -> Line<'static> {
        Line::beside("what", "us", value, "floor", floor, goal)
    }

    #[test]
    fn a_goal_is_met_by_a_ratio_at_its_bound_and_by_none_beyond() {
        let met = |value, goal| line(value, &floor(10.0, 10.0), Some(goal)).met;
        assert_eq!(met(11.0, Goal::AtMost(1.1)), Some(true));
        assert_eq!(met(11.1, Goal::AtMost(1.1)), Some(false));
        assert_eq!(met(8.0, Goal::AtLeast(0.8)), Some(true));
        assert_eq!(met(7.9, Goal::AtLeast(0.8)), Some(false));
        assert_eq!(line(1.0, &floor(10.0, 10.0), None).met, None);
    }

    // Keeps: bench-unsound
    #[test]
    fn a_line_over_an_unsound_floor_is_not_met_whatever_its_ratio() {
        let flattered = line(8.0, &floor(61.0, 6.1), Some(Goal::AtMost(1.1)));
        assert!(flattered.unsound && flattered.ratio < 1.1);
        assert_eq!(flattered.met, Some(false));
        let json = serde_json::to_value(&flattered).expect("plain fields");
        assert_eq!((json["unsound"].as_bool(), json["alone"].as_f64()), (Some(true), Some(6.1)));
        let information = line(8.0, &floor(61.0, 6.1), None);
        assert!(information.unsound && information.met.is_none());
    }

    #[test]
    fn a_figure_may_exceed_a_sound_floor_by_its_bound() {
        let met =
            |value, beside: f64| Line::beyond("what", "us", value, "floor", &floor(beside, 23.0), 20.0).met;
        assert_eq!(met(43.0, 23.0), Some(true));
        assert_eq!(met(43.1, 23.0), Some(false));
        assert_eq!(met(43.0, 61.0), Some(false), "the floor is unsound");
        let floor = floor(23.0, 23.0);
        let line = Line::beyond("what", "us", 46.0, "floor", &floor, 20.0);
        assert_eq!((line.ratio, line.goal.as_deref()), (2.0, Some("<= 20 us more")));
    }

    #[test]
    fn a_bound_in_its_own_unit_has_no_floor_to_be_off() {
        let line = Line::absolute("wake-ups", "wakes/s", 0.0, Goal::AtMost(0.0));
        assert_eq!((line.met, line.unsound, line.alone), (Some(true), false, None));
        assert_eq!(Line::absolute("wake-ups", "wakes/s", 0.5, Goal::AtMost(0.0)).met, Some(false));
    }
}
