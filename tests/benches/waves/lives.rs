//! Whole lives with one dispatch, beside the same lives through a bare FUSE door with as bare a worker: a process that is
//! forked, maps an arena, touches of it what the kernel is read from, and dies with its client.

use crate::stage::actor;
use crate::stage::lanes::Held;
use crate::stage::lives::{self, Lives};
use crate::stage::shm::Shared;
use crate::stage::sync::Ordering;
use crate::stage::sys;
use anyhow::{Context, ensure};
use client::kernel::{Code, Kernel};
use client::{Device, UserQueue};
use kfd_tests::measure::progress;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Bytes of a bare worker's arena, and pages of it that it touches: packet, descriptor with code, signal.
const ARENA: usize = 16 << 30;
const TOUCHED: usize = 3;

/// See [`Lives`].
pub const ROLES: [actor::Role; 3] = [LIVES.nursery, LIVES.bare_nursery, LIVES.shown];

const LIVES: Lives = Lives {
    rounds: 5,
    nursery: ("nursery", |arguments| lives::nursery(arguments, with_device)),
    bare_nursery: ("bare-nursery", |arguments| lives::bare_nursery(arguments, true, bare_worker)),
    shown: ("shown", |arguments| lives::shown(arguments, with_device)),
    name: "a full life with one dispatch",
    floor: "bare FUSE door + fork, map, kill of a process",
};

/// See the module's head.
pub fn lives() -> anyhow::Result<()> {
    progress("full lives with one dispatch");
    LIVES.measure(crate::daemon()?)
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
