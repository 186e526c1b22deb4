//! A dispatch in a worker: its turns, and how its end is told.

use super::Malformed;
use super::reach::Reach;
use super::turns::Turned;
use super::worker::Worker;
use crate::wave_workers::wire::{Claim, End, Run, Spent, Why};
use kfd_core::clock::{Clock, Monotonic};
use kfd_core::dispatch::Wish;
use std::time::{Duration, Instant};
use waves::{Code, Device, Dispatch, DispatchError, Progress, Request, Stop, kernel_name};

/// How long a turn lasts: no wish waits longer.
const TURN: Duration = Duration::from_micros(300);
/// The first, in which nobody else listens.
const FIRST: Duration = Duration::from_micros(50);
/// Instructions between two looks at the clock.
const BUDGET: u64 = 500;

/// How long a dispatch sleeps whose waves all sleep: at first, and at most.
const NAP: Duration = Duration::from_micros(50);
const NAP_MOST: Duration = Duration::from_millis(1);

/// Bytes of a wave with all the registers that there are, and what else it takes; and those up to which a data share is rounded.
const WAVE: u64 = (64 << 10) + (4 << 10);
const SHARE_UNIT: u64 = 512;

/// Between two reports of a dispatch that goes on.
const REPORT: Duration = Duration::from_millis(100);

/// The number of S_TRAP by which a kernel aborts (LLVM, AMDGPUUsage, "Trap Handler ABI").
const ABORT: u8 = 2;

/// See the module's head.
pub(super) struct Job {
    device: usize,
    /// The address of its kernel's descriptor.
    kernel: u64,
    /// When it was last reported how far it is.
    reported: Instant,
    dispatch: Dispatch,
    /// What this dispatch has reached: code may change between two dispatches.
    code: Code,
    /// Bytes that its waves may take.
    room: u64,
    spent: Spent,
    nap: Duration,
}

impl Job {
    /// A dispatch as it was ordered.
    pub(super) fn new(run: Run, worker: &Worker) -> Result<Self, Malformed> {
        let device = usize::try_from(run.device).map_err(|_| Malformed)?;
        let limits = worker.limits.devices.get(device).ok_or(Malformed)?;
        let room = {
            let mut left = worker.room.lock();
            let room = most(&run).min(*left / 4);
            *left -= room;
            room
        };
        let request = Request {
            kernel_object: run.kernel_object,
            kernarg: run.kernarg,
            group: run.group,
            grid: run.grid,
            group_segment: run.group_segment,
            private_segment: run.private_segment,
            packet: run.packet,
            queue: run.queue,
            id: run.id,
        };
        let holds = Device { compute_units: limits.compute_units, memory: room };
        Ok(Self {
            device,
            kernel: run.kernel_object,
            reported: Instant::now(),
            dispatch: Dispatch::new(request, holds),
            code: Code::default(),
            room,
            spent: Spent::default(),
            nap: NAP,
        })
    }

    /// A turn of it; its end is told.
    pub(super) fn turn(
        &mut self,
        ticket: u64,
        wish: Wish,
        first: bool,
        worker: &Worker,
        reach: &mut Reach<'_>,
    ) -> Turned {
        let begun = Instant::now();
        if first {
            self.spent.began = Monotonic.now().0;
        }
        let until = begun + if first { FIRST } else { TURN };
        reach.begin(ticket, self.device, until);
        if wish == Wish::Cancel {
            return self.over(ticket, End::Cancelled, worker, reach);
        }
        if first && worker.kernels.is_new(self.device, self.kernel, &worker.epochs) {
            let name = kernel_name(reach, self.kernel);
            reach.say(&Claim::Kernel(self.kernel, name.as_deref().unwrap_or_default()));
        }
        loop {
            let mut budget = BUDGET;
            let progress = self.dispatch.poll(&mut self.code, reach, &mut budget);
            self.spent.instructions += BUDGET - budget;
            match progress {
                Progress::Done => return self.over(ticket, End::Done, worker, reach),
                Progress::Fault { pc, fault } => {
                    let end = End::Fault { va: fault.va.0, write: fault.write, pc: pc.unwrap_or(0) };
                    return self.over(ticket, end, worker, reach);
                }
                Progress::Error(error) => {
                    let (why, pc) = why(&error);
                    let end = End::Error { why, pc, text: &error.to_string() };
                    return self.over(ticket, end, worker, reach);
                }
                Progress::Pending(_) => {
                    reach.ring();
                    return Turned::More;
                }
                Progress::More if self.dispatch.is_asleep() => {
                    reach.ring();
                    let nap = self.nap;
                    self.nap = NAP_MOST.min(2 * nap);
                    return Turned::Sleeps(Instant::now() + nap);
                }
                Progress::More => {
                    self.nap = NAP;
                    let now = Instant::now();
                    if now >= self.reported + REPORT {
                        self.reported = now;
                        reach.say(&Claim::Progress(ticket, self.spent.instructions));
                    }
                    if now >= until {
                        reach.ring();
                        return Turned::More;
                    }
                }
            }
        }
    }

    fn over(&mut self, ticket: u64, end: End<'_>, worker: &Worker, reach: &mut Reach<'_>) -> Turned {
        *worker.room.lock() += std::mem::take(&mut self.room);
        self.spent.ended = Monotonic.now().0;
        reach.say(&Claim::Over(ticket, end, self.spent));
        Turned::Over
    }
}

/// The most bytes that all groups of a dispatch could take together. What it gets is no more than a quarter of what the
/// others have left: that is a whole gfx900's registers and data shares, and leaves as much for the next ones.
fn most(run: &Run) -> u64 {
    let product =
        |sizes: [u32; 3]| sizes.into_iter().fold(1_u64, |all, size| all.saturating_mul(size.into()));
    let groups = product(std::array::from_fn(|at| run.grid[at].div_ceil(run.group[at].max(1))));
    let wave = WAVE + 64 * u64::from(run.private_segment);
    let group = product(run.group).div_ceil(64).saturating_mul(wave);
    groups.saturating_mul(group.saturating_add(run.group_segment.into()).saturating_add(SHARE_UNIT))
}

/// Why a dispatch ended, and where.
fn why(error: &DispatchError) -> (Why, u64) {
    match error {
        DispatchError::Descriptor(_) => (Why::Descriptor, 0),
        DispatchError::WorkGroup(_) | DispatchError::Grid(_) => (Why::Dimensions, 0),
        DispatchError::Share(_) => (Why::GroupSegment, 0),
        DispatchError::Scratch(_) => (Why::Resources, 0),
        DispatchError::Stopped { pc, why } => {
            let why = match why {
                Stop::Unsupported(_) => Why::Unsupported,
                Stop::Trap(ABORT) => Why::Abort,
                Stop::Trap(_) => Why::Trap,
                // The rest are not told as errors.
                Stop::Illegal(_)
                | Stop::End
                | Stop::Barrier
                | Stop::Sleep
                | Stop::Pending(_)
                | Stop::Fault(_) => Why::Illegal,
            };
            (why, *pc)
        }
    }
}
