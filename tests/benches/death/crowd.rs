//! Many deaths: what each costs the daemon, and how long all take together.

use crate::single::{FULL, SMALL};
use crate::stage::actor::{self, Actor};
use crate::stage::client::{self, BareLife};
use crate::stage::kfdd::Kfdd;
use crate::stage::proc::thread_cpu_nanos;
use anyhow::Context;
use kfd_tests::measure::{Goal, Samples, Turns, alternate, progress, ratio, remark};
use notifier::watch::{Event, Pidfd, Tgid, Token, Watcher};
use std::os::fd::AsFd;
use std::time::Duration;

/// Clients of one CPU round, and rounds.
const CPU_CROWD: usize = 60;
const CPU_ROUNDS: usize = 6;
/// Between two kills of a CPU round: each death is one of its own.
const PAUSE: Duration = Duration::from_millis(2);
/// Clients killed at once, and rounds.
const CROWD: usize = 1000;
const ROUNDS: usize = 3;

/// CPU of the daemon and its workers per death.
pub fn cpu(daemon: &Kfdd) -> anyhow::Result<()> {
    progress("CPU of deaths");
    let Turns { own: [own], floors: [bare] } =
        alternate(CPU_ROUNDS, [&mut || daemon_cpu(daemon)], [&mut || bare_cpu()])?;
    ratio(
        "daemon CPU per death, 8 queues, 64 BOs",
        "us",
        own.median(),
        "bare pidfd watcher + munmap and free",
        &bare,
        Goal::AtMost(2.0),
    );
    Ok(())
}

fn daemon_cpu(daemon: &Kfdd) -> anyhow::Result<f64> {
    let mut crowd = client::crowd(&daemon.dev_text(), FULL, CPU_CROWD)?;
    let first = daemon.next_death()?;
    // What the last attach and this question left to do is done by then.
    std::thread::sleep(Duration::from_millis(50));
    let before = daemon.cpu_nanos()?;
    for actor in &mut crowd {
        actor.kill()?;
        actor.reap()?;
        std::thread::sleep(PAUSE);
    }
    std::thread::sleep(Duration::from_millis(100));
    let used = daemon.cpu_nanos()? - before;
    daemon.deaths(first, CPU_CROWD)?;
    Ok(used as f64 / CPU_CROWD as f64 / 1000.0)
}

fn bare_cpu() -> anyhow::Result<f64> {
    let lives = client::bare_crowd(FULL.pages(), CPU_CROWD)?;
    let (mut actors, memory): (Vec<Actor>, Vec<_>) = lives.into_iter().map(BareLife::into_parts).unzip();
    let pidfds =
        actors.iter().map(|actor| Pidfd::open(Tgid(actor.id()))).collect::<std::io::Result<Vec<_>>>()?;
    std::thread::scope(|scope| {
        let watching = scope.spawn(move || watch(&pidfds, memory));
        std::thread::sleep(Duration::from_millis(50));
        for actor in &mut actors {
            actor.kill()?;
            actor.reap()?;
            std::thread::sleep(PAUSE);
        }
        let used = watching.join().map_err(|_| anyhow::anyhow!("the watching thread panicked"))??;
        Ok(used as f64 / CPU_CROWD as f64 / 1000.0)
    })
}

/// Watches the pidfds and frees what belongs to each death; the CPU it took, without the arming.
fn watch<M>(pidfds: &[Pidfd], memory: Vec<M>) -> anyhow::Result<u64> {
    let mut watcher = Watcher::new()?;
    for (slot, pidfd) in (0..).zip(pidfds) {
        watcher.watch_death(pidfd.as_fd(), Token::new(slot, 1, 0))?;
    }
    let mut memory: Vec<Option<M>> = memory.into_iter().map(Some).collect();
    let (mut left, mut events) = (pidfds.len(), Vec::new());
    let before = thread_cpu_nanos()?;
    while left > 0 {
        events.clear();
        watcher.wait(&mut events)?;
        for event in &events {
            if let Event::Died(token) = event {
                memory[token.slot() as usize] = None;
                left -= 1;
            }
        }
    }
    Ok(thread_cpu_nanos()? - before)
}

/// All killed in one loop: until the last is freed, and until the last of as many bare processes is reaped.
pub fn at_once(daemon: &Kfdd) -> anyhow::Result<()> {
    progress("a thousand deaths at once");
    let mut reaped = Samples::default();
    let mut clients = || {
        let mut crowd = client::crowd(&daemon.dev_text(), SMALL, CROWD)?;
        let first = daemon.next_death()?;
        let (from, to) = kill_all(&mut crowd)?;
        let last = daemon.deaths(first, CROWD)?.iter().map(|row| row.freed_at.0).max();
        reaped.add(millis(from, to));
        Ok(millis(from, last.context("a crowd has a last one")?))
    };
    let mut bare = || {
        let lives = client::bare_crowd(SMALL.pages(), CROWD)?;
        let (mut crowd, memory): (Vec<Actor>, Vec<_>) = lives.into_iter().map(BareLife::into_parts).unzip();
        let (from, to) = kill_all(&mut crowd)?;
        drop(memory);
        Ok(millis(from, to))
    };
    let Turns { own: [own], floors: [bare] } = alternate(ROUNDS, [&mut clients], [&mut bare])?;
    ratio(
        &format!("{CROWD} clients killed at once, until all freed"),
        "ms",
        own.median(),
        "as many bare processes, until all reaped",
        &bare,
        Goal::AtMost(1.2),
    );
    remark(&format!("  until the clients themselves were all reaped: {:.1} ms", reaped.median()));
    Ok(())
}

fn millis(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

/// When the first was killed and when the last was reaped.
fn kill_all(crowd: &mut [Actor]) -> anyhow::Result<(u64, u64)> {
    let from = actor::now();
    for actor in crowd.iter_mut() {
        actor.kill()?;
    }
    for actor in crowd.iter_mut() {
        actor.reap()?;
    }
    Ok((from, actor::now()))
}
