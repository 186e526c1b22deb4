//! Another root inside a view: a system of a release of its own, whose programs see the view's devices.

use super::compose::show;
use super::dev::PRIVATE;
use super::error::{ViewError, step};
use nix::mount::{MsFlags, mount};
use nix::unistd::{chdir, chroot};
use std::fs;
use std::path::{Path, PathBuf};

/// What every root has of the view.
const SHOWN: [&str; 3] = ["dev", "proc", "sys"];

/// Makes a file of the machine's appear at the same path inside and outside of any root; that path. To be called inside a view,
/// before the root is moved.
///
/// # Errors
/// [`ViewError::Step`].
pub fn lend(file: &Path) -> Result<PathBuf, ViewError> {
    let name =
        file.file_name().ok_or(std::io::ErrorKind::InvalidInput).map_err(step("find a name in", file))?;
    let at = Path::new("/dev").join(PRIVATE).join(name);
    show(file, &at)?;
    Ok(at)
}

/// Makes `root` the root of the calling process, which is inside a view, and shows the view in it.
///
/// # Errors
/// [`ViewError::Step`]: it is no directory, has no `/dev`, `/proc` or `/sys`, or the caller may not.
pub fn enter(root: &Path) -> Result<(), ViewError> {
    let root = fs::canonicalize(root).map_err(step("find", root))?;
    for name in SHOWN {
        let (from, at) = (Path::new("/").join(name), root.join(name));
        // What in the root is a link would lead out of it.
        if !fs::symlink_metadata(&at).map_err(step("find", &at))?.is_dir() {
            return Err(step("bind onto what is no directory,", &at)(std::io::Error::from(
                nix::errno::Errno::ENOTDIR,
            )));
        }
        mount(Some(&from), &at, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
            .map_err(step("bind", &at))?;
    }
    chroot(&root).map_err(step("change the root to", &root))?;
    chdir("/").map_err(step("go to", &root))
}
