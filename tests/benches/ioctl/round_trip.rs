//! A call through the FUSE door, beside an echo of the same size.

use crate::stage::{bare, sys};
use crate::{CALLS, ROUNDS};
use anyhow::Context;
use client::{Device, command};
use kfd_core::abi::kfd;
use kfd_tests::measure::samples::median_nanos;
use kfd_tests::measure::{Goal, Turns, alternate, ratio, remark};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use zerocopy::IntoBytes;

/// The median of a round, microseconds; every call must succeed.
fn calls(fd: BorrowedFd<'_>, cmd: u32, mut arg: impl FnMut() -> Vec<u8>) -> anyhow::Result<f64> {
    let mut failed = None;
    let mut bytes = arg();
    let nanos = median_nanos(CALLS, || {
        if let Err(error) = sys::ioctl(fd, cmd, &mut bytes) {
            failed = Some(error);
        }
    });
    failed.map_or(Ok(nanos / 1000.0), |error| Err(error).context("a call of the round trips"))
}

/// A call without a pointer.
pub fn plain(device: &Device, file: &File) -> anyhow::Result<()> {
    let clocks = kfd::GetClockCounters { gpu_id: device.gpu_id(), ..Default::default() };
    let echo = bare::echo(size_of::<kfd::GetClockCounters>());
    let measure = |fd, cmd| calls(fd, cmd, || clocks.as_bytes().to_vec());
    let Turns { own: [own], floors: [echo] } = alternate(
        ROUNDS,
        [&mut || measure(device.kfd(), command::GET_CLOCK_COUNTERS)],
        [&mut || measure(file.as_fd(), echo)],
    )?;
    ratio(
        "ioctl round trip (GET_CLOCK_COUNTERS)",
        "us",
        own.median(),
        "bare FUSE echo",
        &echo,
        Goal::AtMost(1.10),
    );
    Ok(())
}

/// A call whose struct points at more: one event that stays signalled.
pub fn with_pointer(device: &Device, file: &File) -> anyhow::Result<()> {
    let event = device.create_event(kfd::EVENT_SIGNAL, false)?;
    device.set_event(event)?;
    let size = size_of::<kfd::WaitEvents>();
    let mut events = [kfd::EventData { event_id: event.id, ..Default::default() }];
    let wait = kfd::WaitEvents {
        events_ptr: events.as_mut_ptr().expose_provenance() as u64,
        num_events: 1,
        wait_for_all: 0,
        timeout: 1000,
        wait_result: 0,
    };
    let measure = |fd, cmd| calls(fd, cmd, || wait.as_bytes().to_vec());
    let Turns { own: [own], floors: [read, echo] } = alternate(
        ROUNDS,
        [&mut || measure(device.kfd(), command::WAIT_EVENTS)],
        [&mut || measure(file.as_fd(), bare::echo_read(size)), &mut || {
            measure(file.as_fd(), bare::echo(size))
        }],
    )?;
    std::hint::black_box(&mut events);
    ratio(
        "ioctl with a pointer (WAIT_EVENTS, signalled)",
        "us",
        own.median(),
        "echo + worker message + pread",
        &read,
        Goal::AtMost(1.15),
    );
    remark(&format!(
        "  of that floor the echo alone is {:.2} us; the worker's message and its pread are the rest",
        echo.median()
    ));
    device.destroy_event(event)?;
    Ok(())
}
