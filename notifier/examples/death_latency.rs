//! What the ring costs and how soon it tells, each beside its peer, in one run.
//!
//! ```text
//! cargo run --release -p notifier --example death_latency [ROUNDS]
//! ```
//!
//! - one death at a time: SIGKILL to notice, by `Watcher` and by a parent blocked in waitpid(2)
//! - CPU of the loop per death, by `Watcher` with each way to linger and by epoll: in a storm (all killed at
//!   once) and in a stream (one each 300 µs)
//! - the early signs: `kill_sign`, `mm_state`
//!
//! Rounds of the peers alternate, for the machine drifts. Not a benchmark with goals; `cargo xtask bench` is.

use std::error::Error;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use notifier::watch::{Event, Linger, Pidfd, Tgid, Tid, Token, Watcher, kill_sign, mm_state};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Children that are killed in a storm or a stream.
const STORM: u32 = 500;

fn sleeper() -> Result<Child> {
    Ok(Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn()?)
}

fn settle() {
    thread::sleep(Duration::from_millis(2));
}

fn median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
    let micros = (usage.user_time() + usage.system_time()).num_microseconds();
    Ok(Duration::from_micros(micros.unsigned_abs()))
}

/// Kills one child while `notice` waits on another thread; how long until it returned.
fn kill_to_notice(notice: impl FnOnce(Child) -> Result<(Instant, Child)> + Send) -> Result<Duration> {
    let child = sleeper()?;
    let pidfd = Pidfd::open(Tgid(child.id()))?;
    thread::scope(|scope| {
        let waiter = scope.spawn(|| notice(child).map_err(|e| e.to_string()));
        settle();
        let killed = Instant::now();
        pidfd.send_signal(nix::sys::signal::Signal::SIGKILL)?;
        let (noticed, mut child) = waiter.join().map_err(|_| "the waiting thread panicked")??;
        child.wait()?;
        Ok(noticed - killed)
    })
}

fn by_waitpid(mut child: Child) -> Result<(Instant, Child)> {
    child.wait()?;
    Ok((Instant::now(), child))
}

fn by_watcher(child: Child) -> Result<(Instant, Child)> {
    let mut watcher = Watcher::new()?;
    watcher.watch_death(Pidfd::open(Tgid(child.id()))?.as_fd(), Token::new(0, 1, 0))?;
    let mut events = Vec::new();
    watcher.wait(&mut events)?;
    let noticed = Instant::now();
    assert_eq!(events, [Event::Died(Token::new(0, 1, 0))]);
    Ok((noticed, child))
}

/// The pause between two kills of a stream; the dying is done well within it.
const STREAM: Duration = Duration::from_micros(300);

/// The loop's CPU per death, and how often it had to look.
struct Storm {
    cpu: Duration,
    looks: u32,
}

/// Kills `STORM` children from another thread with this pause between, while `notice` counts them.
fn storm(pause: Duration, notice: impl FnOnce(&[Pidfd]) -> Result<Storm>) -> Result<Storm> {
    let mut children = (0..STORM).map(|_| sleeper()).collect::<Result<Vec<_>>>()?;
    let pidfds =
        children.iter().map(|child| Pidfd::open(Tgid(child.id()))).collect::<std::io::Result<Vec<_>>>()?;
    let (go, gone) = mpsc::channel::<()>();
    let killer = thread::spawn(move || {
        let _ = gone.recv_timeout(Duration::from_millis(50));
        for child in &mut children {
            let next = Instant::now() + pause;
            let _ = child.kill();
            while Instant::now() < next {
                std::hint::spin_loop();
            }
        }
        for child in &mut children {
            let _ = child.wait();
        }
    });
    let result = notice(&pidfds);
    drop(go);
    killer.join().map_err(|_| "the killing thread panicked")?;
    result
}

fn storm_by_watcher(pause: Duration, linger: Linger) -> Result<Storm> {
    storm(pause, |pidfds| {
        let mut watcher = Watcher::new()?;
        watcher.set_linger(linger);
        watcher
            .watch_deaths((0..).zip(pidfds).map(|(slot, pidfd)| (pidfd.as_fd(), Token::new(slot, 1, 0))))?;
        let (before, mut deaths, mut looks, mut events) = (cpu()?, 0, 0, Vec::new());
        while deaths < pidfds.len() {
            events.clear();
            watcher.wait(&mut events)?;
            deaths += events.len();
            looks += 1;
        }
        Ok(Storm { cpu: (cpu()? - before) / STORM, looks })
    })
}

fn storm_by_epoll(pause: Duration) -> Result<Storm> {
    storm(pause, |pidfds| {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (slot, pidfd) in (0..).zip(pidfds) {
            epoll.add(pidfd, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, slot))?;
        }
        let (before, mut deaths, mut looks) = (cpu()?, 0, 0);
        let mut events = [EpollEvent::empty(); 64];
        while deaths < pidfds.len() {
            let found = epoll.wait(&mut events, EpollTimeout::NONE)?;
            for event in &events[..found] {
                epoll.delete(&pidfds[event.data() as usize])?;
            }
            deaths += found;
            looks += 1;
        }
        Ok(Storm { cpu: (cpu()? - before) / STORM, looks })
    })
}

fn per_call(calls: u32, mut call: impl FnMut() -> Result<()>) -> Result<Duration> {
    let begun = Instant::now();
    for _ in 0..calls {
        call()?;
    }
    Ok(begun.elapsed() / calls)
}

fn main() -> Result<()> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(300), |text| text.parse())?;

    let (mut waitpid, mut watcher) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        waitpid.push(kill_to_notice(by_waitpid)?);
        watcher.push(kill_to_notice(by_watcher)?);
    }
    let (waitpid, watcher) = (median(waitpid), median(watcher));
    println!("SIGKILL to notice, one at a time, {rounds} rounds: p50, p99");
    println!("  waitpid   {:?}, {:?}", waitpid.0, waitpid.1);
    println!("  Watcher   {:?}, {:?}", watcher.0, watcher.1);
    println!("  ratio     {:.3}", watcher.0.as_secs_f64() / waitpid.0.as_secs_f64());

    let eager = Linger { from: 1, ..Linger::default() };
    type Way<'a> = (&'a str, &'a dyn Fn(Duration) -> Result<Storm>);
    let ways: [Way<'_>; 4] = [
        ("epoll", &storm_by_epoll),
        ("Watcher, never lingers", &|pause| storm_by_watcher(pause, Linger::NEVER)),
        ("Watcher, by default", &|pause| storm_by_watcher(pause, Linger::default())),
        ("Watcher, always lingers", &|pause| storm_by_watcher(pause, eager)),
    ];
    for (shape, pause) in [("storm", Duration::ZERO), ("stream", STREAM)] {
        println!("CPU of the loop per death, {STORM} in a {shape}: median of 5, looks at the ring");
        let mut storms = ways.map(|_| Vec::new());
        for _ in 0..5 {
            for ((_, way), storms) in ways.iter().zip(&mut storms) {
                storms.push(way(pause)?);
            }
        }
        for ((name, _), mut storms) in ways.iter().zip(storms) {
            storms.sort_unstable_by_key(|storm| storm.cpu);
            println!("  {name:<24} {:?}, {}", storms[2].cpu, storms[2].looks);
        }
    }

    let mut child = sleeper()?;
    settle();
    let tgid = Tgid(child.id());
    let (read, both) = (
        OpenOptions::new().read(true).open(format!("/proc/{tgid}/mem"))?,
        OpenOptions::new().read(true).write(true).open(format!("/proc/{tgid}/mem"))?,
    );
    println!("early signs, per call");
    let time = per_call(20_000, || {
        black_box(kill_sign(tgid, Some(Tid(tgid.0)))?);
        Ok(())
    })?;
    println!("  kill_sign                {time:?}");
    let time = per_call(200_000, || {
        black_box(mm_state(both.as_fd())?);
        Ok(())
    })?;
    println!("  mm_state, read and write {time:?}");
    let time = per_call(200_000, || {
        black_box(mm_state(read.as_fd())?);
        Ok(())
    })?;
    println!("  mm_state, read only      {time:?}");
    child.kill()?;
    child.wait()?;
    Ok(())
}
