//! A bench of whole lives: those with a device in turn with those that play the same calls to a bare FUSE door. What the bare
//! life does is what a life with a device was seen to do ([`script`]), so it stays the same whatever a life comes to need.

use super::actor;
use super::bare::BareFuse;
use super::kfdd::Kfdd;
use super::lanes::{self, Held, LANES, LIVES};
use super::script::{self, Script};
use anyhow::{Context, bail};
use kfd_tests::measure::{Goal, Turns, alternate, ratio, remark};

/// What a bench has of its own.
pub struct Lives {
    /// Turns of each side.
    pub rounds: usize,
    /// Life with a device; arguments: device folder, lane.
    pub nursery: actor::Role,
    /// Life through the bare door; arguments: its folder, what they do, round, lane.
    pub bare_nursery: actor::Role,
    /// One life with a device, which is looked at; arguments: device folder, socket.
    pub shown: actor::Role,
    /// What the line calls a life.
    pub name: &'static str,
    /// What it calls the bare one.
    pub floor: &'static str,
}

impl Lives {
    /// Measures lives with `daemon`, and stops it.
    pub fn measure(&self, daemon: Kfdd) -> anyhow::Result<()> {
        let floor = BareFuse::start()?;
        let dev = daemon.dev_text();
        let script = script::record(self.shown.0, &dev)?;
        let mut with_device = || {
            let first = daemon.next_death()?;
            let (from, _) = lanes::run(self.nursery.0, &[&dev])?;
            let last = daemon.deaths(first, LANES * LIVES)?.iter().map(|row| row.freed_at.0).max();
            Ok(each(from, last.context("lives have ended")?))
        };
        let (folder, text) = (floor.folder(), script.to_text());
        let mut round = 0;
        let mut bare = || {
            round += 1;
            let (from, to) = lanes::run(self.bare_nursery.0, &[&folder, &text, &round.to_string()])?;
            Ok(each(from, to))
        };
        let Turns { own: [own], floors: [bare] } = alternate(self.rounds, [&mut with_device], [&mut bare])?;
        ratio(self.name, "us", own.median(), self.floor, &bare, Goal::AtMost(1.3));
        remark(&format!("  {LANES} lives at a time, by fork without exec; each has {script}"));
        drop(floor);
        daemon.stop()
    }
}

/// Microseconds a life.
fn each(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / (LANES * LIVES) as f64 / 1000.0
}

/// Lane of lives that do `work` with the device.
pub fn nursery(arguments: &[String], work: fn(&str) -> anyhow::Result<Held>) -> anyhow::Result<()> {
    let [dev, _] = arguments else { bail!("device folder, lane") };
    lanes::raise(false, |_| work(dev))
}

/// Lane of lives that play the script, and do `more`; `pairs` as [`lanes::raise`] takes it.
pub fn bare_nursery(
    arguments: &[String],
    pairs: bool,
    more: fn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let [folder, text, round, lane] = arguments else { bail!("folder, script, round, lane") };
    let script = Script::of_text(text)?;
    // A doorbell page that was never touched: its fault goes to the server, as a doorbell's does.
    let (round, lane): (usize, usize) = (round.parse()?, lane.parse()?);
    let first = (round * LANES + lane) * LIVES;
    lanes::raise(pairs, |number| {
        let held = script.play(folder, first + number)?;
        more()?;
        Ok(held)
    })
}

/// The life that is looked at.
pub fn shown(arguments: &[String], work: fn(&str) -> anyhow::Result<Held>) -> anyhow::Result<()> {
    let [dev, socket] = arguments else { bail!("device folder, socket") };
    script::show(socket, || work(dev))
}
