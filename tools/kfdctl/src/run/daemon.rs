//! The daemon of a run: one that answers already, or one of its own.

use super::leftovers;
use crate::cli::{self, Run};
use anyhow::{Context, bail};
use kfdd::control::{Control, Reply, Request};
use kfdd::{Config, Daemon};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The report of a drain that left something.
pub type LeakReport = serde_json::Value;

/// How the names of temporary run directories begin.
const PREFIX: &str = "kfdctl-";

/// How long a drain may be silent.
const QUIET: Duration = Duration::from_secs(2);

/// Who serves the command.
#[derive(Debug)]
pub enum Serving {
    /// A daemon that was there before and stays.
    Running(PathBuf),
    /// A daemon inside this process; the folder is removed at the end when this run made it.
    Embedded(Box<Daemon>, Option<PathBuf>),
}

impl Serving {
    /// Uses the daemon that answers in the run directory, else starts one.
    ///
    /// # Errors
    /// A running daemon with another profile than asked for; a daemon that cannot start.
    pub fn find_or_start(asked: &Run) -> anyhow::Result<Self> {
        let run_dir = cli::run_dir(asked.run_dir.as_ref());
        let shown = if asked.embedded { None } else { answering(&run_dir)? };
        if let Some(Shown { profile, gpus, interface }) = shown {
            if let Some(wanted) = asked.profile.as_ref().filter(|wanted| **wanted != profile) {
                bail!(
                    "the daemon in {} shows {profile}, not {wanted}; leave --profile out, or add --embedded for a \
                     daemon of this command's own",
                    run_dir.display()
                );
            }
            if let Some(wanted) = asked.gpus.filter(|wanted| *wanted as usize != gpus) {
                bail!(
                    "the daemon in {} shows {gpus} devices, not {wanted}; leave --gpus out, or add --embedded for a \
                     daemon of this command's own",
                    run_dir.display()
                );
            }
            if let Some(wanted) = asked.interface.filter(|wanted| *wanted != interface) {
                bail!(
                    "the daemon in {} reports interface 1.{interface}, not 1.{wanted}; leave --interface out, or add \
                     --embedded for a daemon of this command's own",
                    run_dir.display()
                );
            }
            if asked.waves.is_some() {
                bail!(
                    "the daemon in {} has its own --waves; leave it out, or add --embedded for a daemon of this \
                     command's own",
                    run_dir.display()
                );
            }
            return Ok(Self::Running(run_dir));
        }
        // A folder that was named is used, so that another terminal can name it too.
        let (run_dir, made) = match &asked.run_dir {
            Some(_) => (run_dir, None),
            None => temporary().map(|made| (made.clone(), Some(made)))?,
        };
        let mut config = Config {
            run_dir,
            gpus: asked.gpus,
            interface: asked.interface,
            waves: asked.waves,
            ..Config::default()
        };
        if let Some(profile) = &asked.profile {
            config.profile.clone_from(profile);
        }
        match Daemon::start(&config) {
            Ok(daemon) => Ok(Self::Embedded(Box::new(daemon), made)),
            Err(error) => {
                made.iter().for_each(|folder| remove(folder));
                Err(error)
                    .context("cannot start a daemon for this command (`kfdctl doctor` says what is missing)")
            }
        }
    }

    /// The run directory of the daemon that serves the command.
    pub fn run_dir(&self) -> &Path {
        match self {
            Self::Running(path) => path,
            Self::Embedded(daemon, _) => daemon.run_dir(),
        }
    }

    /// Drains an embedded daemon; what it left behind, if anything.
    pub fn end(self) -> Option<LeakReport> {
        let Self::Embedded(daemon, made) = self else { return None };
        let report = said_when_slow(|| daemon.shutdown());
        made.iter().for_each(|folder| remove(folder));
        (!report.is_empty()).then(|| {
            serde_json::to_value(&report)
                .unwrap_or_else(|error| format!("unprintable report: {error}").into())
        })
    }
}

/// Does `work`, and says so on stderr when it takes longer than [`QUIET`].
fn said_when_slow<T>(work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (done, finished) = mpsc::channel::<()>();
        scope.spawn(move || {
            if finished.recv_timeout(QUIET) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("kfdctl: the command has ended; taking back what its processes held…");
            }
        });
        let result = work();
        drop(done);
        result
    })
}

/// The machine that a daemon shows.
struct Shown {
    profile: String,
    gpus: usize,
    interface: u32,
}

/// What the daemon that answers in `run_dir` shows; `None` when nobody does.
fn answering(run_dir: &Path) -> anyhow::Result<Option<Shown>> {
    match Control::of(run_dir).ask(&Request::Version) {
        Ok(Reply::Version { profile, gpus, interface, .. }) => Ok(Some(Shown { profile, gpus, interface })),
        Ok(other) => bail!("the daemon in {} answered {other:?} when asked who it is", run_dir.display()),
        Err(kfdd::control::client::ControlError::Absent { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A fresh folder: below /run for root, else below the user's run-time folder.
fn temporary() -> anyhow::Result<PathBuf> {
    let parent = if nix::unistd::geteuid().is_root() {
        PathBuf::from("/run")
    } else {
        std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from)
    };
    leftovers::sweep(&parent, PREFIX);
    nix::unistd::mkdtemp(&parent.join(format!("{PREFIX}XXXXXX"))).with_context(|| {
        format!("cannot make a run directory in {}; name one with --run-dir", parent.display())
    })
}

/// Removes what a daemon's drain leaves of a run directory: its lock file. Never recursive: a mount that could not be
/// undone must not be walked into.
fn remove(folder: &Path) {
    drop(fs::remove_file(folder.join("lock")));
    // Once the lock is free, another run may take it for a leftover and remove it first.
    if let Err(error) = fs::remove_dir(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %folder.display(), %error, "the temporary run directory stays behind");
    }
}
