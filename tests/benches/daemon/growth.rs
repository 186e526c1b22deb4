//! The cost of one call, one death and one listing row, with few and with many clients attached.
//!
//! Two daemons, one with few and one with many: both are measured in turns.

use crate::idle::SHAPE;
use crate::stage::crowd::Crowd;
use crate::stage::kfdd::Kfdd;
use crate::stage::{client, sys};
use ::client::{Device, command};
use anyhow::{Context, ensure};
use kfd_core::abi::kfd;
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::measure::samples::median_nanos;
use kfd_tests::measure::{Goal, Turns, alternate, progress, ratio};
use kfdd::control::{Reply, Request};
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

const FEW: usize = 10;
const MANY: usize = 10_000;
const ROUNDS: usize = 15;
const CALLS: u32 = 1000;
const DEATHS: usize = 80;
/// From a death to the question what became of it.
const LATER: Duration = Duration::from_millis(3);
/// How long the crowd may take to end.
const ENDING: Duration = Duration::from_secs(60);
/// Listings of one sample with few clients, so that a sample has as many rows as one with many.
const FEW_LISTINGS: usize = MANY / FEW;

/// See the module's head.
pub fn growth() -> anyhow::Result<()> {
    let cpus = Cpus::find()?;
    let (few, many) = (Kfdd::start()?, Kfdd::start()?);
    progress(&format!("{MANY} clients attach"));
    let crowds = (Crowd::start(&few.dev_text(), SHAPE, FEW)?, Crowd::start(&many.dev_text(), SHAPE, MANY)?);
    few.keep(&cpus, Place::First)?;
    many.keep(&cpus, Place::First)?;
    cpus.at(Place::First, || {
        progress("one more among few and many");
        calls(&few, &many)?;
        deaths(&few, &many)?;
        rows(&few, &many)
    })?;
    few.keep(&cpus, Place::Anywhere)?;
    many.keep(&cpus, Place::Anywhere)?;
    progress(&format!("{MANY} clients end"));
    let first = many.next_death()?;
    drop(crowds);
    many.deaths_within(first, MANY, ENDING)?;
    few.stop()?;
    many.stop()
}

fn line(what: &str, unit: &str, turns: &Turns<1, 1>) {
    let (Turns { own: [many], floors: [few] }, floor) = (turns, format!("{FEW} clients"));
    let name = format!("growth {FEW} to {MANY} clients: {what}");
    ratio(&name, unit, many.median(), &floor, few, Goal::AtMost(1.3));
}

fn calls(few: &Kfdd, many: &Kfdd) -> anyhow::Result<()> {
    let devices = (Device::open(few.dev())?, Device::open(many.dev())?);
    let measure = |device: &Device| {
        let mut clocks = kfd::GetClockCounters { gpu_id: device.gpu_id(), ..Default::default() };
        let mut failed = None;
        let nanos = median_nanos(CALLS, || {
            if let Err(error) = sys::ioctl(device.kfd(), command::GET_CLOCK_COUNTERS, clocks.as_mut_bytes()) {
                failed = Some(error);
            }
        });
        failed.map_or(Ok(nanos / 1000.0), |error| Err(error).context("GET_CLOCK_COUNTERS"))
    };
    let turns = alternate(ROUNDS, [&mut || measure(&devices.1)], [&mut || measure(&devices.0)])?;
    line("one ioctl", "us", &turns);
    Ok(())
}

/// Signal to freed, of one more client that dies among the others.
fn deaths(few: &Kfdd, many: &Kfdd) -> anyhow::Result<()> {
    let measure = |daemon: &Kfdd| {
        let first = daemon.next_death()?;
        let mut actor = client::start(&daemon.dev_text(), SHAPE)?;
        let killed = actor.kill()?;
        actor.reap()?;
        // Not to disturb the free.
        std::thread::sleep(LATER);
        let rows = daemon.deaths(first, 1)?;
        let row = rows.iter().find(|row| row.tgid.0 == actor.id()).context("the client's obituary")?;
        Ok(row.freed_at.0.saturating_sub(killed) as f64 / 1000.0)
    };
    let turns = alternate(DEATHS, [&mut || measure(many)], [&mut || measure(few)])?;
    line("one death", "us", &turns);
    Ok(())
}

/// A row of `kfdctl ps`, over the control socket: what a listing costs more than a question without rows.
fn rows(few: &Kfdd, many: &Kfdd) -> anyhow::Result<()> {
    let measure = |daemon: &Kfdd, listings: usize| {
        let time = |request: &Request| -> anyhow::Result<(f64, usize)> {
            let started = Instant::now();
            let reply = daemon.control().ask(request)?;
            let rows = if let Reply::Processes { processes } = reply { processes.len() } else { 0 };
            Ok((started.elapsed().as_secs_f64() * 1e6, rows))
        };
        let (mut whole, mut rows) = (0.0, 0);
        for _ in 0..listings {
            let (plain, _) = time(&Request::Version)?;
            let (listing, count) = time(&Request::Processes)?;
            whole += listing - plain;
            rows += count;
        }
        ensure!(rows > 0, "the listing has rows");
        Ok(whole / rows as f64)
    };
    let turns = alternate(ROUNDS, [&mut || measure(many, 1)], [&mut || measure(few, FEW_LISTINGS)])?;
    line("one listing row", "us", &turns);
    Ok(())
}
