//! A work-group: its waves, the data share between them, and the barrier at which they meet.
//!
//! ```text
//! Runs ──S_BARRIER──► Waits ──all of them──► Runs
//!  └────S_ENDPGM────► Ended   (counts as arrived)
//! ```

use crate::block::Blocks;
use crate::block::run::Meter;
use crate::host::Host;
use crate::launch::Launch;
use crate::share::Share;
use crate::spare::Spare;
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
    waves: Vec<Wave>,
    /// Of the waves.
    states: Vec<State>,
    /// Waves that have not ended.
    live: u64,
    share: Share,
}

impl Group {
    /// Group `id` of a launch, before its first instruction.
    pub(crate) fn new(launch: &Launch, id: [u32; 3], spare: &mut Spare) -> Self {
        let waves = launch.waves(id, spare);
        let states = vec![State::Runs; waves.len()];
        Self {
            live: waves.len() as u64,
            waves,
            states,
            share: Share::new(launch.request.group_segment as usize),
        }
    }

    /// Makes group `id` of one of the same launch that is over.
    pub(crate) fn restart(&mut self, launch: &Launch, id: [u32; 3], spare: &mut Spare) {
        launch.begin(&mut self.waves, id, spare);
        self.states.clear();
        self.states.resize(self.waves.len(), State::Runs);
        self.live = self.waves.len() as u64;
        self.share.clear();
    }

    /// Waves that have not ended.
    pub(crate) fn live(&self) -> u64 {
        self.live
    }

    /// Its waves, when it is over.
    pub(crate) fn into_waves(self) -> Vec<Wave> {
        self.waves
    }

    /// The waves after `at` come first.
    fn rotate(&mut self, at: usize) {
        self.waves.rotate_left(at + 1);
        self.states.rotate_left(at + 1);
    }

    /// Runs as many instructions as the meter has left.
    pub(crate) fn run(&mut self, blocks: &mut Blocks, host: &mut impl Host, meter: &mut Meter) -> Turn {
        loop {
            let Some(at) = self.states.iter().position(|state| *state == State::Runs) else {
                if self.states.iter().all(|state| *state == State::Ended) {
                    return Turn::Done;
                }
                // Everybody is at the barrier.
                for state in &mut self.states {
                    *state = if *state == State::Waits { State::Runs } else { *state };
                }
                continue;
            };
            let (wave, state) = (&mut self.waves[at], &mut self.states[at]);
            let Some(stop) = wave.run(blocks, &mut self.share, host, meter) else {
                // It may spin for another wave of its group.
                self.rotate(at);
                return Turn::More;
            };
            match stop {
                Stop::End => {
                    *state = State::Ended;
                    self.live -= 1;
                }
                Stop::Barrier => *state = State::Waits,
                // Whoever waits for another wave lets that one go first.
                Stop::Sleep | Stop::Meets => {
                    self.rotate(at);
                    return Turn::Yields;
                }
                Stop::Pending(ticket) => return Turn::Pending(ticket),
                why => return Turn::Stopped { pc: wave.pc, why },
            }
        }
    }
}
