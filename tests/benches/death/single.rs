//! One death at a time.

use crate::measure::{Goal, Samples, absolute, ratio, remark};
use crate::stage::actor::{self, Actor};
use crate::stage::client::{self, BareLife, Shape};
use crate::stage::kfdd::Kfdd;
use anyhow::Context;
use kfd_core::death::Obituary;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use notifier::watch::{Pidfd, Tgid};
use std::collections::HashMap;
use std::os::fd::AsFd;
use std::time::Duration;

/// Deaths of each comparison.
const ROUNDS: usize = 150;
/// Deaths of the large client, which takes a second each.
const LARGE_ROUNDS: usize = 5;
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

/// The obituaries since `first` by thread group; a reused id keeps its last, so ids are unique only within a round
/// of deaths that are all read together.
fn obituaries(daemon: &Kfdd, first: u64, count: usize) -> anyhow::Result<HashMap<u32, Obituary>> {
    Ok(daemon.deaths(first, count)?.into_iter().map(|row| (row.tgid.0, row)).collect())
}

/// Signal to notice, of a client that is not parked.
pub fn noticed(daemon: &Kfdd) -> anyhow::Result<()> {
    let (first, dev) = (daemon.next_death()?, daemon.dev_text());
    let mut dead = HashMap::new();
    let mut bare = Samples::default();
    for _ in 0..ROUNDS {
        let actor = client::start(&dev, SMALL)?;
        dead.insert(actor.id(), kill_under_wait(actor)?);
        let (actor, _pages) = BareLife::start(SMALL.pages())?.into_parts();
        let death = kill_under_wait(actor)?;
        bare.add(micros(death.killed, death.reaped));
    }
    let rows = obituaries(daemon, first, dead.len())?;
    let (mut ours, mut parent) = (Samples::default(), Samples::default());
    let mut causes: HashMap<String, u32> = HashMap::new();
    for (tgid, death) in &dead {
        let row = rows.get(tgid).context("every client has an obituary")?;
        ours.add(micros(death.killed, row.doomed_at.0));
        parent.add(micros(death.killed, death.reaped));
        *causes.entry(format!("{:?}", row.cause)).or_default() += 1;
    }
    ratio(
        "death noticed (SIGKILL to Doomed)",
        "us",
        ours.median(),
        "its parent blocked in waitpid",
        parent.median(),
        Goal::AtMost(0.95),
    );
    remark(&format!(
        "  p99 {:.0} us; waitpid of a process of the same size without a device {:.0} us; first signs: {causes:?}",
        ours.at(0.99),
        bare.median()
    ));
    Ok(())
}

/// Signal to the last byte freed.
pub fn freed(daemon: &Kfdd) -> anyhow::Result<()> {
    let (first, dev) = (daemon.next_death()?, daemon.dev_text());
    let mut dead = HashMap::new();
    let mut bare = Samples::default();
    for _ in 0..ROUNDS {
        let actor = client::start(&dev, FULL)?;
        dead.insert(actor.id(), kill_under_wait(actor)?);
        let (actor, pages) = BareLife::start(FULL.pages())?.into_parts();
        let killed = kill_under_wait(actor)?;
        let begun = actor::now();
        drop(pages);
        bare.add(micros(killed.killed, killed.reaped) + micros(begun, actor::now()));
    }
    let rows = obituaries(daemon, first, dead.len())?;
    let mut ours = Samples::default();
    let mut parent = Samples::default();
    let mut stages: [Samples; 4] = Default::default();
    for (tgid, death) in &dead {
        let row = rows.get(tgid).context("every client has an obituary")?;
        ours.add(micros(death.killed, row.freed_at.0));
        parent.add(micros(death.killed, death.reaped));
        let marks = [row.doomed_at, row.stopped_at, row.answered_at, row.unpublished_at];
        for (samples, mark) in stages.iter_mut().zip(marks) {
            samples.add(micros(death.killed, mark.0));
        }
    }
    ratio(
        "SIGKILL to everything freed, 8 queues, 64 BOs, p50",
        "us",
        ours.median(),
        "waitpid + munmap and free of as many pages",
        bare.median(),
        Goal::AtMost(1.5),
    );
    absolute(
        "SIGKILL to everything freed, 8 queues, 64 BOs, p99",
        "ms",
        ours.at(0.99) / 1000.0,
        Goal::AtMost(5.0),
    );
    let [doomed, stopped, answered, unpublished] = stages.map(|samples| samples.median());
    remark(&format!(
        "  medians from SIGKILL, us: doomed {doomed:.0}, queues stopped {stopped:.0}, waiters answered {answered:.0}, unpublished {unpublished:.0}; its own parent's waitpid {:.0}",
        parent.median()
    ));
    Ok(())
}

/// Signal to notice, of a client with much memory and a parked thread, beside its own pidfd.
pub fn large(daemon: &Kfdd) -> anyhow::Result<()> {
    let (first, dev) = (daemon.next_death()?, daemon.dev_text());
    let mut dead = HashMap::new();
    for _ in 0..LARGE_ROUNDS {
        let mut actor = client::spawn(&dev, SMALL, LARGE_MIB)?.until_ready()?;
        let pidfd = Pidfd::open(Tgid(actor.id()))?;
        let killed = actor.kill()?;
        poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
        dead.insert(actor.id(), Death { killed, reaped: actor::now() });
        actor.reap()?;
    }
    let rows = obituaries(daemon, first, dead.len())?;
    let (mut ours, mut pidfd) = (Samples::default(), Samples::default());
    for (tgid, death) in &dead {
        let row = rows.get(tgid).context("every client has an obituary")?;
        ours.add(micros(death.killed, row.doomed_at.0) / 1000.0);
        pidfd.add(micros(death.killed, death.reaped) / 1000.0);
    }
    ratio(
        "SIGKILL to Doomed, 1 GiB and a parked thread",
        "ms",
        ours.median(),
        "its pidfd firing",
        pidfd.median(),
        Goal::AtMost(0.05),
    );
    Ok(())
}
