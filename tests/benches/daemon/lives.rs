//! Whole lives beside the same lives through a bare FUSE door: the same opens, as many ioctls of the same sizes, the same
//! mappings with a store to each doorbell page, and an echo behind them. What the bare life does is what a life with a device
//! was seen to do ([`script`]), so it stays the same whatever a client's queue comes to need.

use crate::stage::actor;
use crate::stage::bare::BareFuse;
use crate::stage::kfdd::Kfdd;
use crate::stage::lanes::{self, Held, LANES, LIVES};
use crate::stage::script::{self, Script};
use anyhow::{Context, bail, ensure};
use client::{Device, UserQueue};
use kfd_tests::measure::{Goal, Turns, alternate, progress, ratio, remark};
use std::time::Instant;

const ROUNDS: usize = 7;
/// Packets on each of a life's two queues.
const PACKETS: usize = 8;

/// Lives with a device; arguments: device folder, lane.
pub const NURSERY: actor::Role = ("nursery", nursery);
/// Lives through the bare door; arguments: its folder, what they do, round, lane.
pub const BARE_NURSERY: actor::Role = ("bare-nursery", bare_nursery);
/// One life with a device, which is looked at; arguments: device folder, socket.
pub const SHOWN: actor::Role = ("shown", shown);

/// See the module's head.
pub fn lives() -> anyhow::Result<()> {
    progress("full lives");
    let daemon = Kfdd::start()?;
    let floor = BareFuse::start()?;
    let dev = daemon.dev_text();
    let script = script::record(SHOWN.0, &dev)?;
    let mut with_device = || {
        let first = daemon.next_death()?;
        let (from, _) = lanes::run(NURSERY.0, &[&dev])?;
        let last = daemon.deaths(first, LANES * LIVES)?.iter().map(|row| row.freed_at.0).max();
        Ok(each(from, last.context("lives have ended")?))
    };
    let (folder, text) = (floor.folder(), script.to_text());
    let mut round = 0;
    let mut bare = || {
        round += 1;
        let (from, to) = lanes::run(BARE_NURSERY.0, &[&folder, &text, &round.to_string()])?;
        Ok(each(from, to))
    };
    let Turns { own: [own], floors: [bare] } = alternate(ROUNDS, [&mut with_device], [&mut bare])?;
    ratio(
        "a full life (2 queues, 16 packets, SIGKILL, freed)",
        "us",
        own.median(),
        "as many calls and mappings, bare FUSE door",
        &bare,
        Goal::AtMost(1.3),
    );
    remark(&format!("  {LANES} lives at a time, by fork without exec; each has {script}"));
    drop(floor);
    daemon.stop()
}

/// Microseconds a life.
fn each(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / (LANES * LIVES) as f64 / 1000.0
}

fn nursery(arguments: &[String]) -> anyhow::Result<()> {
    let [dev, _] = arguments else { bail!("device folder, lane") };
    lanes::raise(false, |_| with_device(dev))
}

fn bare_nursery(arguments: &[String]) -> anyhow::Result<()> {
    let [folder, text, round, lane] = arguments else { bail!("folder, script, round, lane") };
    let script = Script::of_text(text)?;
    // A doorbell page that was never touched: its fault goes to the server, as a doorbell's does.
    let (round, lane): (usize, usize) = (round.parse()?, lane.parse()?);
    let first = (round * LANES + lane) * LIVES;
    lanes::raise(false, |number| Ok(Box::new(script.play(folder, first + number)?)))
}

fn shown(arguments: &[String]) -> anyhow::Result<()> {
    let [dev, socket] = arguments else { bail!("device folder, socket") };
    script::show(socket, || with_device(dev))
}

fn with_device(dev: &str) -> anyhow::Result<Held> {
    let device = Device::open(dev)?;
    let mut queues = [UserQueue::create(&device, 64)?, UserQueue::create(&device, 64)?];
    for queue in &mut queues {
        let done = queue.signal(1, None).context("a new queue has room for signals")?;
        for packet in 1..=PACKETS {
            queue.submit_barrier(&[], (packet == PACKETS).then_some(&done));
        }
        let started = Instant::now();
        while queue.value(done) != 0 {
            std::thread::yield_now();
            ensure!(started.elapsed().as_secs() < 5, "the packets were not run");
        }
    }
    Ok(Box::new((device, queues)))
}
