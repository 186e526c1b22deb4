//! Temporary run directories whose `kfdctl run` was killed: unmounted and removed by the next one.
//!
//! A directory is a leftover when nobody holds its lock file and that file is older than [`YOUNG`]: a run that is just
//! starting has made its own and not locked it yet.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, umount2};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// How long a start may take from making the lock file to locking it, generously.
const YOUNG: Duration = Duration::from_secs(10);

/// Removes the leftovers among the directories of `parent` whose names begin with `prefix`. What cannot be removed
/// stays, and is logged: it hinders nobody.
pub fn sweep(parent: &Path, prefix: &str) {
    sweep_older(parent, prefix, YOUNG);
}

fn sweep_older(parent: &Path, prefix: &str, age: Duration) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        let folder = entry.path();
        // Another user's folder, or a link to somebody else's, is not ours to remove.
        let user = nix::unistd::geteuid().as_raw();
        if !entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == user) {
            continue;
        }
        let Ok(file) = File::options().write(true).open(folder.join("lock")) else { continue };
        let made = file.metadata().and_then(|found| found.modified());
        if !made.is_ok_and(|made| made.elapsed().is_ok_and(|elapsed| elapsed >= age)) {
            continue;
        }
        let Ok(_held) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
        match remove(&folder) {
            Ok(()) => tracing::info!(path = %folder.display(), "removed what a killed run left"),
            Err(error) => {
                tracing::warn!(path = %folder.display(), %error, "a killed run's directory stays behind");
            }
        }
    }
}

fn remove(folder: &Path) -> std::io::Result<()> {
    // A dead FUSE mount makes even a look at its directory fail. Not mounted is EINVAL; an ordinary user, who cannot have
    // mounted one, gets EPERM.
    for mounted in ["dev", "sys", "proc"] {
        match umount2(&folder.join(mounted), MntFlags::MNT_DETACH) {
            Ok(()) | Err(Errno::EINVAL | Errno::ENOENT | Errno::EPERM) => {}
            Err(other) => return Err(other.into()),
        }
    }
    let absent_is_fine = |result: std::io::Result<()>| match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    // Not recursive: something may still be mounted there.
    absent_is_fine(fs::remove_dir(folder.join("dev")))?;
    absent_is_fine(fs::remove_dir_all(folder.join("sys")))?;
    absent_is_fine(fs::remove_dir_all(folder.join("proc")))?;
    absent_is_fine(fs::remove_file(folder.join("control")))?;
    absent_is_fine(fs::remove_file(folder.join("lock")))?;
    fs::remove_dir(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_that_nobody_holds_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let make = |name: &str, lock: bool| {
            let folder = parent.path().join(name);
            fs::create_dir_all(folder.join("sys/class")).unwrap();
            fs::create_dir(folder.join("dev")).unwrap();
            if lock {
                fs::write(folder.join("lock"), "").unwrap();
            }
            folder
        };
        let (left, held, starting) =
            (make("kfdctl-left", true), make("kfdctl-held", true), make("kfdctl-new", false));
        let foreign = make("other-left", true);
        let lock = File::options().write(true).open(held.join("lock")).unwrap();
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).unwrap();
        sweep(parent.path(), "kfdctl-");
        assert!(left.exists(), "it may be starting");
        sweep_older(parent.path(), "kfdctl-", Duration::ZERO);
        drop(lock);
        assert_eq!([left, held, starting, foreign].map(|folder| folder.exists()), [false, true, true, true]);
    }
}
