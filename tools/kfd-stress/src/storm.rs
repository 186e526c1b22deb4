//! Spawning clients, killing each at a random moment, replacing the dead.
//!
//! One thread: the next kill is the earliest of all, and between two kills it sleeps. A killed child is reaped at once
//! after its death, so the number of zombies is bounded by the number of clients. One that has ended by itself is told of,
//! unless its daemon is gone: then all of them end, and that is told once.

use crate::voices::Voices;
use anyhow::Context;
use kfd_core::clock::{Clock, Monotonic};
use kfd_core::ids::Nanos;
use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// When the storm is over.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// After this many kills.
    Kills(u64),
    /// After this time.
    Time(Duration),
}

/// What the storm is to be.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Clients alive at a time.
    pub clients: u32,
    /// When it ends.
    pub bound: Bound,
    /// The longest life before the kill.
    pub longest_life: Duration,
    /// Clients run kernels that never end, too.
    pub kernels: bool,
    /// Of every choice.
    pub seed: u64,
}

/// What a storm has counted.
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Storm {
    /// When SIGKILL was sent, by thread group; a reused id holds its kills in order.
    pub kills: HashMap<u32, Vec<Nanos>>,
    pub killed: u64,
    /// Clients that ended by themselves, which a healthy run has none of.
    pub ended_early: u64,
    /// How long it took.
    pub took: Duration,
}

/// Now, on the clock that the daemon's obituaries use.
pub fn now() -> Nanos {
    Monotonic.now()
}

/// A small generator (xorshift64*, Vigna 2016): the storm's choices need speed and repeatability, not secrecy.
#[derive(Debug, Clone)]
pub struct Choices(u64);

impl Choices {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Evenly below `bound`, which must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

struct Victim {
    child: Child,
    due: Instant,
}

/// Those who live; whoever is left is killed when the storm ends by an error.
#[derive(Default)]
struct Victims(Vec<Victim>);

impl Drop for Victims {
    fn drop(&mut self) {
        for victim in &mut self.0 {
            // One that is gone already is what was wanted.
            drop(victim.child.kill());
        }
        for victim in &mut self.0 {
            drop(victim.child.wait());
        }
    }
}

/// Runs the storm against the daemon that serves `run_dir`; `answers` says whether it is there still.
pub fn run(plan: &Plan, run_dir: &Path, answers: &dyn Fn() -> anyhow::Result<()>) -> anyhow::Result<Storm> {
    let own = std::env::current_exe().context("cannot find this program's file")?;
    let mut choices = Choices::new(plan.seed);
    let mut storm = Storm::default();
    let mut all = Victims::default();
    let victims = &mut all.0;
    let voices = Voices::open().context("cannot listen to the clients")?;
    let started = Instant::now();
    let mut told = Instant::now();
    let over = |storm: &Storm, spawned: u64| match plan.bound {
        Bound::Kills(kills) => spawned >= kills,
        Bound::Time(time) => storm.killed > 0 && started.elapsed() >= time,
    };
    let mut spawned = 0;
    loop {
        while victims.len() < plan.clients as usize && !over(&storm, spawned) {
            let life = Duration::from_micros(choices.below(plan.longest_life.as_micros().max(1) as u64));
            let child = spawn(&own, run_dir, choices.below(u64::MAX), plan.kernels, &voices)?;
            victims.push(Victim { child, due: Instant::now() + life });
            spawned += 1;
            // A full house takes a while to spawn; kills that are due meanwhile come first.
            if victims.iter().any(|victim| victim.due <= Instant::now()) {
                break;
            }
        }
        let Some(next) = (0..victims.len()).min_by_key(|index| victims[*index].due) else { break };
        let wait = victims[next].due.saturating_duration_since(Instant::now());
        std::thread::sleep(wait);
        let child = &mut victims[next].child;
        if let Some(status) = child.try_wait()? {
            answers().with_context(|| {
                format!(
                    "the daemon went during the storm, after {} kills; its clients ended with it",
                    storm.killed
                )
            })?;
            voices.tell();
            eprintln!("kfd-stress: client {} ended by itself: {status}", child.id());
            storm.ended_early += 1;
        }
        kill(victims.swap_remove(next).child, &mut storm)?;
        if told.elapsed() >= Duration::from_secs(1) {
            told = Instant::now();
            let seconds = started.elapsed().as_secs_f64();
            eprintln!(
                "{seconds:>6.1} s  {} alive  {} killed  {:.0} lives/s",
                victims.len(),
                storm.killed,
                storm.killed as f64 / seconds
            );
        }
    }
    storm.took = started.elapsed();
    Ok(storm)
}

fn spawn(own: &Path, run_dir: &Path, seed: u64, kernels: bool, voices: &Voices) -> anyhow::Result<Child> {
    Command::new(own)
        .arg(crate::victim::MARKER)
        .arg(run_dir.join("dev"))
        .arg(seed.to_string())
        .args(kernels.then_some(crate::victim::KERNELS))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(voices.of_a_client()?)
        .spawn()
        .context("cannot start a client")
}

fn kill(mut child: Child, storm: &mut Storm) -> anyhow::Result<()> {
    let at = now();
    child.kill().context("cannot kill a client")?;
    storm.kills.entry(child.id()).or_default().push(at);
    storm.killed += 1;
    child.wait().context("cannot reap a client")?;
    Ok(())
}
