//! Many processes with queues that never run dry, and what each gets of the engine.

use crate::measure::{Goal, absolute, ratio, remark};
use crate::rate::Rates;
use crate::ring::{self, Allocated, Queue};
use crate::stage::actor::{self, Actor};
use crate::stage::kfdd::Kfdd;
use anyhow::{Context, bail};
use client::Device;
use kfdd::control::{Reply, Request};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const PROCESSES: usize = 64;
const QUEUES: usize = 4;
/// Slots of each ring. All rings together hold more than the engine drains between two visits of their clients.
const PACKETS: usize = 16 * 1024;
/// Between two visits of a client to its rings.
const VISIT: Duration = Duration::from_millis(10);
/// How long is counted.
const COUNTED: Duration = Duration::from_millis(1500);
/// Rings of the one-queue figure before and after.
const ONE_QUEUE: usize = 15;

/// A client that keeps its queues full; its argument is the device folder.
pub const ROLE: actor::Role = ("flood", flood);

fn flood(arguments: &[String]) -> anyhow::Result<()> {
    let [dev] = arguments else { bail!("the device folder") };
    let device = Device::open(dev)?;
    let mut queues: Vec<Queue<Allocated>> =
        (0..QUEUES).map(|_| ring::shared_queue(&device, PACKETS)).collect::<anyhow::Result<_>>()?;
    actor::ready()?;
    loop {
        for queue in &mut queues {
            if queue.ring.top_up() > 0 {
                queue.ring_doorbell();
            }
        }
        std::thread::sleep(VISIT);
    }
}

/// Packets run so far, by process.
fn counts(daemon: &Kfdd) -> anyhow::Result<(Instant, HashMap<u32, u64>)> {
    let Reply::Queues { queues } = daemon.control().ask(&Request::Queues)? else {
        bail!("the daemon answered something else than its queues");
    };
    let at = Instant::now();
    let mut by_process = HashMap::new();
    for row in queues {
        *by_process.entry(row.tgid.0).or_default() += row.packets;
    }
    Ok((at, by_process))
}

/// All at once, beside the one-queue figure taken before and after.
pub fn many(daemon: &Kfdd, rates: &mut Rates<'_>) -> anyhow::Result<()> {
    let before = rates.one_queue(ONE_QUEUE);
    let (rate, share) = flooded(daemon)?;
    let after = rates.one_queue(ONE_QUEUE);
    let what = format!("{PROCESSES} processes x {QUEUES} queues");
    ratio(
        &format!("AQL barrier packets, {what}"),
        "M/s",
        rate,
        "one queue",
        f64::midpoint(before, after),
        Goal::AtLeast(0.8),
    );
    absolute(&format!("fairness, {what}"), "min/max", share, Goal::AtLeast(0.9));
    Ok(())
}

fn flooded(daemon: &Kfdd) -> anyhow::Result<(f64, f64)> {
    let dev = daemon.dev_text();
    let actors: Vec<_> =
        (0..PROCESSES).map(|_| Actor::start(ROLE.0, &[&dev], None)).collect::<anyhow::Result<_>>()?;
    let actors: Vec<_> = actors.into_iter().map(Actor::until_ready).collect::<anyhow::Result<_>>()?;
    // Until every client has filled its rings.
    std::thread::sleep(Duration::from_millis(500));
    let (from, first) = counts(daemon)?;
    std::thread::sleep(COUNTED);
    let (to, last) = counts(daemon)?;
    let ran = |id: u32| Some(last.get(&id)? - first.get(&id)?);
    let shares: Vec<u64> = actors
        .iter()
        .map(|actor| ran(actor.id()).context("a client is listed"))
        .collect::<anyhow::Result<_>>()?;
    let sum: u64 = shares.iter().sum();
    let (least, most) = (shares.iter().min().copied(), shares.iter().max().copied());
    let (least, most) = least.zip(most).context("there are clients")?;
    let rate = sum as f64 / (to - from).as_secs_f64() / 1e6;
    let backlog = (PROCESSES * QUEUES * PACKETS) as f64;
    if rate * 1e6 * VISIT.as_secs_f64() * 2.0 > backlog {
        remark("  the rings may have run dry between two visits of their clients");
    }
    Ok((rate, least as f64 / most.max(1) as f64))
}
