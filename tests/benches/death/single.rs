//! One death at a time.

use crate::stage::actor::{self, Actor};
use crate::stage::client::{self, BareLife, Shape};
use crate::stage::kfdd::Kfdd;
use anyhow::Context;
use kfd_core::death::Obituary;
use kfd_tests::measure::{Floor, Goal, Samples, Turns, absolute, alternate, progress, ratio, remark};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use notifier::watch::{Pidfd, Tgid};
use std::collections::HashMap;
use std::os::fd::AsFd;
use std::time::Duration;

/// Deaths of the comparison of notices.
const ROUNDS: usize = 150;
/// Deaths of the comparison of frees, four of which are above its 99th of 100.
const FREED_ROUNDS: usize = 400;
/// Deaths of the large client, which takes a second each.
const LARGE_ROUNDS: usize = 7;
/// From a death to the question what became of it: everything is freed by then.
const LATER: Duration = Duration::from_millis(3);
/// Touched memory of the large client.
const LARGE_MIB: usize = 1024;

/// The client that GOALS names: 8 queues, 64 buffers.
pub const FULL: Shape = Shape { queues: 8, buffers: 64 };
/// A client with little.
pub const SMALL: Shape = Shape { queues: 2, buffers: 2 * client::BUFFERS_PER_QUEUE };

/// When a death was sent, and when its parent's waitpid(2) returned; nanoseconds.
struct Death {
    killed: u64,
    reaped: u64,
}

/// Kills a child while another thread is blocked in waitpid(2).
fn kill_under_wait(mut actor: Actor) -> anyhow::Result<Death> {
    let pid = nix::unistd::Pid::from_raw(actor.id().try_into()?);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(move || {
            let flags = nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT;
            nix::sys::wait::waitid(nix::sys::wait::Id::Pid(pid), flags).map(|_| actor::now())
        });
        // Blocked by then, and the machine quiet.
        std::thread::sleep(Duration::from_millis(1));
        let killed = actor.kill()?;
        let reaped = waiter.join().map_err(|_| anyhow::anyhow!("the waiting thread panicked"))??;
        actor.reap()?;
        Ok(Death { killed, reaped })
    })
}

fn micros(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1000.0
}

/// A client of this shape dies: when, and what the daemon has to say of it.
fn die(daemon: &Kfdd, shape: Shape) -> anyhow::Result<(Death, Obituary)> {
    let first = daemon.next_death()?;
    let actor = client::start(&daemon.dev_text(), shape)?;
    let tgid = actor.id();
    let death = kill_under_wait(actor)?;
    std::thread::sleep(LATER);
    Ok((death, obituary(daemon, first, tgid)?))
}

fn obituary(daemon: &Kfdd, first: u64, tgid: u32) -> anyhow::Result<Obituary> {
    let rows = daemon.deaths(first, 1)?;
    rows.into_iter().find(|row| row.tgid.0 == tgid).context("every client has an obituary")
}

/// A process of the same size without a device dies: signal to waitpid.
fn die_bare(shape: Shape) -> anyhow::Result<f64> {
    let (actor, _pages) = BareLife::start(shape.pages())?.into_parts();
    let death = kill_under_wait(actor)?;
    Ok(micros(death.killed, death.reaped))
}

/// Signal to notice, of a client that is not parked.
pub fn noticed(daemon: &Kfdd) -> anyhow::Result<()> {
    progress("deaths noticed");
    let mut parent = Samples::default();
    let mut causes: HashMap<String, u32> = HashMap::new();
    let mut notice = || {
        let (death, row) = die(daemon, SMALL)?;
        parent.add(micros(death.killed, death.reaped));
        *causes.entry(format!("{:?}", row.cause)).or_default() += 1;
        Ok(micros(death.killed, row.doomed_at.0))
    };
    let Turns { own: [own], floors: [bare] } = alternate(ROUNDS, [&mut notice], [&mut || die_bare(SMALL)])?;
    ratio(
        "death noticed (SIGKILL to Doomed)",
        "us",
        own.median(),
        "waitpid of as large a process, no device",
        &bare,
        Goal::AtMost(0.8),
    );
    remark(&format!(
        "  p99 {:.0} us; the clients' own parents' waitpid {:.0} us; first signs: {causes:?}",
        own.at(0.99),
        parent.median()
    ));
    Ok(())
}

/// Signal to the last byte freed.
pub fn freed(daemon: &Kfdd) -> anyhow::Result<()> {
    progress("deaths freed");
    let mut parent = Samples::default();
    let mut stages: [Samples; 4] = Default::default();
    let mut free = || {
        let (death, row) = die(daemon, FULL)?;
        parent.add(micros(death.killed, death.reaped));
        let marks = [row.doomed_at, row.stopped_at, row.answered_at, row.unpublished_at];
        for (samples, mark) in stages.iter_mut().zip(marks) {
            samples.add(micros(death.killed, mark.0));
        }
        Ok(micros(death.killed, row.freed_at.0))
    };
    let mut bare = || {
        let (actor, pages) = BareLife::start(FULL.pages())?.into_parts();
        let killed = kill_under_wait(actor)?;
        let begun = actor::now();
        drop(pages);
        Ok(micros(killed.killed, killed.reaped) + micros(begun, actor::now()))
    };
    let Turns { own: [own], floors: [bare] } = alternate(FREED_ROUNDS, [&mut free], [&mut bare])?;
    ratio(
        "SIGKILL to everything freed, 8 queues, 64 BOs, p50",
        "us",
        own.median(),
        "waitpid + munmap and free of as many pages",
        &bare,
        Goal::AtMost(1.5),
    );
    absolute(
        "SIGKILL to everything freed, 8 queues, 64 BOs, p99",
        "ms",
        own.at(0.99) / 1000.0,
        Goal::AtMost(2.0),
    );
    let [doomed, stopped, answered, unpublished] = stages.map(|samples| samples.median());
    remark(&format!(
        "  medians from SIGKILL, us: doomed {doomed:.0}, queues stopped {stopped:.0}, waiters answered {answered:.0}, unpublished {unpublished:.0}; its own parent's waitpid {:.0}",
        parent.median()
    ));
    Ok(())
}

/// Kills a process; milliseconds until its pidfd fires, and when the signal was sent.
fn kill_under_pidfd(actor: &mut Actor) -> anyhow::Result<(u64, f64)> {
    let pidfd = Pidfd::open(Tgid(actor.id()))?;
    let killed = actor.kill()?;
    poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
    let fired = micros(killed, actor::now()) / 1000.0;
    actor.reap()?;
    Ok((killed, fired))
}

/// Signal to notice, of a client with much memory and a parked thread, beside its own pidfd; and that beside the pidfd of a
/// process of as much memory without a device.
pub fn large(daemon: &Kfdd) -> anyhow::Result<()> {
    progress("deaths of large clients");
    let dev = daemon.dev_text();
    let (mut own, mut pidfd, mut alone) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..LARGE_ROUNDS {
        let mut bare = BareLife::spawn_with(SMALL.pages(), LARGE_MIB)?.until_ready()?;
        alone.add(kill_under_pidfd(&mut bare.actor)?.1);
        let first = daemon.next_death()?;
        let mut actor = client::spawn(&dev, SMALL, LARGE_MIB)?.until_ready()?;
        let (killed, fired) = kill_under_pidfd(&mut actor)?;
        pidfd.add(fired);
        let row = obituary(daemon, first, actor.id())?;
        own.add(micros(killed, row.doomed_at.0) / 1000.0);
    }
    ratio(
        "SIGKILL to Doomed, 1 GiB and a parked thread",
        "ms",
        own.median(),
        "its pidfd firing",
        &Floor::new(pidfd, alone),
        Goal::AtMost(0.005),
    );
    Ok(())
}
