//! Clients of a daemon by number of queues and buffers, and the same memory without a daemon.

use super::actor::{self, Actor};
use super::shm::Shared;
use anyhow::Context;
use client::memory::{Buffer, Kind};
use client::{Device, UserQueue};
use kfd_core::abi::kfd;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::os::fd::{AsFd, OwnedFd};

/// Slots of an idle client's rings: one page.
const RING: u32 = 64;
/// Buffers that a queue of `client` brings along.
pub const BUFFERS_PER_QUEUE: usize = 3;
/// Pages of them that an idle queue touches: ring, `amd_queue_t`, signals.
const PAGES_PER_QUEUE: usize = 3;

/// What a client holds.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Shape {
    pub queues: usize,
    /// Buffers in all, the queues' included; each further one is a touched page of GTT.
    pub buffers: usize,
}

impl Shape {
    /// Pages that it touches.
    pub fn pages(self) -> usize {
        self.queues * PAGES_PER_QUEUE + self.more()
    }

    fn more(self) -> usize {
        self.buffers.saturating_sub(self.queues * BUFFERS_PER_QUEUE)
    }
}

/// The role of a client: its arguments are the device folder, queues, buffers, and whether a thread parks.
pub const ROLE: actor::Role = ("client", live);

/// The role of a process with touched pages of a memfd and no device; its arguments are their number and MiB of its own.
pub const BARE_ROLE: actor::Role = ("bare", bare);

/// Starts a client of this shape; it is attached and sleeps.
pub fn start(dev: &str, shape: Shape) -> anyhow::Result<Actor> {
    spawn(dev, shape, 0)?.until_ready()
}

/// The same without waiting for it.
pub fn spawn(dev: &str, shape: Shape, private_mib: usize) -> anyhow::Result<Actor> {
    let (queues, buffers) = (shape.queues.to_string(), shape.buffers.to_string());
    Actor::start(ROLE.0, &[dev, &queues, &buffers, &private_mib.to_string()], None)
}

/// Starts `count` clients, many at a time; all are attached.
pub fn crowd(dev: &str, shape: Shape, count: usize) -> anyhow::Result<Vec<Actor>> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let wave = (count - all.len()).min(64);
        let wave: Vec<_> = (0..wave).map(|_| spawn(dev, shape, 0)).collect::<anyhow::Result<_>>()?;
        for actor in wave {
            all.push(actor.until_ready()?);
        }
    }
    Ok(all)
}

/// Attaches this process with this shape; what it then holds.
pub fn attach(dev: &str, shape: Shape) -> anyhow::Result<(Device, Vec<UserQueue>, Vec<Buffer>)> {
    let device = Device::open(dev)?;
    // Before the queues: their save areas are registered memory, at which the driver looks again with each allocation.
    let more = (0..shape.more())
        .map(|_| {
            let buffer = Buffer::new(&device, Kind::Gtt, 4096)?;
            buffer.store_words(0, &[1; 512]);
            Ok(buffer)
        })
        .collect::<Result<Vec<_>, client::ClientError>>()?;
    let mut made = Vec::with_capacity(shape.queues);
    for _ in 0..shape.queues {
        let mut queue = UserQueue::create(&device, RING)?;
        queue.signal(1, None).context("a new queue has room for signals")?;
        made.push(queue);
    }
    Ok((device, made, more))
}

fn live(arguments: &[String]) -> anyhow::Result<()> {
    let [dev, queues, buffers, private] = arguments else { anyhow::bail!("dev, queues, buffers, MiB") };
    let shape = Shape { queues: queues.parse()?, buffers: buffers.parse()? };
    let (device, made, more) = attach(dev, shape)?;
    let private = private.parse::<usize>()? << 20;
    if private > 0 {
        let _touched = touched(private)?;
        let event = device.create_signal_event()?;
        std::thread::scope(|scope| {
            scope.spawn(|| device.wait_event(event, kfd::TIMEOUT_INFINITE));
            // Parked by then; nothing in the protocol tells a client that it is.
            std::thread::sleep(std::time::Duration::from_millis(20));
            actor::ready()?;
            actor::sleep_for_ever()
        })
    } else {
        actor::ready()?;
        let _held = (device, made, more);
        actor::sleep_for_ever()
    }
}

/// So many bytes of this process alone, each page of them touched.
fn touched(bytes: usize) -> anyhow::Result<Shared> {
    let memory = Shared::anonymous(bytes)?;
    memory.touch(1);
    Ok(memory)
}

/// The parent's side of a bare process: the pages that are to be freed at its death.
#[allow(missing_docs, reason = "the names say it")]
pub struct BareLife {
    pub actor: Actor,
    pages: Shared,
    memory: OwnedFd,
}

impl BareLife {
    /// Starts a process that maps and touches `pages` pages of a memfd, which this process maps and reads too.
    pub fn start(pages: usize) -> anyhow::Result<Self> {
        Self::spawn(pages)?.until_ready()
    }

    /// The same without waiting for it.
    pub fn spawn(pages: usize) -> anyhow::Result<Self> {
        Self::spawn_with(pages, 0)
    }

    /// With touched memory of its own besides.
    pub fn spawn_with(pages: usize, private_mib: usize) -> anyhow::Result<Self> {
        let memory = memfd_create("bench", MFdFlags::MFD_CLOEXEC)?;
        let len = pages * 4096;
        nix::unistd::ftruncate(&memory, len.try_into()?)?;
        let given = memory.as_fd().try_clone_to_owned()?;
        let actor = Actor::start(BARE_ROLE.0, &[&pages.to_string(), &private_mib.to_string()], Some(given))?;
        let pages = Shared::of(memory.as_fd(), 0, len).context("cannot map a memfd")?;
        Ok(Self { actor, pages, memory })
    }

    /// Waits until its pages are touched, and reads each here.
    pub fn until_ready(self) -> anyhow::Result<Self> {
        let Self { actor, pages, memory } = self;
        let actor = actor.until_ready()?;
        anyhow::ensure!(pages.sum() == (pages.len() / 4096) as u64, "the child touched every page");
        Ok(Self { actor, pages, memory })
    }

    /// The pages and their file, to be dropped at the death.
    pub fn into_parts(self) -> (Actor, (Shared, OwnedFd)) {
        (self.actor, (self.pages, self.memory))
    }
}

/// Starts `count` bare processes, many at a time.
pub fn bare_crowd(pages: usize, count: usize) -> anyhow::Result<Vec<BareLife>> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let wave = (count - all.len()).min(64);
        let wave: Vec<_> = (0..wave).map(|_| BareLife::spawn(pages)).collect::<anyhow::Result<_>>()?;
        for life in wave {
            all.push(life.until_ready()?);
        }
    }
    Ok(all)
}

fn bare(arguments: &[String]) -> anyhow::Result<()> {
    let [pages, private] = arguments else { anyhow::bail!("pages, MiB") };
    let memory = Shared::of(actor::given()?.as_fd(), 0, pages.parse::<usize>()? * 4096)?;
    memory.touch(1);
    let private = private.parse::<usize>()? << 20;
    let _touched = if private > 0 { Some(touched(private)?) } else { None };
    actor::ready()?;
    actor::sleep_for_ever()
}
