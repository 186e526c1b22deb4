//! A folder in memory: a tmpfs of its own where the run directory lies on a disk.
//!
//! The topology of eight devices is thousands of small files; on a disk their making takes most of a start. Where the
//! folder lies in memory already (`/run` of most machines), or where nothing may be mounted, it is a plain folder.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use std::fs;
use std::io;
use std::path::Path;

/// Makes `folder` anew and empty. What a daemon that was killed left there is taken away first.
///
/// # Errors
/// The folder cannot be made.
pub fn make(folder: &Path) -> io::Result<()> {
    remove(folder)?;
    fs::create_dir(folder)?;
    if statfs(folder)?.filesystem_type() == TMPFS_MAGIC {
        return Ok(());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    if let Err(error) = mount(Some("kfdd"), folder, Some("tmpfs"), flags, Some("mode=755,size=64m")) {
        tracing::debug!(path = %folder.display(), %error, "no tmpfs here; the files go to the disk");
    }
    Ok(())
}

/// Takes `folder` away with all that is in it. One that is not there is what was wanted.
///
/// # Errors
/// Something in it cannot be removed.
pub fn remove(folder: &Path) -> io::Result<()> {
    // EINVAL: nothing is mounted there. Detached, because a private view may be looking at it.
    while umount2(folder, MntFlags::MNT_DETACH).is_ok() {}
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
