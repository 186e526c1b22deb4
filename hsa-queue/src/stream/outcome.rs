//! How far a packet's memory work has come, said by each of its kinds.

/// What came of a step whose accesses were all answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The work is over.
    Done,
    /// The turn's quota is used up; the work goes on in another turn.
    More,
    /// The value that is waited for is not there; it is looked at again.
    Unmet,
}
