//! The thread that runs callbacks: sleep, splice, grace period, run; never inline, never concurrently within
//! a domain.
//!
//! It makes no wake-ups while nothing is pending. A callback that panics is logged and counts as run: the
//! ones behind it are not its hostages.
#![allow(unsafe_code)]

use super::{domain::Core, head::Head};
use crate::sync::{Mutant, mutant};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs until the domain stops and its queue is empty.
pub(super) fn run(core: &Core) {
    while let Some(mut batch) = core.queue.wait() {
        if !batch.is_empty() && !mutant(Mutant::NoGrace) {
            core.synchronize();
        }
        while let Some(head) = batch.pop() {
            // SAFETY: the batch yielded it, so this thread is its only owner.
            let callback = unsafe { Head::take_run(head) };
            let callback = callback.expect("a queued head has its callback set by `Domain::call`");
            let run = || {
                // SAFETY: `Domain::call`'s contract: callable once with this head after a grace period, which
                // has passed.
                unsafe { callback(head) }
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| core.queue.running(run))) {
                if cfg!(loom) {
                    std::panic::resume_unwind(panic);
                }
                tracing::error!(domain = core.name, "a callback panicked; it counts as run");
            }
        }
        core.queue.finished(batch.covers);
    }
}
