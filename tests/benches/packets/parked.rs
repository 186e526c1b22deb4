//! Queues that wait for a signal which nobody touches, and how often the daemon wakes for them.

use crate::stage::actor::{self, Actor};
use crate::stage::kfdd::Kfdd;
use crate::stage::proc;
use anyhow::{Context, bail};
use client::{Device, UserQueue};
use kfd_tests::measure::{Floor, Goal, progress, ratio};
use std::time::Duration;

/// Queues that are parked, in processes of one user.
const QUEUES: usize = 1000;
/// Of one process: it may have 127 on a device.
const OF_ONE: usize = 100;
/// How long wake-ups are counted.
const COUNTED: Duration = Duration::from_secs(2);

/// A client whose queues all wait; its arguments are the device folder and how many.
pub const ROLE: actor::Role = ("parked", park);

fn park(arguments: &[String]) -> anyhow::Result<()> {
    let [dev, count] = arguments else { bail!("the device folder and a count") };
    let device = Device::open(dev)?;
    let mut queues = Vec::new();
    for _ in 0..count.parse::<usize>()? {
        let mut queue = UserQueue::create(&device, 64)?;
        let never = queue.signal(1, None).context("a new queue has room for signals")?;
        queue.submit_barrier(&[never.handle], None);
        queues.push(queue);
    }
    actor::ready()?;
    actor::sleep_for_ever()
}

fn wakes(daemon: &Kfdd) -> anyhow::Result<f64> {
    // The back-off has reached its end by then.
    std::thread::sleep(Duration::from_secs(1));
    let sleeps = || daemon.processes().into_iter().map(proc::sleeps).sum::<anyhow::Result<u64>>();
    let first = sleeps()?;
    std::thread::sleep(COUNTED);
    Ok((sleeps()? - first) as f64 / COUNTED.as_secs_f64())
}

/// One queue, all, and one again: the first is the floor alone.
pub fn parked(daemon: &Kfdd) -> anyhow::Result<()> {
    let dev = daemon.dev_text();
    let start = |count: usize| Actor::start(ROLE.0, &[&dev, &count.to_string()], None);
    let one = || {
        let one = start(1)?.until_ready()?;
        let count = wakes(daemon);
        drop(one);
        count
    };
    progress("parked queues");
    let alone = one()?;
    let all: Vec<_> = (0..QUEUES / OF_ONE).map(|_| start(OF_ONE)).collect::<anyhow::Result<_>>()?;
    let all: Vec<_> = all.into_iter().map(Actor::until_ready).collect::<anyhow::Result<_>>()?;
    let together = wakes(daemon)?;
    drop(all);
    let again = one()?;
    ratio(
        &format!("{QUEUES} queues of one user parked on unmet barriers"),
        "wakes/s",
        together,
        "one such queue",
        &Floor::new([again].into_iter().collect(), [alone].into_iter().collect()),
        Goal::AtMost(1.5),
    );
    Ok(())
}
