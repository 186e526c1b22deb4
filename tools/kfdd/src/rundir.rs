//! The run directory: who holds it, and what is in it.
//!
//! ```text
//! <run>/lock      flock'ed while a daemon serves here
//! <run>/dev       the FUSE mount: kfd, dri/renderD128…
//! <run>/sys       the topology as plain files, in memory
//! <run>/proc      what of /proc a private view shows
//! <run>/control   the control socket
//! ```
//! A lock file that is not locked is what a crash left: everything in the directory is then taken over. One that a dead
//! process holds is too: a thread of it waits for its own mount (`door::workers`, `guard`), and whatever should have ended
//! that was killed with it. Not for: the mount itself, which the door owns.

use crate::tmpfs;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where a system-wide daemon serves (file-hierarchy: run-time data of a service).
pub const DEFAULT: &str = "/run/kfdd";

/// The environment variable that names the run directory for `kfdctl` and for clients inside `kfdctl run`.
pub const ENV: &str = "KFDD_RUN_DIR";

/// How long a dead holder of the lock may take to go once its connection was aborted.
const LAST_BREATH: Duration = Duration::from_secs(5);

/// Why a run directory could not be taken.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the names say it")]
pub enum RunDirError {
    /// Another daemon serves there.
    #[error("another kfdd already serves {0}; stop it, or give this one its own --run-dir")]
    Held(PathBuf),
    /// A file operation failed.
    #[error("cannot prepare {path} (give a --run-dir that this user may write)")]
    Io { path: PathBuf, source: io::Error },
}

/// A run directory that this process holds. Dropped: the files go and the lock is released last.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    lock: Flock<File>,
}

impl RunDir {
    /// Creates `path` if need be, locks it and makes its folders.
    ///
    /// # Errors
    /// [`RunDirError::Held`] when another process holds the lock, otherwise the failing path.
    pub fn take(path: &Path) -> Result<Self, RunDirError> {
        let io = |at: &Path| {
            let at = at.to_owned();
            move |source| RunDirError::Io { path: at, source }
        };
        fs::create_dir_all(path).map_err(io(path))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(io(path))?;
        // Not create_dir_all: it would look at what is there, and a dead daemon's mount answers no look.
        match fs::create_dir(dev(path)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(&dev(path))(error)),
            _ => {}
        }
        let lock_path = path.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(io(&lock_path))?;
        let lock = lock(file, path).map_err(|errno| match errno {
            Errno::EWOULDBLOCK => RunDirError::Held(path.to_owned()),
            other => RunDirError::Io { path: lock_path.clone(), source: other.into() },
        })?;
        let taken = Self { path: path.to_owned(), lock };
        for folder in [taken.sys(), taken.proc()] {
            tmpfs::make(&folder).map_err(io(&folder))?;
        }
        Ok(taken)
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The FUSE mount point; made when absent. A stale mount may still cover it: the door sees to that.
    #[must_use]
    pub fn dev(&self) -> PathBuf {
        dev(&self.path)
    }

    /// Where the topology is written.
    #[must_use]
    pub fn sys(&self) -> PathBuf {
        self.path.join("sys")
    }

    /// What a private view shows of /proc.
    #[must_use]
    pub fn proc(&self) -> PathBuf {
        self.path.join("proc")
    }

    /// The control socket.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        control(&self.path)
    }
}

/// Locks the lock file of the run directory `run`.
fn lock(mut file: File, run: &Path) -> Result<Flock<File>, Errno> {
    let until = Instant::now() + LAST_BREATH;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((file, Errno::EWOULDBLOCK)) if Instant::now() < until && is_held_by_dead(&file) => file,
            taken_or_not => return taken_or_not.map_err(|(_, errno)| errno),
        };
        // Nothing mounted, or nothing left to abort, is a holder that goes by itself.
        if let Ok(mut abort) = door::fuse::abort_file(&dev(run))
            && abort.write_all(b"1").is_ok()
        {
            tracing::warn!(path = %run.display(), "aborted the connection of a daemon that is dead and not gone");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the process that locked `file` is dead, though a thread of it may be left (proc(5): the holder is the fifth
/// field of a line of `locks`, the file the sixth; a state of Z is that of the main thread, which waits for nothing).
fn is_held_by_dead(file: &File) -> bool {
    let Ok(at) = file.metadata() else { return false };
    let (major, minor) = (libc::major(at.dev()), libc::minor(at.dev()));
    let locked = format!("{major:02x}:{minor:02x}:{}", at.ino());
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut holders = locks.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        matches!(fields[..], [_, "FLOCK", _, _, _, at, ..] if at == locked).then(|| fields[4].to_owned())
    });
    let is_dead = |holder: String| {
        let stat = fs::read_to_string(format!("/proc/{holder}/stat")).ok()?;
        Some(stat.rsplit_once(") ")?.1.starts_with(['Z', 'X']))
    };
    holders.next().and_then(is_dead).unwrap_or(false)
}

/// The mount point inside the run directory `run`.
#[must_use]
pub fn dev(run: &Path) -> PathBuf {
    run.join("dev")
}

/// The control socket inside the run directory `run`.
#[must_use]
pub fn control(run: &Path) -> PathBuf {
    run.join("control")
}

impl Drop for RunDir {
    fn drop(&mut self) {
        for folder in [self.sys(), self.proc()] {
            if let Err(error) = tmpfs::remove(&folder) {
                tracing::warn!(path = %folder.display(), %error, "left behind in the run directory");
            }
        }
        drop(fs::remove_file(self.control()));
        drop(fs::remove_dir(self.dev()));
        // The lock file stays: unlinking it would let a third daemon lock a new file while a second one, which opened
        // the old one before, locks that.
        tracing::debug!(path = %self.path.display(), lock = ?self.lock, "run directory released");
    }
}
