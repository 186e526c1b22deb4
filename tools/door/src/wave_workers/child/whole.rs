//! What the parts of a dispatch share: how it ends, what it took, and who tells.

use super::limits::Room;
use crate::wave_workers::wire::{Claim, End, Run, Spent, Why};
use kfd_core::clock::{Clock, Monotonic};
use kfd_core::sync::{AtomicU64, Mutex, OnceLock, Ordering};
use std::time::{Duration, Instant};
use waves::{Dispatch, DispatchError, Progress, Stop};

/// Between two reports of a dispatch that goes on.
const REPORT: Duration = Duration::from_millis(100);

/// Bytes of a wave with all the registers that there are, and what else it takes; and those up to which a data share is rounded.
const WAVE: u64 = (64 << 10) + (4 << 10);
const SHARE_UNIT: u64 = 512;

/// The number of S_TRAP by which a kernel aborts (LLVM, AMDGPUUsage, "Trap Handler ABI").
const ABORT: u8 = 2;

/// How a part of it ended, if not well.
#[derive(Debug, Clone)]
pub(super) enum Bad {
    Cancelled,
    /// A fault or an error.
    Stopped(Progress),
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Whole {
    /// The address of its kernel's descriptor.
    pub kernel: u64,
    /// Bytes that its waves may take; given back at its end.
    pub room: u64,
    /// Parts that are not over.
    left: AtomicU64,
    /// How the first part ended that did not end well.
    bad: OnceLock<Bad>,
    /// CLOCK_MONOTONIC at its first turn, nanoseconds.
    began: AtomicU64,
    instructions: AtomicU64,
    /// Waves that have begun and not ended, as its parts last told.
    waves: AtomicU64,
    /// When it was last reported how far it is.
    reported: Mutex<Instant>,
}

impl Whole {
    /// A dispatch of one part, with room of the worker's.
    pub(super) fn new(run: &Run, room: &Room) -> Self {
        Self {
            kernel: run.kernel_object,
            room: room.take(most(run)),
            left: AtomicU64::new(1),
            bad: OnceLock::new(),
            began: AtomicU64::new(0),
            instructions: AtomicU64::new(0),
            waves: AtomicU64::new(0),
            reported: Mutex::new(Instant::now()),
        }
    }

    /// Its first turn begins.
    pub(super) fn begins(&self) {
        self.began.store(Monotonic.now().0, Ordering::Relaxed);
    }

    /// There are so many parts more.
    pub(super) fn splits(&self, parts: u64) {
        self.left.fetch_add(parts, Ordering::Relaxed);
    }

    /// A part has run so many instructions more; all of them, if it is time to report them.
    pub(super) fn ran(&self, instructions: u64, now: Instant) -> Option<u64> {
        let all = self.instructions.fetch_add(instructions, Ordering::Relaxed) + instructions;
        let mut reported = self.reported.lock();
        (now >= *reported + REPORT).then(|| {
            *reported = now;
            all
        })
    }

    /// Of a part, so many waves have begun and not ended where so many had at its last word.
    pub(super) fn holds(&self, waves: u64, before: u64) {
        if waves != before {
            // Each wave is of one part: the sum is of different ones, whoever spoke last.
            self.waves.fetch_add(waves.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// Waves of all parts that have begun and not ended.
    pub(super) fn waves(&self) -> u64 {
        self.waves.load(Ordering::Relaxed)
    }

    /// A part, `dispatch`, is over. Of the last one, what all of them stored is in memory, and `say` is told the end.
    pub(super) fn over(
        &self,
        ticket: u64,
        dispatch: &Dispatch,
        bad: Option<Bad>,
        room: &Room,
        say: impl FnOnce(&Claim<'_>),
    ) {
        if let Some(bad) = bad {
            // The first counts.
            let _ = self.bad.set(bad);
        }
        // Release: what this part stored, came to and how it ended. Acquire: the same of all others.
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        room.give(self.room);
        let spent = Spent {
            began: self.began.load(Ordering::Relaxed),
            ended: Monotonic.now().0,
            instructions: self.instructions.load(Ordering::Relaxed),
            mnemonics: dispatch.mnemonics(),
        };
        match self.bad.get() {
            Some(Bad::Cancelled) => say(&Claim::Over(ticket, End::Cancelled, spent)),
            Some(Bad::Stopped(Progress::Fault { pc, fault })) => {
                let end = End::Fault { va: fault.va.0, write: fault.write, pc: pc.unwrap_or(0) };
                say(&Claim::Over(ticket, end, spent));
            }
            Some(Bad::Stopped(Progress::Error(error))) => {
                let (why, pc) = why(error);
                let end = End::Error { why, pc, text: &error.to_string() };
                say(&Claim::Over(ticket, end, spent));
            }
            Some(Bad::Stopped(Progress::Done | Progress::More | Progress::Pending(_))) | None => {
                say(&Claim::Over(ticket, End::Done, spent));
            }
        }
    }
}

/// The most bytes that all groups of a dispatch could take together.
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
        DispatchError::Registers { .. } => (Why::Registers, 0),
        DispatchError::Scratch(_) | DispatchError::Cooperative { .. } => (Why::Resources, 0),
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
                | Stop::Meets
                | Stop::Pending(_)
                | Stop::Fault(_) => Why::Illegal,
            };
            (why, *pc)
        }
    }
}
