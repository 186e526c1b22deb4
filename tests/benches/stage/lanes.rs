//! Lives by the hundred, [`LANES`] at a time. A lane is a process of one thread that forks a child, waits until it has done
//! its work, kills and reaps it. Fork without exec: what is compared is the server's part, which a slow program start would hide.

use super::actor::{self, Actor};
use super::sys;
use anyhow::ensure;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// Lives at a time: one a core of the machine that the goals name.
pub const LANES: usize = 2;
/// Lives of a lane in a round.
pub const LIVES: usize = 150;

/// What a life holds until it is killed.
pub type Held = Box<dyn std::any::Any>;

/// Runs the lanes of a round; from the first start to the end of all. Each lane's role gets its number after `arguments`.
pub fn run(role: &str, arguments: &[&str]) -> anyhow::Result<(u64, u64)> {
    let start = |lane: usize| {
        let (mine, theirs) = UnixStream::pair()?;
        let lane = lane.to_string();
        let arguments = [arguments, &[&lane]].concat();
        Ok((Actor::start(role, &arguments, Some(theirs.into()))?.until_ready()?, mine))
    };
    let mut lanes = (0..LANES).map(start).collect::<anyhow::Result<Vec<_>>>()?;
    let from = actor::now();
    for (_, go) in &mut lanes {
        go.write_all(b"g")?;
    }
    for (lane, _) in &mut lanes {
        ensure!(lane.reap()?.success(), "a lane failed");
    }
    Ok((from, actor::now()))
}

/// A lane's whole life: forks, lets the child do its work (which is told the how manieth it is), kills and reaps it, again
/// and again; and the process that the child has made, if `pairs`, which dies with it.
pub fn raise(pairs: bool, work: impl Fn(usize) -> anyhow::Result<Held>) -> anyhow::Result<()> {
    nix::sys::prctl::set_child_subreaper(pairs)?;
    actor::ready()?;
    actor::given()?.read_exact(&mut [0])?;
    let (done, mut told) = (UnixStream::pair()?, [0]);
    for number in 0..LIVES {
        let Some(child) = sys::fork()? else {
            // Not inherited over fork.
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
            let held = work(number);
            let word: &[u8] = if held.is_ok() { b"d" } else { b"f" };
            (&done.0).write_all(word)?;
            let _held = held?;
            actor::sleep_for_ever()
        };
        (&done.1).read_exact(&mut told)?;
        kill(child, Signal::SIGKILL)?;
        waitpid(child, None)?;
        if pairs {
            waitpid(None, None)?;
        }
        ensure!(told == *b"d", "a life failed");
    }
    Ok(())
}
