//! A line of the speed table: one JSON object on standard output. Every other line there is a remark.

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

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    value: f64,
    unit: &'a str,
    peer: &'a str,
    peer_value: f64,
    ratio: f64,
    goal: Option<String>,
    met: Option<bool>,
}

/// A figure beside the floor or peer of the same run; the goal is one of their ratio, figure by peer.
pub fn ratio(name: &str, unit: &str, value: f64, peer: &str, peer_value: f64, goal: Goal) {
    let ratio = value / peer_value;
    let (goal, met) = (Some(format!("{} x", goal.text())), Some(goal.met_by(ratio)));
    put(&Line { name, value, unit, peer, peer_value, ratio, goal, met });
}

/// A figure beside a peer of the same run, of whose ratio nothing is demanded: its goal and whether it is met are null.
pub fn information(name: &str, unit: &str, value: f64, peer: &str, peer_value: f64) {
    put(&Line { name, value, unit, peer, peer_value, ratio: value / peer_value, goal: None, met: None });
}

/// A figure with a bound in its own unit; the ratio is that of figure and bound.
pub fn absolute(name: &str, unit: &str, value: f64, goal: Goal) {
    let (Goal::AtMost(bound) | Goal::AtLeast(bound)) = goal;
    // A bound of zero has no ratio: the figure itself then shows the distance.
    let ratio = if bound == 0.0 { value } else { value / bound };
    let goal_text = format!("{} {unit}", goal.text());
    put(&Line {
        name,
        value,
        unit,
        peer: "the goal itself",
        peer_value: bound,
        ratio,
        goal: Some(goal_text),
        met: Some(goal.met_by(value)),
    });
}

/// What a reader should know besides: a comparison that was left out, a circumstance.
pub fn remark(text: &str) {
    println!("{text}");
}

fn put(line: &Line<'_>) {
    assert!(
        line.value.is_finite() && line.ratio.is_finite(),
        "{}: a figure that is no number was not measured",
        line.name
    );
    println!(
        "{}",
        serde_json::to_string(line).expect("a line holds only strings, finite numbers and a flag")
    );
}
