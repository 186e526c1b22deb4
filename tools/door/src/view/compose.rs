//! Directories put together on a tmpfs out of bind mounts: for `/dev`, whose nodes must stay openable in a user
//! namespace (an overlay made there is `nodev`), and for sysfs where the kernel refuses an overlay.
//!
//! Entries that appear in the real directory later are not seen; those inside its subdirectories are.

use super::error::{ViewError, step};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// What happens to a directory that both the machine and the run directory have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clash {
    /// Both contents show, the run directory's first.
    Merge,
    /// Only the run directory's shows.
    Replace,
}

/// A tmpfs under construction, which covers the directory it was started on until it is moved to its place.
#[derive(Debug)]
pub(super) struct Stage<'a>(&'a Path);

impl<'a> Stage<'a> {
    /// Covers `scratch` with an empty tmpfs of at most 1 MiB.
    pub(super) fn over(scratch: &'a Path) -> Result<Self, ViewError> {
        mount(Some("kfdd-view"), scratch, Some("tmpfs"), MsFlags::MS_NOSUID, Some("mode=755,size=1m"))
            .map_err(step("mount a tmpfs on", scratch))?;
        Ok(Self(scratch))
    }

    /// Where the stage is seen until it moves to its place.
    pub(super) fn path(&self) -> &Path {
        self.0
    }

    /// Moves it over `target`, with everything mounted in it.
    pub(super) fn cover(self, target: &Path) -> Result<(), ViewError> {
        mount(Some(self.0), target, None::<&str>, MsFlags::MS_MOVE, None::<&str>)
            .map_err(step("cover", target))
    }
}

/// Covers `target` with a read-only tmpfs that shows `upper` above what was there.
pub(super) fn stack(upper: &Path, target: &Path, scratch: &Path, clash: Clash) -> Result<(), ViewError> {
    let stage = Stage::over(scratch)?;
    merge(upper, target, stage.path(), clash)?;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
    mount(None::<&str>, stage.path(), None::<&str>, flags, None::<&str>)
        .map_err(step("make read-only", target))?;
    stage.cover(target)
}

fn merge(upper: &Path, lower: &Path, out: &Path, clash: Clash) -> Result<(), ViewError> {
    let names = names(upper)?;
    for name in &names {
        let (from, below, to) = (upper.join(name), lower.join(name), out.join(name));
        if clash == Clash::Merge && is_real_dir(&from) && is_real_dir(&below) {
            fs::create_dir(&to).map_err(step("create", &to))?;
            merge(&from, &below, &to, clash)?;
        } else {
            show(&from, &to)?;
        }
    }
    show_all(lower, &names, out)
}

/// Makes every entry of `from` but those in `except` appear in `out`.
pub(super) fn show_all(from: &Path, except: &BTreeSet<OsString>, out: &Path) -> Result<(), ViewError> {
    for name in names(from)?.difference(except) {
        show(&from.join(name), &out.join(name))?;
    }
    Ok(())
}

/// Makes `from` appear as `to`: a link as the same link, anything else by a bind mount with all that is mounted in it.
pub(super) fn show(from: &Path, to: &Path) -> Result<(), ViewError> {
    let kind = match fs::symlink_metadata(from) {
        Ok(found) => found.file_type(),
        // It went away since the directory was read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(step("look at", from)(error)),
    };
    if kind.is_symlink() {
        let text = fs::read_link(from).map_err(step("read the link", from))?;
        return symlink(text, to).map_err(step("create", to));
    }
    if kind.is_dir() { fs::create_dir(to) } else { File::create(to).map(drop) }
        .map_err(step("create", to))?;
    match mount(Some(from), to, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>) {
        Ok(()) => Ok(()),
        Err(Errno::ENOENT) => fs::remove_file(to).map_err(step("remove", to)),
        Err(errno) => Err(step("bind", to)(errno)),
    }
}

/// The names in a directory.
pub(super) fn names(folder: &Path) -> Result<BTreeSet<OsString>, ViewError> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect())
        .map_err(step("list", folder))
}

fn is_real_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}
