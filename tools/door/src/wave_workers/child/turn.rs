//! The turns of a dispatch in a worker, or of a part of one.
//!
//! A dispatch has one part at first. If that goes on after its first turn, which is short, each other thread gets one too.

use super::job::{Job, NAP, NAP_MOST};
use super::reach::Reach;
use super::turns::Turned;
use super::whole::Bad;
use super::worker::Worker;
use crate::wave_workers::wire::Claim;
use kfd_core::dispatch::Wish;
use std::time::{Duration, Instant};
use waves::{Blocks, Progress, kernel_name};

/// How long a turn lasts: no wish waits longer.
pub(in crate::wave_workers) const TURN: Duration = Duration::from_micros(300);
/// The first, in which nobody else listens.
const FIRST: Duration = Duration::from_micros(50);
/// Instructions between two looks at the clock.
const BUDGET: u64 = 500;

impl Job {
    /// A turn of it; with the end of its last part, that is told. `blocks` are this thread's, of each device.
    pub(super) fn turn(
        &mut self,
        ticket: u64,
        wish: Wish,
        first: bool,
        worker: &Worker,
        reach: &mut Reach<'_>,
        blocks: &mut [Blocks],
    ) -> Turned<Self> {
        let now = Instant::now();
        let until = now + if first { FIRST } else { TURN };
        reach.begin(ticket, self.device, now..until, self.seat.replace(reach.seat()));
        if wish == Wish::Cancel {
            return self.over(ticket, Some(Bad::Cancelled), worker, reach);
        }
        if first {
            self.begin(worker, reach);
        }
        let blocks = &mut blocks[self.device];
        let turned = self.polls(ticket, until, worker, reach, blocks);
        // The next turn may be another thread's, and the last one there is.
        blocks.rest();
        turned
    }

    fn polls(
        &mut self,
        ticket: u64,
        until: Instant,
        worker: &Worker,
        reach: &mut Reach<'_>,
        blocks: &mut Blocks,
    ) -> Turned<Self> {
        loop {
            let mut budget = BUDGET;
            let before = self.dispatch.instructions();
            let progress = self.dispatch.poll(blocks, reach, &mut budget);
            let ran = self.dispatch.instructions() - before;
            let now = Instant::now();
            let waves = self.dispatch.waves();
            self.whole.holds(waves, std::mem::replace(&mut self.waves, waves));
            if let Some(instructions) = self.whole.ran(ran, now) {
                reach.say(&Claim::Progress { ticket, instructions, waves: self.whole.waves() });
            }
            if progress == Progress::More && !self.dispatch.is_asleep() && now < until {
                self.nap = NAP;
                continue;
            }
            let settled = reach.settle();
            let progress = match (progress, settled) {
                // Which instruction it was is known when one is stopped by it.
                (progress @ (Progress::Fault { .. } | Progress::Error(_)), _) | (progress, Ok(())) => {
                    progress
                }
                (_, Err(fault)) => self.dispatch.fails(fault),
            };
            match progress {
                Progress::Done => return self.over(ticket, None, worker, reach),
                Progress::Fault { .. } | Progress::Error(_) => {
                    return self.over(ticket, Some(Bad::Stopped(progress)), worker, reach);
                }
                Progress::Pending(_) => return Turned::More,
                Progress::More if self.dispatch.is_asleep() => {
                    let nap = self.nap;
                    self.nap = NAP_MOST.min(2 * nap);
                    return Turned::Sleeps(now + nap);
                }
                Progress::More => {
                    self.nap = NAP;
                    // For whom was woken meanwhile: the kernel looks again only at its tick, ten turns from here.
                    std::thread::yield_now();
                    return self.goes_on(worker);
                }
            }
        }
    }

    /// Its first turn begins: the daemon hears its kernel's name, unless it knows that.
    fn begin(&self, worker: &Worker, reach: &mut Reach<'_>) {
        self.whole.begins();
        let kernel = self.whole.kernel;
        if worker.kernels.is_new(self.device, kernel, &worker.epochs) {
            let name = kernel_name(reach, kernel);
            reach.say(&Claim::Kernel(kernel, name.as_deref().unwrap_or_default()));
        }
    }

    fn goes_on(&mut self, worker: &Worker) -> Turned<Self> {
        let others = worker.limits.threads - 1;
        if std::mem::replace(&mut self.split, true) || others == 0 {
            return Turned::More;
        }
        self.whole.splits(others as u64);
        Turned::Split((0..others).map(|_| self.part()).collect())
    }

    fn over(&self, ticket: u64, bad: Option<Bad>, worker: &Worker, reach: &mut Reach<'_>) -> Turned<Self> {
        self.whole.over(ticket, &self.dispatch, bad, &worker.room, |claim| reach.say(claim));
        Turned::Over
    }
}
