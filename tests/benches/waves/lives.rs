//! Whole lives with one dispatch, beside the same lives through a bare FUSE door with as bare a worker: a process that is
//! forked, maps an arena, touches of it what the kernel is read from, and dies with its client.

use crate::stage::actor;
use crate::stage::bare::BareFuse;
use crate::stage::lanes::{self, Held, LANES, LIVES};
use crate::stage::script::{self, Script};
use crate::stage::shm::Shared;
use crate::stage::sync::Ordering;
use crate::stage::sys;
use anyhow::{Context, bail, ensure};
use client::kernel::{Code, Kernel};
use client::{Device, UserQueue};
use kfd_tests::measure::{Goal, Turns, alternate, progress, ratio, remark};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// Bytes of a bare worker's arena, and pages of it that it touches: packet, descriptor with code, signal.
const ARENA: usize = 16 << 30;
const TOUCHED: usize = 3;

/// Lives with a device; arguments: device folder, lane.
pub const NURSERY: actor::Role = ("nursery", nursery);
/// Lives through the bare door; arguments: its folder, what they do, round, lane.
pub const BARE_NURSERY: actor::Role = ("bare-nursery", bare_nursery);
/// One life with a device, which is looked at; arguments: device folder, socket.
pub const SHOWN: actor::Role = ("shown", shown);

/// See the module's head.
pub fn lives() -> anyhow::Result<()> {
    progress("full lives with one dispatch");
    let daemon = crate::daemon()?;
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
        "a full life with one dispatch",
        "us",
        own.median(),
        "bare FUSE door + fork, map, kill of a process",
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

fn shown(arguments: &[String]) -> anyhow::Result<()> {
    let [dev, socket] = arguments else { bail!("device folder, socket") };
    script::show(socket, || with_device(dev))
}

fn with_device(dev: &str) -> anyhow::Result<Held> {
    let device = Device::open(dev)?;
    let mut queue = UserQueue::create(&device, 64)?;
    let done = queue.signal(1, None).context("a new queue has room for signals")?;
    let kernel = Kernel::new(&device, Code::Ends)?;
    kernel.dispatch(&queue, 1, Some(&done));
    let started = Instant::now();
    while queue.value(done) != 0 {
        std::thread::yield_now();
        ensure!(started.elapsed() < Duration::from_secs(5), "the dispatch was not run");
    }
    Ok(Box::new((device, queue, kernel)))
}

fn bare_nursery(arguments: &[String]) -> anyhow::Result<()> {
    let [folder, text, round, lane] = arguments else { bail!("folder, script, round, lane") };
    let script = Script::of_text(text)?;
    // A doorbell page that was never touched: its fault goes to the server, as a doorbell's does.
    let (round, lane): (usize, usize) = (round.parse()?, lane.parse()?);
    let first = (round * LANES + lane) * LIVES;
    lanes::raise(true, |number| {
        let held = script.play(folder, first + number)?;
        bare_worker()?;
        Ok(held)
    })
}

/// Waits until it has touched its arena.
fn bare_worker() -> anyhow::Result<()> {
    let arena = memfd_create("bench", MFdFlags::MFD_CLOEXEC)?;
    nix::unistd::ftruncate(&arena, ARENA.try_into()?)?;
    let (mut told, mut tell) = UnixStream::pair()?;
    if sys::fork()?.is_none() {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        let map = Shared::of(arena.as_fd(), 0, ARENA)?;
        for page in 0..TOUCHED {
            map.word(page * 4096).store(1, Ordering::Relaxed);
        }
        tell.write_all(b"t")?;
        actor::sleep_for_ever()
    }
    told.read_exact(&mut [0])?;
    Ok(())
}
