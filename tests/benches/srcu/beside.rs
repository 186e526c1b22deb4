//! A measurement while another thread does something else over and over, each on a CPU of its own.
//!
//! On one CPU the two would take turns instead of meeting: a membarrier finds nobody to interrupt then.

use crate::sync::{AtomicBool, AtomicU64, Ordering};
use anyhow::{Context, ensure};
use kfd_tests::measure::cpus::{Cpus, Place};

/// Rounds that may be lost because the machine gave the other CPU to somebody else.
pub const TRIES: u32 = 50;

/// What was measured, and how often the other thread has done its thing meanwhile.
pub struct Beside<R> {
    /// The measurement's result.
    pub result: R,
    /// Of the other thread.
    pub turns: u64,
}

/// Runs `measured` on the first CPU while a thread on the second repeats `other`. Measures again when that thread has not
/// had as many turns as `least`: it did not run then.
///
/// # Errors
/// There is one CPU only, or the other one is never free. This thread stays on the first.
pub fn beside<R>(
    cpus: &Cpus,
    least: u64,
    other: impl Fn() + Sync,
    mut measured: impl FnMut() -> anyhow::Result<R>,
) -> anyhow::Result<Beside<R>> {
    ensure!(cpus.are_two(), "it needs two CPUs");
    cpus.stay(Place::First)?;
    let found = (0..TRIES).find_map(|_| match once(cpus, &other, &mut measured) {
        Ok(Beside { turns, .. }) if turns < least => None,
        found => Some(found),
    });
    found.with_context(|| format!("in {TRIES} rounds the other thread has not had {least} turns in one"))?
}

fn once<R>(
    cpus: &Cpus,
    other: &(impl Fn() + Sync),
    measured: &mut impl FnMut() -> anyhow::Result<R>,
) -> anyhow::Result<Beside<R>> {
    let (stop, turns) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let repeating = scope.spawn(|| -> anyhow::Result<()> {
            cpus.stay(Place::Second)?;
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                other();
                count += 1;
                turns.store(count, Ordering::Relaxed);
            }
            Ok(())
        });
        while turns.load(Ordering::Relaxed) == 0 && !repeating.is_finished() {
            std::hint::spin_loop();
        }
        let before = turns.load(Ordering::Relaxed);
        let result = measured();
        let turns = turns.load(Ordering::Relaxed) - before;
        stop.store(true, Ordering::Relaxed);
        let ended = repeating.join();
        ensure!(matches!(ended, Ok(Ok(()))), "the other thread: {ended:?}");
        Ok(Beside { result: result?, turns })
    })
}
