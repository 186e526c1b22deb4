//! A daemon under test: a real `kfdd` process in a folder of its own.
//!
//! [`Kfdd::finish`] is the assertion that every test ends with: what the test's clients took is all back while the
//! daemon still runs, SIGTERM ends it with exit code 0 and an empty leak report, and neither a mount, nor a memory
//! worker, nor a file but the lock is left.

use crate::actor::Actor;
use crate::eventually::eventually;
use crate::program::program;
use crate::{able, task};
use kfd_core::account::Holdings;
use kfd_core::death::Obituary;
use kfd_core::leak::{LeakReport, Totals};
use kfd_core::listing::{ProcessRow, QueueRow};
use kfd_core::share::ShareRow;
use kfdd::control::{Control, Reply, Request};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long a daemon may take for anything that takes it milliseconds on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running daemon. Dropped without an end of its own (a failed test), it is killed and its log is shown.
#[derive(Debug)]
pub struct Kfdd {
    child: Option<Child>,
    folder: TempDir,
    run_dir: PathBuf,
    before: (Totals, u64),
}

/// A `kfdd` command for the run directory `run_dir`.
#[must_use]
pub fn command(run_dir: &Path) -> Command {
    let mut command = Command::new(program("kfdd"));
    command.arg("--run-dir").arg(run_dir).arg("--json").env_remove(kfdd::rundir::ENV).env("KFDD_LOG", "info");
    command
}

/// Runs a daemon that is to fail at its start; its output. One that serves all the same is killed after [`PATIENCE`].
///
/// # Panics
/// It cannot be started, or it serves.
pub fn refused(command: &mut Command) -> Output {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kfdd can be executed");
    let pid = child.id();
    if eventually(PATIENCE, || child.try_wait().expect("it is our child")).is_none() {
        let _ = kill(pid_of(pid), Signal::SIGTERM);
        let output = child.wait_with_output();
        panic!("the daemon serves though it should not: {output:?}");
    }
    child.wait_with_output().expect("its output was piped")
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().expect("a process id fits pid_t"))
}

/// A folder that every user may look into, so that clients of any uid reach the mount.
fn open_folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("kfd-test-").tempdir().expect("there is a temporary folder");
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("the folder is our own");
    folder
}

impl Kfdd {
    /// Starts one; `None`, said as a skip, where it cannot run.
    #[must_use]
    pub fn start() -> Option<Self> {
        able::live().then(|| Self::start_in(open_folder()))
    }

    /// Starts one that executes the waves of its clients.
    #[must_use]
    pub fn start_with_waves() -> Option<Self> {
        Self::start_as(|mut command| {
            command.args(["--waves", "run"]);
            command
        })
    }

    /// Starts one in a folder where another may have been.
    ///
    /// # Panics
    /// It does not serve within [`PATIENCE`]; its log is shown.
    #[must_use]
    pub fn start_in(folder: TempDir) -> Self {
        Self::start_by(folder, |command| command)
    }

    /// `kfdctl ARGUMENTS` for this daemon.
    #[must_use]
    pub fn kfdctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("kfdctl"));
        command.args(arguments).env(kfdd::rundir::ENV, self.run_dir());
        command
    }

    /// Starts one by another command, made of its own: with an environment, or below a program that executes it.
    #[must_use]
    pub fn start_as(other: impl FnOnce(Command) -> Command) -> Option<Self> {
        able::live().then(|| Self::start_by(open_folder(), other))
    }

    fn start_by(folder: TempDir, other: impl FnOnce(Command) -> Command) -> Self {
        let run_dir = folder.path().join("run");
        let log = File::options().create(true).append(true).open(folder.path().join("log"));
        let report = File::create(folder.path().join("report"));
        let child = other(command(&run_dir))
            .stdin(Stdio::null())
            .stdout(report.expect("the folder is writable"))
            .stderr(log.expect("the folder is writable"))
            .spawn()
            .expect("kfdd can be executed");
        let mut this = Self { child: Some(child), folder, run_dir, before: Default::default() };
        let pid = this.pid();
        let answers = || match this.control().ask(&Request::Version) {
            Ok(Reply::Version { tgid, .. }) => (tgid == pid).then_some(()),
            _ => None,
        };
        assert!(eventually(PATIENCE, answers).is_some(), "the daemon serves");
        this.before = this.held();
        this
    }

    /// Its process id.
    ///
    /// # Panics
    /// It was ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a daemon is used until its end").id()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// It is gone.
    pub fn signal(&self, signal: Signal) {
        kill(pid_of(self.pid()), signal).expect("the daemon is our child");
    }

    /// Its memory workers, which are its only children.
    #[must_use]
    pub fn memory_workers(&self) -> Vec<u32> {
        task::children(self.pid())
    }

    /// Where it serves.
    #[must_use]
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// The folder with its nodes.
    #[must_use]
    pub fn dev(&self) -> PathBuf {
        self.run_dir.join("dev")
    }

    /// A folder of this test.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A client of it that has not opened anything.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::start(&self.dev())
    }

    /// A client of it that has its device open.
    #[must_use]
    pub fn client(&self) -> Actor {
        let mut actor = self.actor();
        actor.ok("open");
        actor
    }

    /// Its control socket.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::of(&self.run_dir)
    }

    fn ask(&self, request: &Request) -> Reply {
        let reply = self.control().ask(request);
        reply.unwrap_or_else(|error| panic!("{request:?}: {error}; {:?}", std::error::Error::source(&error)))
    }

    /// Its processes.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessRow> {
        let Reply::Processes { processes } = self.ask(&Request::Processes) else { panic!("another reply") };
        processes
    }

    /// The one row of a client.
    ///
    /// # Panics
    /// There is none, or more than one.
    #[must_use]
    pub fn row(&self, actor: &Actor) -> ProcessRow {
        let mut rows = self.processes();
        rows.retain(|row| row.tgid.0 == actor.pid());
        assert_eq!(rows.len(), 1, "rows of tgid {}: {rows:?}", actor.pid());
        rows.remove(0)
    }

    /// Its queues.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn queues(&self) -> Vec<QueueRow> {
        // An empty list of processes and one of queues are told apart by their key.
        match self.ask(&Request::Queues) {
            Reply::Queues { queues } => queues,
            other => panic!("{other:?}"),
        }
    }

    /// The memory that is shared.
    #[must_use]
    pub fn shares(&self) -> Vec<ShareRow> {
        let Reply::Shares { shares } = self.ask(&Request::Shares) else { panic!("another reply") };
        shares
    }

    /// The lives that have ended.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn deaths(&self) -> Vec<Obituary> {
        let Reply::Deaths { deaths, .. } = self.ask(&Request::Deaths { since: 0 }) else {
            panic!("another reply")
        };
        deaths
    }

    /// Waits for the obituary of a process id.
    ///
    /// # Panics
    /// It does not come within [`PATIENCE`].
    #[must_use]
    pub fn obituary(&self, pid: u32) -> Obituary {
        let look = || self.deaths().into_iter().rfind(|death| death.tgid.0 == pid);
        eventually(PATIENCE, look).unwrap_or_else(|| panic!("no obituary of {pid}: {:?}", self.processes()))
    }

    /// What it holds: objects and charges, and open descriptors.
    ///
    /// # Panics
    /// It does not answer.
    #[must_use]
    pub fn held(&self) -> (Totals, u64) {
        let Reply::Totals { totals, fds } = self.ask(&Request::Totals) else { panic!("another reply") };
        (totals, fds)
    }

    /// Asserts that everything comes back to what was held at the start, descriptors included.
    ///
    /// # Panics
    /// It does not within [`PATIENCE`]; what is left is shown.
    pub fn assert_no_residue(&self) {
        let clean = || {
            let (now, fds) = self.held();
            let (before, fds_before) = &self.before;
            let same = Totals { freed: before.freed, ..now } == *before;
            (same && fds <= *fds_before).then_some(())
        };
        if eventually(PATIENCE, clean).is_none() {
            let rows = self.processes();
            panic!("residue: before {:?}, now {:?}, processes {rows:?}", self.before, self.held());
        }
        assert!(self.before.0.holds == Holdings::default(), "a fresh daemon holds nothing");
    }

    /// The end of a test whose clients are all dead: no residue, then [`drain`](Self::drain).
    pub fn finish(self) {
        self.assert_no_residue();
        self.drain(Signal::SIGTERM);
    }

    /// Ends the daemon by a signal, clients or not: exit code 0, an empty leak report, nothing left behind.
    ///
    /// # Panics
    /// Any of that does not hold.
    pub fn drain(mut self, signal: Signal) {
        let workers = self.memory_workers();
        let mut child = self.child.take().expect("a daemon is used until its end");
        kill(pid_of(child.id()), signal).expect("the daemon is our child");
        let Some(status) = eventually(PATIENCE, || child.try_wait().expect("the daemon is our child")) else {
            self.child = Some(child);
            panic!("the daemon did not end within {PATIENCE:?} of {signal}");
        };
        let report = fs::read_to_string(self.folder.path().join("report")).expect("its output is there");
        let log = self.log();
        assert_eq!(status.code(), Some(0), "{status}: {report}\n{log}");
        let report: LeakReport = serde_json::from_str(&report).expect("the report is JSON");
        assert!(report.is_empty(), "{report}");
        assert!(!log.contains("panicked at"), "{log}");
        self.assert_gone(&workers);
        let left: Vec<_> = fs::read_dir(&self.run_dir).expect("the run directory stays").flatten().collect();
        assert!(left.iter().all(|entry| entry.file_name() == "lock"), "{left:?}");
    }

    /// Ends the daemon as a crash would; the folder, with its stale mount, is for the next one.
    ///
    /// # Panics
    /// It does not end within [`PATIENCE`], or its memory workers outlive it.
    #[must_use]
    pub fn crash(mut self) -> TempDir {
        let workers = self.memory_workers();
        let mut child = self.child.take().expect("a daemon is used until its end");
        child.kill().expect("the daemon is our child");
        let ended = eventually(PATIENCE, || child.try_wait().expect("the daemon is our child"));
        assert!(ended.is_some(), "the daemon is killed and does not end");
        let gone = eventually(PATIENCE, || {
            workers.iter().all(|pid| task::state(*pid, *pid).is_none()).then_some(())
        });
        assert!(gone.is_some(), "memory workers outlive their daemon: {workers:?}");
        std::mem::replace(&mut self.folder, open_folder())
    }

    /// Ends the daemon and its memory workers all at once, and does not wait for the end of any.
    ///
    /// # Panics
    /// It is not our child any more.
    #[must_use]
    pub fn crash_with_workers(mut self) -> TempDir {
        let workers = self.memory_workers();
        let mut child = self.child.take().expect("a daemon is used until its end");
        // Stopped, it cannot replace them.
        for (pid, signal) in std::iter::once((child.id(), Signal::SIGSTOP))
            .chain(workers.into_iter().map(|pid| (pid, Signal::SIGKILL)))
            .chain([(child.id(), Signal::SIGKILL)])
        {
            kill(pid_of(pid), signal).expect("the daemon is our child");
        }
        std::thread::spawn(move || child.wait());
        std::mem::replace(&mut self.folder, open_folder())
    }

    fn assert_gone(&self, workers: &[u32]) {
        let run = self.run_dir.to_str().expect("temporary folders have plain names");
        assert_eq!(task::mounts(run), Vec::<String>::new(), "mounts left behind");
        // All were killed before the daemon ended, which does not wait for one that is slow to go.
        for pid in workers {
            let gone = eventually(PATIENCE, || task::state(*pid, *pid).is_none().then_some(()));
            assert!(gone.is_some(), "memory worker {pid} is left behind");
        }
    }
}

impl Drop for Kfdd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
            for mounted in ["dev", "sys", "proc"] {
                let _ = umount2(&self.run_dir.join(mounted), MntFlags::MNT_FORCE | MntFlags::MNT_DETACH);
            }
            println!("-- the daemon's log:\n{}", self.log());
        }
    }
}
