//! The thread that runs callbacks: sleep, take, grace period, run; never inline, never concurrently within
//! a domain.
//!
//! It makes no wake-ups while nothing is pending. A callback that panics is logged and counts as run: the
//! ones behind it are not its hostages.
#![allow(unsafe_code)]

use super::{
    domain::Core,
    head::Head,
    lists::Chain,
    place::Place,
    queue::{LARGE, LINGER},
    stall::Reclaimer,
};
use crate::sync::{Instant, Mutant, mutant};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs until the domain stops and its queue is empty.
pub(super) fn run(core: &Core) {
    // The backlog that was reported last.
    let mut reported = 0;
    let mut place = Place::new(core.follows);
    let mut pace = Pace::new();
    while let Some(mut batch) = core.queue.wait() {
        pace.batch(core.queue.barriers(batch.covers));
        core.queue.bind(place.woken_by(core.queue.waker()));
        if !mutant(Mutant::LateFloodLook) {
            core.queue.watch_flood(core.name, &mut reported);
        }
        if !batch.chain.is_empty() && !mutant(Mutant::NoGrace) {
            core.queue.enter_stage(Reclaimer::InGracePeriod);
            core.synchronize();
            core.queue.enter_stage(Reclaimer::RunningCallbacks);
        }
        let mut count = 0;
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| run_all(core, &mut batch.chain, &mut count)))
        {
            if cfg!(loom) {
                std::panic::resume_unwind(panic);
            }
            tracing::error!(domain = core.name, "a callback panicked; it counts as run");
        }
        core.queue.enter_stage(Reclaimer::Idle);
        core.queue.finished(batch.covers);
        if mutant(Mutant::LateFloodLook) {
            core.queue.watch_flood(core.name, &mut reported);
        }
        if count >= LARGE || pace.is_hasty() {
            core.queue.linger(batch.covers);
        }
        pace.rest();
    }
    core.queue.ended();
}

/// How soon one batch follows the other. A caller and a reclaimer that share a CPU may fall into step: each call wakes
/// it, it runs that one callback and sleeps again. Two changes of threads for each are worth some patience.
struct Pace {
    /// When it last had nothing to do.
    rested: Instant,
    /// Batches in a row that came within the time it would linger.
    hasty: u32,
    barriers: u64,
}

impl Pace {
    /// So many are no accident.
    const HASTY: u32 = 4;

    fn new() -> Self {
        Self { rested: Instant::now(), hasty: 0, barriers: 0 }
    }

    /// A batch is there, after so many barriers. Who calls those is not to be kept.
    fn batch(&mut self, barriers: u64) {
        let hasty = barriers == self.barriers && self.rested.elapsed() < LINGER;
        self.hasty = if hasty { self.hasty.saturating_add(1) } else { 0 };
        self.barriers = barriers;
    }

    fn is_hasty(&self) -> bool {
        self.hasty >= Self::HASTY
    }

    fn rest(&mut self) {
        self.rested = Instant::now();
    }
}

fn run_all(core: &Core, chain: &mut Chain, count: &mut u64) {
    while let Some(head) = chain.pop() {
        *count += 1;
        // SAFETY: the chain yielded it, so this thread is its only owner.
        let callback = unsafe { Head::take_run(head) };
        let callback = callback.expect("a queued head has its callback set by `Domain::call`");
        core.queue.running(|| {
            // SAFETY: `Domain::call`'s contract: callable once with this head after a grace period, which
            // has passed.
            unsafe { callback(head) }
        });
    }
}
