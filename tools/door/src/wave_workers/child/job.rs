//! A dispatch in a worker, or a part of one.
//!
//! Not for: its turns (`turn`), what its parts share (`whole`).

use super::limits::{Limits, Room};
use super::whole::Whole;
use crate::wave_workers::wire::{Malformed, Run};
use kfd_core::sync::Arc;
use std::time::Duration;
use waves::{Device, Dispatch, Request};

/// How long a dispatch sleeps whose waves all sleep: at first, and at most.
pub(super) const NAP: Duration = Duration::from_micros(50);
pub(super) const NAP_MOST: Duration = Duration::from_millis(1);

/// See the module's head.
#[derive(Debug)]
pub(super) struct Job {
    pub device: usize,
    pub dispatch: Dispatch,
    pub whole: Arc<Whole>,
    /// Waves of this part that have begun and not ended, as the whole was last told.
    pub waves: u64,
    /// The thread that had its last turn.
    pub seat: Option<usize>,
    /// Other threads have their parts.
    pub split: bool,
    pub nap: Duration,
}

impl Job {
    /// A dispatch as it was ordered.
    pub(super) fn new(run: Run, limits: &Limits, room: &Room) -> Result<Self, Malformed> {
        let device = usize::try_from(run.device).map_err(|_| Malformed)?;
        let limits = limits.devices.get(device).ok_or(Malformed)?;
        let whole = Whole::new(&run, room);
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
            cooperative: run.cooperative != 0,
        };
        let holds = Device { compute_units: limits.compute_units, memory: whole.room };
        let dispatch = Dispatch::new(request, holds);
        Ok(Self { device, dispatch, whole: Arc::new(whole), waves: 0, seat: None, split: false, nap: NAP })
    }

    /// Another part of it, for another thread.
    pub(super) fn part(&self) -> Self {
        Self {
            device: self.device,
            dispatch: self.dispatch.part(),
            whole: Arc::clone(&self.whole),
            waves: 0,
            seat: None,
            split: true,
            nap: NAP,
        }
    }
}
