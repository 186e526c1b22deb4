//! The mount: made at the start, what an earlier daemon left behind taken away first, and undone at the end.
//!
//! A daemon killed by SIGKILL leaves a mount whose every access is ENOTCONN; it is unmounted and reported. A mount that
//! somebody serves is an error, and so is one that nobody answers: it may be a daemon that is only stopped.

use super::channel::Channel;
use super::error::DoorError;
use crate::mountinfo::{self, Mounted};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// How long a server may take to answer a stat of its root before it counts as unresponsive.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// A mounted connection; unmounted on drop.
#[derive(Debug)]
pub(super) struct Mount {
    path: PathBuf,
    /// The connection's number: the minor of the mount's device.
    connection: Option<u32>,
    /// A dead daemon's mount was found there and removed.
    pub(super) recovered: bool,
}

impl Mount {
    /// Mounts the connection that `channel` will serve.
    pub(super) fn new(path: &Path, channel: &Channel) -> Result<Self, DoorError> {
        let bad = |source| DoorError::MountPoint { path: path.to_owned(), source };
        let path = resolve(path).map_err(bad)?;
        let recovered = clear(&path)?;
        if !fs::metadata(&path).map_err(bad)?.is_dir() {
            return Err(bad(io::ErrorKind::NotADirectory.into()));
        }
        // allow_other: clients are other users; default_permissions: the kernel judges modes, so ACCESS never comes.
        let options = format!(
            "fd={},rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions",
            channel.number()
        );
        // Not MS_NOEXEC: runtimes map executable objects from the render node with PROT_EXEC.
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOATIME;
        mount(Some("kfdd"), &path, Some("fuse.kfdd"), flags, Some(options.as_str()))
            .map_err(|errno| DoorError::system("mount the FUSE file system")(errno.into()))?;
        let connection = mounted(&path)?.and_then(|mounted| Some(mounted.device?.1));
        Ok(Self { path, connection, recovered })
    }

    /// Major and minor of its device. Major 0 is that of devices without hardware.
    pub(super) fn device(&self) -> Option<(u32, u32)> {
        self.connection.map(|minor| (0, minor))
    }

    /// Detaches the mount and aborts the connection, whoever still has files open: their later calls are ENOTCONN.
    pub(super) fn abort(&self) {
        let Err(error) = umount2(&self.path, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH) else { return };
        // Somebody has unmounted it before us. Where files are open the connection lives on, and so would the door
        // threads' reads.
        tracing::warn!(path = %self.path.display(), %error, "unmounting failed; the connection is aborted");
        if let Some(connection) = self.connection
            && let Err(error) = abort_connection(connection)
        {
            tracing::error!(connection, %error, "the connection could not be aborted");
        }
    }
}

/// The absolute path of a mount point, found without touching a mount at its end, which might not answer.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Ok(fs::canonicalize(parent)?.join(name))
}

/// A file that aborts the connection mounted on `path` when something is written to it. It is that connection's for ever:
/// once the connection is gone it does nothing, whatever is mounted there then.
///
/// # Errors
/// Nothing of that kind is mounted there, or fusectl is missing and cannot be mounted.
pub fn abort_file(path: &Path) -> io::Result<File> {
    let mounted = mounted(&resolve(path)?).map_err(io::Error::other)?;
    control_of(mounted.and_then(|mounted| Some(mounted.device?.1)).ok_or(io::ErrorKind::NotFound)?)
}

/// Opens the abort file of a connection in fusectl (Documentation/filesystems/fuse.rst), which is mounted where it is not
/// yet.
fn control_of(connection: u32) -> io::Result<File> {
    let control = Path::new("/sys/fs/fuse/connections");
    if mounted(control).ok().flatten().is_none() {
        mount(Some("fusectl"), control, Some("fusectl"), MsFlags::empty(), None::<&str>)?;
    }
    File::options().write(true).open(control.join(connection.to_string()).join("abort"))
}

/// Aborts a connection. One that is gone is what was wanted.
fn abort_connection(connection: u32) -> io::Result<()> {
    match control_of(connection) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => file?.write_all(b"1"),
    }
}

/// Takes a dead daemon's mount away; true when there was one.
fn clear(path: &Path) -> Result<bool, DoorError> {
    let mut found = false;
    // Mounts stack: each turn removes the topmost.
    while let Some(Mounted { kind, .. }) = mounted(path)? {
        if kind != "fuse" && !kind.starts_with("fuse.") {
            return Err(DoorError::Occupied { path: path.to_owned(), kind });
        }
        match answer(path) {
            Some(Ok(())) => return Err(DoorError::InUse { path: path.to_owned() }),
            None => return Err(DoorError::Unresponsive { path: path.to_owned() }),
            Some(Err(error)) => {
                tracing::warn!(path = %path.display(), %error, "removing the mount of a daemon that is gone");
                umount2(path, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH)
                    .map_err(|errno| DoorError::system("remove the stale mount")(errno.into()))?;
                found = true;
            }
        }
    }
    Ok(found)
}

/// What is mounted on `path` (topmost), by the mount table, without touching the mount itself.
fn mounted(path: &Path) -> Result<Option<Mounted>, DoorError> {
    let table = fs::read("/proc/self/mountinfo").map_err(DoorError::system("read /proc/self/mountinfo"))?;
    Ok(mountinfo::mounts(&table).filter(|mounted| mounted.point.as_os_str() == path).last())
}

/// Whether the mount's server answers; `None` when it does neither that nor fail. Asked by statfs, which no cache
/// answers, on a thread of its own, since a mount that hangs does not return.
fn answer(path: &Path) -> Option<io::Result<()>> {
    let (send, receive) = mpsc::channel();
    let path = path.to_owned();
    std::thread::spawn(move || {
        // A closed receiver means that the answer came too late to matter.
        let _ = send.send(nix::sys::statfs::statfs(&path).map(drop).map_err(io::Error::from));
    });
    receive.recv_timeout(ANSWER_TIME).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_a_mount_point_and_an_odd_path_is_not() {
        assert!(mounted(Path::new("/proc")).unwrap().is_some());
        assert!(mounted(Path::new("/no/such place")).unwrap().is_none());
    }
}
