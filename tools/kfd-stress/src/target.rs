//! The daemon under stress: the one that serves a run directory, or an embedded one. Both are asked over the control
//! socket, so both are measured alike.

use anyhow::{Context, bail};
use kfd_core::death::Obituary;
use kfd_core::leak::{LeakReport, Totals};
use kfdd::control::{Control, Reply, Request};
use kfdd::{Config, Daemon};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the daemon may take to free the last client after the storm.
const SETTLE: Duration = Duration::from_secs(10);

/// The daemon under stress.
pub struct Target {
    run_dir: PathBuf,
    control: Control,
    /// The embedded daemon and its scratch directory, in drop order.
    embedded: Option<(Daemon, tempfile::TempDir)>,
    first_death: u64,
}

/// What the daemon holds, and its open descriptors.
pub struct Held {
    /// The core's counters.
    pub totals: Totals,
    /// Open descriptors of the daemon's process.
    pub fds: u64,
}

impl Target {
    /// The daemon that serves `run_dir`, or an embedded one in a scratch directory.
    pub fn reach(run_dir: Option<&Path>) -> anyhow::Result<Self> {
        let (run_dir, embedded) = match run_dir {
            Some(run_dir) => (run_dir.to_owned(), None),
            None => {
                let scratch = tempfile::tempdir().context("cannot make a scratch directory")?;
                let run_dir = scratch.path().join("run");
                let daemon = Daemon::start(&Config { run_dir: run_dir.clone(), ..Config::default() })?;
                (run_dir, Some((daemon, scratch)))
            }
        };
        let control = Control::of(&run_dir);
        let Reply::Deaths { next, .. } = control.ask(&Request::Deaths { since: u64::MAX })? else {
            bail!("the daemon answered something else than its deaths");
        };
        Ok(Self { run_dir, control, embedded, first_death: next })
    }

    /// Where the daemon serves.
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Whether the daemon is there still, or why not.
    pub fn answers(&self) -> anyhow::Result<()> {
        self.control.ask(&Request::Version).map(drop).map_err(Into::into)
    }

    /// What the daemon holds now.
    pub fn totals(&self) -> anyhow::Result<Held> {
        match self.control.ask(&Request::Totals)? {
            Reply::Totals { totals, fds } => Ok(Held { totals, fds }),
            _ => bail!("the daemon answered something else than its totals"),
        }
    }

    /// The deaths since this target was reached, once the daemon holds no more than `before`, or after ten seconds.
    pub fn settled_deaths(&self, before: &Held) -> anyhow::Result<Vec<Obituary>> {
        let started = Instant::now();
        while started.elapsed() < SETTLE {
            let now = self.totals()?;
            if now.totals.processes <= before.totals.processes
                && now.totals.callbacks <= before.totals.callbacks
            {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        match self.control.ask(&Request::Deaths { since: self.first_death })? {
            Reply::Deaths { deaths, .. } => Ok(deaths),
            _ => bail!("the daemon answered something else than its deaths"),
        }
    }

    /// Drains an embedded daemon and gives its leak report; a running one goes on.
    pub fn finish(self) -> anyhow::Result<Option<LeakReport>> {
        Ok(self.embedded.map(|(daemon, _scratch)| daemon.shutdown()))
    }
}
