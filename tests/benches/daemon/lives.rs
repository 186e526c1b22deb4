//! Whole lives a second, beside lives that use no device: [`LANES`] of each at a time.
//!
//! A lane is a process of one thread that forks a child, waits until it has done its work, kills and reaps it. Fork
//! without exec: what is compared is the daemon's part, which a slow program start would hide.

use crate::measure::{Goal, interleaved, ratio, remark};
use crate::stage::actor::{self, Actor};
use crate::stage::kfdd::Kfdd;
use crate::stage::shm::Shared;
use crate::stage::sys;
use anyhow::{Context, bail, ensure};
use client::{Device, UserQueue};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::wait::waitpid;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

/// Lives at a time: one a core of the machine that the goals name.
const LANES: usize = 2;
/// Lives of a lane in a round.
const LIVES: usize = 150;
const ROUNDS: usize = 5;
/// Bytes of each memfd of a bare life: as much as an idle queue's buffers.
const MEMORY: usize = 4 * 4096;

/// Lives with a device; arguments: device folder, number.
pub const NURSERY: actor::Role = ("nursery", nursery);
/// Lives without; arguments: socket, number.
pub const BARE_NURSERY: actor::Role = ("bare-nursery", bare_nursery);

/// See the module's head.
pub fn lives() -> anyhow::Result<()> {
    let daemon = Kfdd::start()?;
    let dir = tempfile::tempdir()?;
    let socket = dir.path().join("bare");
    let listener = UnixListener::bind(&socket)?;
    let (dev, socket) = (daemon.dev_text(), socket.display().to_string());
    let mut with_device = || {
        let first = daemon.next_death()?;
        let (from, _) = lanes(NURSERY.0, &dev, || Ok(()))?;
        let last = daemon.deaths(first, LANES * LIVES)?.iter().map(|row| row.freed_at.0).max();
        Ok(rate(from, last.context("lives have ended")?))
    };
    let mut bare = || {
        let (from, to) = lanes(BARE_NURSERY.0, &socket, || serve(&listener, LANES * LIVES))?;
        Ok(rate(from, to))
    };
    let [ours, bare] = interleaved(ROUNDS, [&mut with_device, &mut bare])?;
    ratio(
        "full lives per second (2 queues, 16 packets)",
        "lives/s",
        ours.median(),
        "bare lives (connect, 2 memfds)",
        bare.median(),
        Goal::AtLeast(0.7),
    );
    remark(&format!("  {LANES} lives at a time, by fork without exec"));
    daemon.stop()
}

fn rate(from: u64, to: u64) -> f64 {
    (LANES * LIVES) as f64 / (to.saturating_sub(from) as f64 / 1e9)
}

/// Runs the lanes of a round, and `beside` on this thread; from the first start to the end of all.
fn lanes(role: &str, place: &str, beside: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<(u64, u64)> {
    let lives = LIVES.to_string();
    let start = || {
        let (mine, theirs) = UnixStream::pair()?;
        Ok((Actor::start(role, &[place, &lives], Some(theirs.into()))?.until_ready()?, mine))
    };
    let mut lanes = (0..LANES).map(|_| start()).collect::<anyhow::Result<Vec<_>>>()?;
    let from = actor::now();
    for (_, go) in &mut lanes {
        go.write_all(b"g")?;
    }
    beside()?;
    for (lane, _) in &mut lanes {
        ensure!(lane.reap()?.success(), "a lane failed");
    }
    Ok((from, actor::now()))
}

fn nursery(arguments: &[String]) -> anyhow::Result<()> {
    let [dev, lives] = arguments else { bail!("device folder, lives") };
    raise(lives.parse()?, || with_device(dev))
}

fn bare_nursery(arguments: &[String]) -> anyhow::Result<()> {
    let [socket, lives] = arguments else { bail!("socket, lives") };
    raise(lives.parse()?, || without_device(socket))
}

/// Forks, lets the child do its work, kills and reaps it, again and again.
fn raise(lives: usize, work: impl Fn() -> anyhow::Result<Held>) -> anyhow::Result<()> {
    actor::ready()?;
    actor::given()?.read_exact(&mut [0])?;
    let (done, mut told) = (UnixStream::pair()?, [0]);
    for _ in 0..lives {
        let Some(child) = sys::fork()? else {
            // Not inherited over fork.
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            let held = work();
            let word: &[u8] = if held.is_ok() { b"d" } else { b"f" };
            (&done.0).write_all(word)?;
            let _held = held?;
            actor::sleep_for_ever()
        };
        (&done.1).read_exact(&mut told)?;
        kill(child, Signal::SIGKILL)?;
        waitpid(child, None)?;
        ensure!(told == *b"d", "a life failed");
    }
    Ok(())
}

/// What a life holds until it is killed.
type Held = Box<dyn std::any::Any>;

fn with_device(dev: &str) -> anyhow::Result<Held> {
    let device = Device::open(dev)?;
    let mut queues = [UserQueue::create(&device, 64)?, UserQueue::create(&device, 64)?];
    for queue in &mut queues {
        let done = queue.signal(1, None).context("a new queue has room for signals")?;
        for packet in 0..8 {
            queue.submit_barrier(&[], (packet == 7).then_some(&done));
        }
        let started = Instant::now();
        while queue.value(done) != 0 {
            std::thread::yield_now();
            ensure!(started.elapsed().as_secs() < 5, "the packets were not run");
        }
    }
    Ok(Box::new((device, queues)))
}

fn without_device(socket: &str) -> anyhow::Result<Held> {
    let stream = UnixStream::connect(socket)?;
    let mut files: Vec<OwnedFd> = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..2 {
        let file = memfd_create("life", MFdFlags::MFD_CLOEXEC)?;
        nix::unistd::ftruncate(&file, MEMORY.try_into()?)?;
        let map = Shared::of(file.as_fd(), 0, MEMORY)?;
        map.touch(1);
        memory.push(map);
        files.push(file);
    }
    let numbers: Vec<_> = files.iter().map(AsRawFd::as_raw_fd).collect();
    sendmsg::<()>(
        stream.as_raw_fd(),
        &[IoSlice::new(b"m")],
        &[ControlMessage::ScmRights(&numbers)],
        MsgFlags::empty(),
        None,
    )?;
    (&stream).read_exact(&mut [0])?;
    Ok(Box::new((stream, memory)))
}

/// The server of bare lives: takes each one's memory, and frees it when it hangs up, until `lives` have ended.
fn serve(listener: &UnixListener, lives: usize) -> anyhow::Result<()> {
    struct Life {
        socket: UnixStream,
        memory: Vec<(Shared, OwnedFd)>,
    }
    let (mut alive, mut ended): (Vec<Life>, usize) = (Vec::new(), 0);
    while ended < lives {
        let mut polled: Vec<_> =
            alive.iter().map(|life| PollFd::new(life.socket.as_fd(), PollFlags::POLLIN)).collect();
        polled.push(PollFd::new(listener.as_fd(), PollFlags::POLLIN));
        poll(&mut polled, PollTimeout::NONE)?;
        let ready: Vec<bool> = polled.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        drop(polled);
        for index in (0..alive.len()).rev().filter(|index| ready[*index]) {
            match receive(&alive[index].socket)? {
                Some(memory) => {
                    alive[index].memory = memory;
                    (&alive[index].socket).write_all(b"k")?;
                }
                None => {
                    drop(alive.swap_remove(index));
                    ended += 1;
                }
            }
        }
        if ready.last() == Some(&true) {
            alive.push(Life { socket: listener.accept()?.0, memory: Vec::new() });
        }
    }
    Ok(())
}

/// The memory that came, mapped and read; `None` when the peer has hung up.
fn receive(socket: &UnixStream) -> anyhow::Result<Option<Vec<(Shared, OwnedFd)>>> {
    let (mut byte, mut space) = ([0], nix::cmsg_space!([std::os::fd::RawFd; 2]));
    let mut slices = [IoSliceMut::new(&mut byte)];
    let message =
        match recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC) {
            Ok(message) => message,
            Err(Errno::ECONNRESET) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
    if message.bytes == 0 {
        return Ok(None);
    }
    let mut memory = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            for number in numbers {
                let file = sys::take(number);
                let map = Shared::of(file.as_fd(), 0, MEMORY)?;
                std::hint::black_box(map.sum());
                memory.push((map, file));
            }
        }
    }
    Ok(Some(memory))
}
