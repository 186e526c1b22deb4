//! Many processes with queues that never run dry, and what each gets of the engine.

use crate::rate::Rates;
use crate::ring::{self, Allocated, Queue};
use crate::stage::actor::{self, Actor};
use crate::stage::kfdd::Kfdd;
use anyhow::{Context, bail, ensure};
use client::Device;
use kfd_tests::measure::turns::TRIES;
use kfd_tests::measure::{Floor, Goal, Turns, absolute, alternate, progress, ratio, remark};
use kfdd::control::{Reply, Request};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::time::{Duration, Instant};

const PROCESSES: usize = 64;
const QUEUES: usize = 4;
/// Slots of each ring. All rings together hold more than the engine drains between two visits of their clients.
const PACKETS: usize = 16 * 1024;
/// Between two visits of a client to its rings.
const VISIT: Duration = Duration::from_millis(10);
/// Rounds, and how long is counted in each.
const ROUNDS: usize = 5;
const COUNTED: Duration = Duration::from_millis(700);
/// From the clients' start to the count.
const FILL: Duration = Duration::from_millis(400);
/// Between two looks whether a queue still runs, and how long it may.
const SETTLE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(20);
/// Rings of the one-queue figure of a round.
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

/// The clients of the flood, which run or stand still all together.
struct Flood<'d> {
    daemon: &'d Kfdd,
    actors: Vec<Actor>,
}

impl<'d> Flood<'d> {
    fn start(daemon: &'d Kfdd) -> anyhow::Result<Self> {
        let dev = daemon.dev_text();
        let actors: Vec<_> =
            (0..PROCESSES).map(|_| Actor::start(ROLE.0, &[&dev], None)).collect::<anyhow::Result<_>>()?;
        let actors = actors.into_iter().map(Actor::until_ready).collect::<anyhow::Result<_>>()?;
        let flood = Self { daemon, actors };
        flood.stand_still()?;
        Ok(flood)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        for actor in &self.actors {
            kill(Pid::from_raw(actor.id().try_into()?), signal)?;
        }
        Ok(())
    }

    /// Stops the clients and waits until their rings are drained.
    fn stand_still(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)?;
        let total = || counts(self.daemon).map(|(_, counts)| counts.values().sum::<u64>());
        let started = Instant::now();
        let mut seen = total()?;
        loop {
            std::thread::sleep(SETTLE);
            let now = total()?;
            if now == seen {
                return Ok(());
            }
            seen = now;
            ensure!(started.elapsed() < PATIENCE, "the rings of stopped clients do not run dry");
        }
    }

    /// Lets them run for a while: millions of packets a second, and what each process has had meanwhile.
    fn run(&self) -> anyhow::Result<(f64, HashMap<u32, u64>)> {
        self.signal(Signal::SIGCONT)?;
        // Until every client has filled its rings.
        std::thread::sleep(FILL);
        let (from, first) = counts(self.daemon)?;
        std::thread::sleep(COUNTED);
        let (to, last) = counts(self.daemon)?;
        self.stand_still()?;
        let ran = |id: u32| Some((id, last.get(&id)? - first.get(&id)?));
        let shares: HashMap<u32, u64> = self
            .actors
            .iter()
            .map(|actor| ran(actor.id()).context("a client is listed"))
            .collect::<anyhow::Result<_>>()?;
        let sum: u64 = shares.values().sum();
        Ok((sum as f64 / (to - from).as_secs_f64() / 1e6, shares))
    }
}

/// All at once, in turns with one queue while they stand still; that one alone before there is any of them.
pub fn many(daemon: &Kfdd, rates: &mut Rates<'_>) -> anyhow::Result<()> {
    progress("many queues");
    let alone = rates.one_queue(ONE_QUEUE);
    let flood = Flood::start(daemon)?;
    let mut shares: HashMap<u32, u64> = HashMap::new();
    let mut all = || {
        let (rate, round) = flood.run()?;
        for (id, ran) in round {
            *shares.entry(id).or_default() += ran;
        }
        Ok(rate)
    };
    let Turns { own: [own], floors: [one] } =
        alternate(ROUNDS, [&mut all], [&mut || Ok(rates.one_queue(ONE_QUEUE).median())])?;
    drop(flood);
    // Alone again, now that nobody is left, where the first lone run was disturbed.
    let mut floor = Floor::new(one.turns, alone);
    for _ in 1..TRIES {
        if floor.is_sound() {
            break;
        }
        progress("one queue was off from its lone run: measured alone again");
        floor = Floor::new(floor.turns, rates.one_queue(ONE_QUEUE));
    }
    let what = format!("{PROCESSES} processes x {QUEUES} queues");
    ratio(
        &format!("AQL barrier packets, {what}"),
        "M/s",
        own.median(),
        "one queue",
        &floor,
        Goal::AtLeast(0.8),
    );
    let (least, most) = (shares.values().min().copied(), shares.values().max().copied());
    let (least, most) = least.zip(most).context("there are clients")?;
    absolute(&format!("fairness, {what}"), "min/max", least as f64 / most.max(1) as f64, Goal::AtLeast(0.95));
    let backlog = (PROCESSES * QUEUES * PACKETS) as f64;
    if own.median() * 1e6 * VISIT.as_secs_f64() * 2.0 > backlog {
        remark("  the rings may have run dry between two visits of their clients");
    }
    Ok(())
}
