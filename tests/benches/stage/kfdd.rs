//! The built daemon as a process of its own, in a scratch run directory.
//!
//! It logs warnings only: a log line per death is not part of what is measured. Drop ends it by SIGTERM, so that
//! nothing stays mounted; [`Kfdd::stop`] also says whether it left anything behind.

use super::{actor, proc};
use anyhow::{Context, bail, ensure};
use kfd_core::death::Obituary;
use kfd_tests::measure::cpus::{Cpus, Place};
use kfd_tests::task;
use kfdd::control::{Control, Reply, Request};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a daemon may take to serve, and to free what it was left with.
const PATIENCE: Duration = Duration::from_secs(20);

/// The role that becomes the daemon; its arguments are the program and the program's own.
pub const ROLE: actor::Role = ("kfdd", become_daemon);

/// Becomes the daemon in this process, which gets a SIGTERM when its parent ends: no mount is left behind.
fn become_daemon(arguments: &[String]) -> anyhow::Result<()> {
    let [program, rest @ ..] = arguments else { bail!("a program") };
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?;
    Err(Command::new(program).args(rest).exec().into())
}

/// A built program: `<target>/release/kfdd` beside `<target>/release/deps/<this>`.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program's file")?;
    let program = own.parent().and_then(|deps| deps.parent()).map(|dir| dir.join(name));
    program.filter(|path| path.exists()).context(
        "the programs are not built: run `cargo xtask bench`, or `cargo build --release --bins` before this",
    )
}

/// A running daemon.
pub struct Kfdd {
    child: Child,
    dir: TempDir,
    control: Control,
    started: Instant,
}

impl Kfdd {
    /// Starts one and waits until it serves. It drains when this program ends, however that ends.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// The same with further arguments.
    pub fn start_with(arguments: &[&str]) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("cannot find this program's file")?;
        let mut command = Command::new(own);
        command.args([actor::MARKER, ROLE.0]).arg(program("kfdd")?).args(arguments);
        let daemon = Self::spawn(command)?;
        let started = Instant::now();
        while daemon.control.ask(&Request::Version).is_err() {
            ensure!(started.elapsed() < PATIENCE, "kfdd does not serve (root and /dev/fuse are needed)");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(daemon)
    }

    /// Starts one directly and does not wait.
    pub fn launch() -> anyhow::Result<Self> {
        Self::spawn(Command::new(program("kfdd")?))
    }

    fn spawn(mut command: Command) -> anyhow::Result<Self> {
        // Beside the default run directory, so that the file system is the one that daemons start on.
        let dir = tempfile::Builder::new()
            .prefix("kfdd-bench-")
            .tempdir_in("/run")
            .context("cannot make a run directory below /run (root is needed)")?;
        let run_dir = dir.path().join("run");
        let started = Instant::now();
        let child = command
            .arg("--run-dir")
            .arg(&run_dir)
            .env("KFDD_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start kfdd")?;
        Ok(Self { child, control: Control::of(&run_dir), dir, started })
    }

    /// When its process was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// `kfdctl ARGUMENTS` for it.
    pub fn kfdctl(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(program("kfdctl")?);
        command.args(arguments).env(kfdd::rundir::ENV, self.dir.path().join("run"));
        Ok(command)
    }

    /// All its threads and its workers' stay there, and what they start.
    pub fn keep(&self, cpus: &Cpus, place: Place) -> anyhow::Result<()> {
        cpus.keep(&self.processes(), place)
    }

    /// The folder with `kfd` and `dri`.
    pub fn dev(&self) -> PathBuf {
        self.dir.path().join("run/dev")
    }

    /// The same, as an argument.
    pub fn dev_text(&self) -> String {
        self.dev().display().to_string()
    }

    /// The daemon's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its control socket.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Its process and its workers', and those that a worker has made.
    pub fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.id()];
        let mut next = 0;
        while let Some(process) = all.get(next) {
            all.extend(task::children(*process));
            next += 1;
        }
        all
    }

    /// CPU used so far, its workers' included; nanoseconds.
    pub fn cpu_nanos(&self) -> anyhow::Result<u64> {
        self.processes().into_iter().map(proc::cpu_nanos).sum()
    }

    /// The serial that the next death will have.
    pub fn next_death(&self) -> anyhow::Result<u64> {
        match self.control.ask(&Request::Deaths { since: u64::MAX })? {
            Reply::Deaths { next, .. } => Ok(next),
            _ => bail!("the daemon answered something else than its deaths"),
        }
    }

    /// The obituaries since serial `first`, once there are `count`. Asks rarely, not to disturb.
    pub fn deaths(&self, first: u64, count: usize) -> anyhow::Result<Vec<Obituary>> {
        self.deaths_within(first, count, PATIENCE)
    }

    /// The same within a time of the caller's.
    pub fn deaths_within(
        &self,
        first: u64,
        count: usize,
        patience: Duration,
    ) -> anyhow::Result<Vec<Obituary>> {
        let started = Instant::now();
        loop {
            match self.control.ask(&Request::Deaths { since: first })? {
                Reply::Deaths { deaths, .. } if deaths.len() >= count => return Ok(deaths),
                Reply::Deaths { deaths, .. } => ensure!(
                    started.elapsed() < patience,
                    "only {} of {count} clients were freed in {patience:?}",
                    deaths.len()
                ),
                _ => bail!("the daemon answered something else than its deaths"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Drains it; an error when it left anything behind.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let status = self.end()?;
        ensure!(status.success(), "the daemon left something behind: {status}");
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        kill(Pid::from_raw(self.id().try_into()?), Signal::SIGTERM)?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Kfdd {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("kfdd could not be ended: {error:#}");
        }
    }
}
