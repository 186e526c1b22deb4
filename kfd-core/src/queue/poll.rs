//! Looking on at a ring that has run dry, inside the turn: the way back here through the dqm takes longer than a client
//! that answers a completion with its next packet.
//!
//! It ends when its window does, when another queue becomes ready, when the turn has decided something that somebody waits
//! for, and in any case after some looks; the queue's stop flag is looked at each time. The read section and the processor
//! are held for that long.

use crate::clock::Clock;
use crate::ids::Nanos;
use crate::notice::Post;
use crate::queue::dqm::{Dqm, Turn};
use crate::sync::Arc;

/// Looks at an empty ring between two at the clock.
const LOOKS: u32 = 32;
/// Looks at an empty ring in one turn, whatever the clock says: some tens of microseconds.
const LOOKS_MAX: u32 = 1024;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Linger {
    alone: bool,
    unseen: bool,
    stirs: u64,
    until: Nanos,
    packets: u32,
    looks: u32,
}

/// What a look at an empty ring came to.
pub(crate) enum Lingering {
    /// Look again.
    On,
    /// Something else is to be done; the queue is still hot.
    Left,
    /// It was empty for its whole window.
    Over,
}

impl Linger {
    /// `unseen`: nobody waits for what a turn that has retired packets decides.
    pub(crate) fn new(turn: &Turn, unseen: bool) -> Self {
        Self { alone: turn.alone, unseen, stirs: turn.stirs, until: turn.hot_until, packets: 0, looks: 0 }
    }

    /// The ring was found empty after `packets` packets of this turn.
    pub(crate) fn look(&mut self, clock: &Arc<dyn Clock>, dqm: &Dqm, packets: u32, post: &Post) -> Lingering {
        if !self.alone || (packets > 0 && !self.unseen) || !post.is_empty() || dqm.stirs() != self.stirs {
            return Lingering::Left;
        }
        if packets != self.packets {
            (self.packets, self.looks) = (packets, 0);
            self.until = dqm.hot(clock.now());
        } else if self.looks.is_multiple_of(LOOKS) && clock.now() >= self.until {
            return Lingering::Over;
        }
        if self.looks == LOOKS_MAX {
            return Lingering::Left;
        }
        self.looks += 1;
        std::hint::spin_loop();
        Lingering::On
    }
}
