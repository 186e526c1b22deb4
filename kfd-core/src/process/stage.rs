//! Where a process object stands between its making and its free: one atomic, one table of allowed moves.
//!
//! ```text
//! Attaching → Live → Doomed → QueuesStopped → WaitersAnswered → Unpublished → (grace period) → Freed
//! ```
//! The move `Live → Doomed` is a race that exactly one caller wins; the winner gets the only
//! `Doom` (`core::death`), so every later move has one possible author. Needs no lock.

use crate::sync::{AtomicU8, Ordering};
use serde::{Deserialize, Serialize};

/// A stage of a process object's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Stage {
    /// The object is being made; nobody can find it yet.
    Attaching = 0,
    /// The object is in use.
    Live = 1,
    /// A sure sign of death was seen, or the death could not be watched.
    Doomed = 2,
    /// The queues are off the devices, and no address is translated any more.
    QueuesStopped = 3,
    /// Every parked call has been answered.
    WaitersAnswered = 4,
    /// No index finds the object; readers inside the grace period may still use it.
    Unpublished = 5,
    /// The reclaimer has freed the object.
    Freed = 6,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 7] = [
        Self::Attaching,
        Self::Live,
        Self::Doomed,
        Self::QueuesStopped,
        Self::WaitersAnswered,
        Self::Unpublished,
        Self::Freed,
    ];

    /// The only stage that may follow this one.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::Attaching => Some(Self::Live),
            Self::Live => Some(Self::Doomed),
            Self::Doomed => Some(Self::QueuesStopped),
            Self::QueuesStopped => Some(Self::WaitersAnswered),
            Self::WaitersAnswered => Some(Self::Unpublished),
            Self::Unpublished => Some(Self::Freed),
            Self::Freed => None,
        }
    }
}

/// The stage of a process object, changed by several threads.
#[derive(Debug)]
pub struct AtomicStage(AtomicU8);

impl Default for AtomicStage {
    fn default() -> Self {
        Self(AtomicU8::new(Stage::Attaching as u8))
    }
}

impl AtomicStage {
    /// The current stage; what was written before the move to it is visible.
    pub fn load(&self) -> Stage {
        Stage::ALL[usize::from(self.0.load(Ordering::Acquire)).min(Stage::ALL.len() - 1)]
    }

    /// Moves from `from` to the next stage. False when the stage was not `from`: somebody else was first.
    pub fn advance(&self, from: Stage) -> bool {
        let Some(to) = from.next() else { return false };
        self.0.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{AtomicStage, Stage};

    #[test]
    fn stages_are_entered_in_order_and_once() {
        let stage = AtomicStage::default();
        for pair in Stage::ALL.windows(2) {
            assert_eq!(stage.load(), pair[0]);
            for wrong in Stage::ALL.into_iter().filter(|s| *s != pair[0]) {
                assert!(!stage.advance(wrong), "{wrong:?} is not {:?}", pair[0]);
            }
            assert!(stage.advance(pair[0]));
            assert!(!stage.advance(pair[0]), "a move happens once");
        }
        assert_eq!(stage.load(), Stage::Freed);
        assert!(!stage.advance(Stage::Freed));
    }
}
