//! This program started again, in a role of its own, as a child that dies with its parent's thread.
//!
//! Protocol: the child writes a line when it is ready; what it is to do further comes over its own means.

use anyhow::{Context, bail};
use kfd_core::clock::{Clock, Monotonic};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdout, Command, Stdio};

/// The first argument of a child; the role's name is the second.
pub const MARKER: &str = "--role";

/// A role: its name, and what it does with its arguments.
pub type Role = (&'static str, fn(&[String]) -> anyhow::Result<()>);

/// Becomes what the arguments say and exits, or returns when they name no role. First thing in `main`.
pub fn enter_if_asked(roles: &[Role]) {
    door::workers::enter_if_asked();
    door::wave_workers::enter_if_asked();
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(MARKER) {
        return;
    }
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let result = match roles.iter().chain([&super::kfdd::ROLE]).find(|(known, _)| *known == name) {
        Some((_, role)) => orphan_guard().and_then(|()| role(&rest)),
        None => Err(anyhow::anyhow!("no such role")),
    };
    if let Err(error) = result {
        eprintln!("bench role {name}: {error:#}");
        std::process::exit(1);
    }
    std::process::exit(0);
}

fn orphan_guard() -> anyhow::Result<()> {
    Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// Says that this child is ready.
pub fn ready() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(b"ready\n")?;
    Ok(out.flush()?)
}

/// Sleeps until it is killed.
pub fn sleep_for_ever() -> ! {
    loop {
        nix::unistd::pause();
    }
}

/// The descriptor a parent gave as standard input.
pub fn given() -> anyhow::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(std::io::stdin().as_fd().try_clone_to_owned()?))
}

/// A child in a role.
pub struct Actor {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Actor {
    /// Starts one. `given` becomes its standard input.
    pub fn start(role: &str, arguments: &[&str], given: Option<OwnedFd>) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("cannot find this program's file")?;
        let mut child = Command::new(own)
            .arg(MARKER)
            .arg(role)
            .args(arguments)
            .stdin(given.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the role {role}"))?;
        let out = BufReader::new(child.stdout.take().context("the child's output was piped")?);
        Ok(Self { child, out })
    }

    /// Waits until it says that it is ready.
    pub fn until_ready(mut self) -> anyhow::Result<Self> {
        let line = self.line()?;
        if line != "ready" {
            bail!("a child said {line:?} instead of being ready");
        }
        Ok(self)
    }

    /// Its next line.
    pub fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.out.read_line(&mut line)? == 0 {
            bail!("a child ended early");
        }
        Ok(line.trim_end().to_owned())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGKILL; when, on the clock of obituaries, in nanoseconds.
    pub fn kill(&mut self) -> anyhow::Result<u64> {
        let at = now();
        kill(Pid::from_raw(self.id().try_into()?), Signal::SIGKILL)?;
        Ok(at)
    }

    /// Waits for its end.
    pub fn reap(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        Ok(self.child.wait()?)
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // Both fail only when it was reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CLOCK_MONOTONIC, nanoseconds, as obituaries tell it.
pub fn now() -> u64 {
    Monotonic.now().0
}
