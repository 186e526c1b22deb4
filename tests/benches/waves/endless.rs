//! Kernels that never end: how soon their client's death stops them, and what they cost an innocent neighbour.

use crate::stage::actor::{self, Actor};
use crate::stage::kfdd::Kfdd;
use anyhow::{Context, bail};
use client::kernel::{Code, Kernel};
use client::{Device, UserQueue};
use kfd_tests::measure::{Goal, Samples, Turns, absolute, alternate, progress, ratio, remark};
use std::time::{Duration, Instant};

/// Deaths in the middle of a kernel, and how long it runs before.
const DEATHS: usize = 200;
const RUNS: Duration = Duration::from_millis(3);
const DEATH_BOUND_MS: f64 = 5.0;
/// Groups of such a kernel: more than there are cores.
const GROUPS: u32 = 256;
/// Rounds of the neighbour's, packets of each, and how long it rests before each.
const ROUNDS: usize = 5;
const PACKETS: usize = 300;
const REST: Duration = Duration::from_millis(1);

/// A client in whose kernel all waves run for ever; its argument is the device folder.
pub const ENDLESS: actor::Role = ("endless", endless_client);
/// A process whose threads compute for ever, as many as there are CPUs.
pub const HOG: actor::Role = ("hog", hog);

fn endless_client(arguments: &[String]) -> anyhow::Result<()> {
    let [dev] = arguments else { bail!("the device folder") };
    let device = Device::open(dev)?;
    let queue = UserQueue::create(&device, 64)?;
    let kernel = Kernel::new(&device, Code::Stores)?;
    kernel.dispatch(&queue, GROUPS, None);
    let started = Instant::now();
    // The second lane stores what is never zero.
    while kernel.stored(2)[1] == 0 {
        anyhow::ensure!(started.elapsed() < Duration::from_secs(10), "the kernel does not run");
        std::thread::sleep(Duration::from_micros(200));
    }
    actor::ready()?;
    actor::sleep_for_ever()
}

fn hog(_: &[String]) -> anyhow::Result<()> {
    let threads = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut number = 0u64;
                loop {
                    number = std::hint::black_box(number.wrapping_mul(3).wrapping_add(1));
                }
            });
        }
        actor::ready()
    })
}

/// See the module's head.
pub fn endless() -> anyhow::Result<()> {
    let daemon = crate::daemon()?;
    deaths(&daemon)?;
    neighbour(&daemon)?;
    daemon.stop()
}

fn start(daemon: &Kfdd) -> anyhow::Result<Actor> {
    Actor::start(ENDLESS.0, &[&daemon.dev_text()], None)?.until_ready()
}

fn deaths(daemon: &Kfdd) -> anyhow::Result<()> {
    progress("deaths in the middle of a kernel");
    let [mut doomed, mut stopped, mut freed]: [Samples; 3] = Default::default();
    for _ in 0..DEATHS {
        let first = daemon.next_death()?;
        let mut actor = start(daemon)?;
        std::thread::sleep(RUNS);
        let killed = actor.kill()?;
        actor.reap()?;
        let rows = daemon.deaths(first, 1)?;
        let row = rows.iter().find(|row| row.tgid.0 == actor.id()).context("every client has an obituary")?;
        let millis = |at: u64| at.saturating_sub(killed) as f64 / 1e6;
        doomed.add(millis(row.doomed_at.0));
        stopped.add(millis(row.stopped_at.0));
        freed.add(millis(row.freed_at.0));
    }
    let name = "SIGKILL in an endless kernel to Doomed, queues stopped, p99";
    absolute(name, "ms", stopped.at(0.99), Goal::AtMost(DEATH_BOUND_MS));
    remark(&format!(
        "  {DEATHS} deaths, ms: Doomed p50 {:.2} p99 {:.2}; queues stopped p50 {:.2}; freed p50 {:.2} p99 {:.2}",
        doomed.median(),
        doomed.at(0.99),
        stopped.median(),
        freed.median(),
        freed.at(0.99)
    ));
    Ok(())
}

/// This process's packets, one by one on an idle queue.
fn neighbour(daemon: &Kfdd) -> anyhow::Result<()> {
    progress("the neighbour of an endless kernel");
    let device = Device::open(daemon.dev())?;
    let mut queue = UserQueue::create(&device, 64)?;
    let done = queue.signal(1, None).context("a new queue has room for signals")?;
    let p99 = |beside: Actor| {
        let mut single = Samples::default();
        for _ in 0..PACKETS {
            std::thread::sleep(REST);
            queue.reset(done, 1, None);
            let started = Instant::now();
            queue.submit_barrier(&[], Some(&done));
            while queue.value(done) != 0 {
                std::thread::yield_now();
                anyhow::ensure!(started.elapsed() < Duration::from_secs(10), "a packet does not complete");
            }
            single.add(started.elapsed().as_secs_f64() * 1e6);
        }
        drop(beside);
        Ok(single.at(0.99))
    };
    let mut kernel = || p99(start(daemon)?);
    let mut hog = || p99(Actor::start(HOG.0, &[], None)?.until_ready()?);
    let Turns { own: [own], floors: [hog] } = alternate(ROUNDS, [&mut kernel], [&mut hog])?;
    ratio(
        "a packet beside another client's endless kernel, p99",
        "us",
        own.median(),
        "beside a CPU hog of as many threads",
        &hog,
        Goal::AtMost(1.5),
    );
    queue.destroy(&device)?;
    Ok(())
}
