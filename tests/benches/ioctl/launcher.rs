//! A call through the launcher's door, which serves those of `kfdctl run` that take or answer descriptors: GET_DMABUF_INFO of
//! an exported buffer, beside the same call of a process whose calls somebody else lets end with 0.

use crate::stage::actor;
use crate::stage::asked::Asked;
use crate::stage::kfdd::Kfdd;
use crate::stage::sys;
use crate::{CALLS, ROUNDS, notify};
use anyhow::Context;
use client::memory::{Buffer, Kind};
use client::{Device, command};
use kfd_core::abi::kfd;
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::measure::samples::median_nanos;
use kfd_tests::measure::{Goal, Turns, alternate, ratio};
use std::io::Write;
use std::os::fd::BorrowedFd;
use zerocopy::IntoBytes;

const INFO: u32 = command::command("GET_DMABUF_INFO");
const EXPORT: u32 = command::command("EXPORT_DMABUF");

/// What `kfdctl run` starts.
pub const ROLE: actor::Role = ("launched", launched);

fn launched(_: &[String]) -> anyhow::Result<()> {
    let device = Device::open("/dev")?;
    let buffer = Buffer::new(&device, Kind::Vram, 4096)?;
    let mut export = kfd::ExportDmabuf { handle: buffer.handle(), ..Default::default() };
    device.call("EXPORT_DMABUF", EXPORT, &mut export)?;
    answer_lines(|| calls(device.kfd(), export.dmabuf_fd))
}

/// The median of a round of GET_DMABUF_INFO, microseconds.
pub fn calls(fd: BorrowedFd<'_>, dmabuf_fd: u32) -> anyhow::Result<f64> {
    let mut failed = None;
    let nanos = median_nanos(CALLS, || {
        let mut arg = kfd::GetDmabufInfo { dmabuf_fd, ..Default::default() };
        if let Err(error) = sys::ioctl(fd, INFO, arg.as_mut_bytes()) {
            failed = Some(error);
        }
    });
    failed.map_or(Ok(nanos / 1000.0), |error| Err(error).context("GET_DMABUF_INFO"))
}

/// A figure for each line that comes in.
pub fn answer_lines(measure: impl Fn() -> anyhow::Result<f64>) -> anyhow::Result<()> {
    for line in std::io::stdin().lines() {
        line?;
        let figure = measure()?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{figure}")?;
        out.flush()?;
    }
    Ok(())
}

/// See the module's head. The profile is one whose interface has EXPORT_DMABUF.
pub fn round_trip(cpus: &Cpus) -> anyhow::Result<()> {
    let daemon = Kfdd::start_with(&["--profile", "gfx942"])?;
    daemon.keep(cpus, Place::First)?;
    cpus.at(Place::First, || {
        let own = std::env::current_exe()?;
        let mut run = daemon.kfdctl(&["run", "--"])?;
        let mut launched = Asked::start(run.arg(own).args([actor::MARKER, ROLE.0]))?;
        let Turns { own: [own], floors: [echo] } = notify::with_echo(cpus, |stopped| {
            alternate(ROUNDS, [&mut || launched.ask("")], [&mut || stopped.ask("")])
        })?;
        ratio(
            "ioctl round trip, launcher door (GET_DMABUF_INFO)",
            "us",
            own.median(),
            "bare seccomp-notify echo",
            &echo,
            Goal::AtMost(1.15),
        );
        launched.end()
    })?;
    daemon.stop()
}
