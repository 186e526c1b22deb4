//! The thread that runs callbacks: sleep, take, grace period, run; never inline, never concurrently within
//! a domain.
//!
//! It makes no wake-ups while nothing is pending. A callback that panics is logged and counts as run: the
//! ones behind it are not its hostages.
#![allow(unsafe_code)]

use super::{
    affinity::Affinity,
    batch::Chain,
    core::Core,
    head::Head,
    queue::{LARGE, LINGER, LINGER_IN_FLOOD},
    stall::Reclaimer,
};
use crate::sync::{Instant, Mutant, mutant};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// A callback that takes less gains more from what it finds in its caller's CPU than from another CPU's time.
const LIGHT: Duration = Duration::from_nanos(500);

/// Callbacks between two looks where their callers are.
const SOME: usize = 1024;

/// Runs until the domain stops and its queue is empty.
pub(super) fn run(core: &Core) {
    // The backlog that was reported last.
    let mut reported = 0;
    let mut affinity = Affinity::new(core.follows);
    let mut pace = Pace::new();
    // Was the last batch a large one?
    let mut busy = false;
    while let Some(mut batch) = core.queue.wait(busy) {
        pace.batch(core.queue.barriers(batch.covers));
        // Whom it follows instead of its wakers.
        let followed = batch.lane.filter(|_| pace.light);
        if followed.is_none() {
            core.queue.bind(affinity.woken_by(core.queue.waker()));
        }
        if !mutant(Mutant::LateFloodLook) {
            core.queue.watch_flood(core.name, &mut reported);
        }
        if !batch.chain.is_empty() && !mutant(Mutant::NoGrace) {
            core.queue.enter_stage(Reclaimer::InGracePeriod);
            core.synchronize_for_all();
            core.queue.enter_stage(Reclaimer::RunningCallbacks);
        }
        let (mut count, began) = (0, Instant::now());
        while !batch.chain.is_empty() {
            if let Some(lane) = followed {
                core.queue.bind(affinity.follow(core.queue.caller(lane)));
            }
            let run = AssertUnwindSafe(|| run_some(core, &mut batch.chain, &mut count));
            if let Err(panic) = catch_unwind(run) {
                if cfg!(loom) {
                    std::panic::resume_unwind(panic);
                }
                tracing::error!(domain = core.name, "a callback panicked; it counts as run");
            }
        }
        core.queue.enter_stage(Reclaimer::Idle);
        core.queue.finished(batch.covers);
        if mutant(Mutant::LateFloodLook) {
            core.queue.watch_flood(core.name, &mut reported);
        }
        busy = count >= LARGE;
        pace.light = busy && began.elapsed() < LIGHT * count as u32;
        if busy {
            core.queue.linger(batch.covers, LINGER_IN_FLOOD);
        } else if pace.is_hasty() {
            core.queue.linger(batch.covers, LINGER);
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
    /// Did the last batch have many callbacks that took little time?
    light: bool,
}

impl Pace {
    /// So many are no accident.
    const HASTY: u32 = 4;

    fn new() -> Self {
        Self { rested: Instant::now(), hasty: 0, barriers: 0, light: false }
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

fn run_some(core: &Core, chain: &mut Chain, count: &mut u64) {
    for _ in 0..SOME {
        let Some(head) = chain.pop() else { return };
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
