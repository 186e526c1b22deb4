//! Polling a ring that has run dry, inside the turn: the way back here through the dqm takes longer than a client that
//! answers a completion with its next packet.
//!
//! It ends when the poll window does, when another queue becomes ready, when the turn has decided something that somebody waits
//! for, and in any case after some looks; the queue's stop flag is looked at each time. The read section and the MQD are
//! held for that long.

use crate::clock::Clock;
use crate::ids::Nanos;
use crate::notice::Post;
use crate::queue::dqm::{Dqm, Turn};
use crate::sync::Arc;

/// Looks at a dry ring between two at the clock.
const LOOKS: u32 = 32;
/// Looks at a dry ring in one turn, whatever the clock says: some tens of microseconds.
const LOOKS_MAX: u32 = 1024;

/// The looks of one turn at its dry ring.
#[derive(Debug)]
pub(crate) struct Poll {
    /// Nothing else of the device wanted an engine when the turn began.
    alone: bool,
    /// Nobody waits for what a turn that has retired packets decides.
    unseen: bool,
    /// How often a queue had become ready when the turn began.
    stirs: u64,
    /// The end of the poll window.
    until: Nanos,
    /// Packets of this turn before the ring was found dry the last time; looks are counted from there.
    packets: u32,
    looks: u32,
}

/// What a look at a dry ring came to.
pub(crate) enum Polled {
    /// The turn goes on: look again.
    Again,
    /// The turn ends before the poll window does, since something else is to be done.
    Interrupted,
    /// The ring was dry for its whole poll window.
    Expired,
}

impl Poll {
    /// No look yet. `unseen`: nobody waits for what a turn that has retired packets decides.
    pub(crate) fn new(turn: &Turn, unseen: bool) -> Self {
        Self { alone: turn.alone, unseen, stirs: turn.stirs, until: turn.hot_until, packets: 0, looks: 0 }
    }

    /// The ring was found dry after `packets` packets of this turn.
    pub(crate) fn look(&mut self, clock: &Arc<dyn Clock>, dqm: &Dqm, packets: u32, post: &Post) -> Polled {
        if !self.alone || (packets > 0 && !self.unseen) || !post.is_empty() || dqm.stirs() != self.stirs {
            return Polled::Interrupted;
        }
        if packets != self.packets {
            (self.packets, self.looks) = (packets, 0);
            self.until = dqm.hot_until(clock.now());
        } else if self.looks.is_multiple_of(LOOKS) && clock.now() >= self.until {
            return Polled::Expired;
        }
        if self.looks == LOOKS_MAX {
            return Polled::Interrupted;
        }
        self.looks += 1;
        std::hint::spin_loop();
        Polled::Again
    }
}
