//! What a call costs through the door, beside a FUSE server that does nothing.
//!
//! The caller is this program; the daemon and the bare server are processes of their own.

#[path = "../measure/mod.rs"]
mod measure;
#[path = "../stage/mod.rs"]
mod stage;

use anyhow::Context;
use client::{Device, command};
use kfd_core::abi::kfd;
use measure::samples::median_nanos;
use measure::{Goal, interleaved, ratio, remark};
use stage::bare::{self, BareFuse};
use stage::kfdd::Kfdd;
use stage::sys;
use std::os::fd::AsFd;
use zerocopy::IntoBytes;

/// Rounds of a comparison, and calls of a round.
const ROUNDS: usize = 25;
const CALLS: u32 = 2000;

fn main() -> anyhow::Result<()> {
    stage::actor::enter_if_asked(&bare::ROLES);
    let daemon = Kfdd::start()?;
    let floor = BareFuse::start()?;
    let device = Device::open(daemon.dev())?;
    let file = floor.open()?;
    plain(&device, &file)?;
    with_pointer(&device, &file)?;
    drop((device, file, floor));
    daemon.stop()
}

/// A call without a pointer.
fn plain(device: &Device, file: &std::fs::File) -> anyhow::Result<()> {
    let clocks = kfd::GetClockCounters { gpu_id: device.gpu_id(), ..Default::default() };
    let size = size_of::<kfd::GetClockCounters>();
    let measure = |fd, cmd| {
        let mut arg = clocks;
        let mut failed = None;
        let nanos = median_nanos(CALLS, || {
            if let Err(error) = sys::ioctl(fd, cmd, arg.as_mut_bytes()) {
                failed = Some(error);
            }
        });
        failed.map_or(Ok(nanos / 1000.0), |error| Err(error).context("GET_CLOCK_COUNTERS"))
    };
    let [ours, bare] = interleaved(
        ROUNDS,
        [&mut || measure(device.kfd(), command::GET_CLOCK_COUNTERS), &mut || {
            measure(file.as_fd(), bare::echo(size))
        }],
    )?;
    ratio(
        "ioctl round trip (GET_CLOCK_COUNTERS)",
        "us",
        ours.median(),
        "bare FUSE echo",
        bare.median(),
        Goal::AtMost(1.10),
    );
    Ok(())
}

/// A call whose struct points at more: one event that stays signalled.
fn with_pointer(device: &Device, file: &std::fs::File) -> anyhow::Result<()> {
    let event = device.create_event(kfd::EVENT_SIGNAL, false)?;
    device.set_event(event)?;
    let size = size_of::<kfd::WaitEvents>();
    let measure = |fd, cmd| {
        let mut events = [kfd::EventData { event_id: event.id, ..Default::default() }];
        let wait = kfd::WaitEvents {
            events_ptr: events.as_mut_ptr().expose_provenance() as u64,
            num_events: 1,
            wait_for_all: 0,
            timeout: 1000,
            wait_result: 0,
        };
        let mut failed = None;
        let nanos = median_nanos(CALLS, || {
            let mut arg = wait;
            if let Err(error) = sys::ioctl(fd, cmd, arg.as_mut_bytes()) {
                failed = Some(error);
            }
            std::hint::black_box(&mut events);
        });
        failed.map_or(Ok(nanos / 1000.0), |error| Err(error).context("WAIT_EVENTS"))
    };
    let [ours, floor, echo] = interleaved(
        ROUNDS,
        [
            &mut || measure(device.kfd(), command::WAIT_EVENTS),
            &mut || measure(file.as_fd(), bare::echo_read(size)),
            &mut || measure(file.as_fd(), bare::echo(size)),
        ],
    )?;
    ratio(
        "ioctl with a pointer (WAIT_EVENTS, signalled)",
        "us",
        ours.median(),
        "echo + worker message + pread",
        floor.median(),
        Goal::AtMost(1.15),
    );
    remark(&format!(
        "  of that floor the echo alone is {:.2} us; the worker's message and its pread are the rest",
        echo.median()
    ));
    device.destroy_event(event)?;
    Ok(())
}
