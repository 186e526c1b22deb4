//! A work-group: its waves, the data share between them, and the barrier at which they meet.
//!
//! ```text
//! Runs ──S_BARRIER──► Waits ──all of them──► Runs
//!  └────S_ENDPGM────► Ended   (counts as arrived)
//! ```

use crate::code::Code;
use crate::host::Host;
use crate::launch::Launch;
use crate::share::Share;
use crate::stop::Stop;
use crate::wave::Wave;
use hsa_queue::memory::Ticket;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    Waits,
    Ended,
}

/// How a group's turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub(crate) enum Turn {
    /// All its waves have ended.
    Done,
    /// The budget is used up.
    More,
    /// A wave sleeps: others may go first.
    Yields,
    /// A wave waits for memory; it is asked again when the ticket is answered.
    Pending(Ticket),
    /// A wave cannot go on, so the group does not.
    Stopped { pc: u64, why: Stop },
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Group {
    waves: Vec<(Wave, State)>,
    share: Share,
}

impl Group {
    /// Group `id` of a launch, before its first instruction.
    pub(crate) fn new(launch: &Launch, id: [u32; 3]) -> Self {
        let waves = launch.waves(id).into_iter().map(|wave| (wave, State::Runs)).collect();
        Self { waves, share: Share::new(launch.request.group_segment as usize) }
    }

    /// Runs at most `budget` instructions, and takes what it used from it.
    pub(crate) fn run(&mut self, code: &mut Code, host: &mut impl Host, budget: &mut u64) -> Turn {
        loop {
            let Some(at) = self.waves.iter().position(|(_, state)| *state == State::Runs) else {
                if self.waves.iter().all(|(_, state)| *state == State::Ended) {
                    return Turn::Done;
                }
                // Everybody is at the barrier.
                for (_, state) in &mut self.waves {
                    *state = if *state == State::Waits { State::Runs } else { *state };
                }
                continue;
            };
            let (wave, state) = &mut self.waves[at];
            let stop = loop {
                if *budget == 0 {
                    // It may spin for another wave of its group.
                    self.waves.rotate_left(at + 1);
                    return Turn::More;
                }
                *budget -= 1;
                if let Err(stop) = wave.step(code, &mut self.share, host) {
                    break stop;
                }
            };
            match stop {
                Stop::End => *state = State::Ended,
                Stop::Barrier => *state = State::Waits,
                // Whoever spins for another wave of its group lets that one go first.
                Stop::Sleep => {
                    self.waves.rotate_left(at + 1);
                    return Turn::Yields;
                }
                Stop::Pending(ticket) => return Turn::Pending(ticket),
                why => return Turn::Stopped { pc: wave.pc, why },
            }
        }
    }
}
