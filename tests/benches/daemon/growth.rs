//! The cost of one call, one death and one listing row, with few and with many clients attached.
//!
//! Two daemons, one with few and one with many: both are measured in turns.

use crate::idle::{CLIENTS, SHAPE};
use crate::measure::samples::median_nanos;
use crate::measure::{Goal, Samples, interleaved, ratio};
use crate::stage::kfdd::Kfdd;
use crate::stage::{client, sys};
use ::client::{Device, command};
use anyhow::{Context, ensure};
use kfd_core::abi::kfd;
use kfdd::control::{Reply, Request};
use std::time::Instant;
use zerocopy::IntoBytes;

const FEW: usize = 10;
const ROUNDS: usize = 15;
const CALLS: u32 = 1000;
const DEATHS: usize = 40;
/// Listings of one sample with few clients, so that a sample is as long as one with many.
const FEW_LISTINGS: usize = 20;

/// See the module's head.
pub fn growth() -> anyhow::Result<()> {
    let (few, many) = (Kfdd::start()?, Kfdd::start()?);
    let crowds =
        (client::crowd(&few.dev_text(), SHAPE, FEW)?, client::crowd(&many.dev_text(), SHAPE, CLIENTS)?);
    calls(&few, &many)?;
    deaths(&few, &many)?;
    rows(&few, &many)?;
    drop(crowds);
    few.stop()?;
    many.stop()
}

fn line(what: &str, unit: &str, few: &Samples, many: &Samples) {
    ratio(
        &format!("growth {FEW} to {CLIENTS} clients: {what}"),
        unit,
        many.median(),
        &format!("{FEW} clients"),
        few.median(),
        Goal::AtMost(1.3),
    );
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
    let [few, many] = interleaved(ROUNDS, [&mut || measure(&devices.0), &mut || measure(&devices.1)])?;
    line("one ioctl", "us", &few, &many);
    Ok(())
}

/// Signal to freed, of one more client that dies among the others.
fn deaths(few: &Kfdd, many: &Kfdd) -> anyhow::Result<()> {
    let measure = |daemon: &Kfdd| {
        let first = daemon.next_death()?;
        let mut actor = client::start(&daemon.dev_text(), SHAPE)?;
        let killed = actor.kill()?;
        actor.reap()?;
        let rows = daemon.deaths(first, 1)?;
        let row = rows.iter().find(|row| row.tgid.0 == actor.id()).context("the client's obituary")?;
        Ok(row.freed_at.0.saturating_sub(killed) as f64 / 1000.0)
    };
    let [few, many] = interleaved(DEATHS, [&mut || measure(few), &mut || measure(many)])?;
    line("one death", "us", &few, &many);
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
    let [few, many] = interleaved(ROUNDS, [&mut || measure(few, FEW_LISTINGS), &mut || measure(many, 1)])?;
    line("one listing row", "us", &few, &many);
    Ok(())
}
