//! The run directory's sysfs tree above the real one.

use super::compose::{Clash, names, stack};
use super::error::{ViewError, step};
use super::places::Sysfs;
use nix::mount::{MsFlags, mount};
use std::path::Path;

/// Covers each place of sysfs with its counterpart in the run directory above it, read-only, and shows in it the directories
/// of the devices; `scratch` is a directory to build in.
///
/// # Errors
/// [`ViewError::NotServed`] when the run directory lacks one; [`ViewError::Step`] when neither an overlay nor a composition
/// could be mounted.
pub(super) fn cover(run_dir: &Path, scratch: &Path, clash: Clash) -> Result<(), ViewError> {
    let Sysfs { trees, devices } = Sysfs::of(run_dir)?;
    for place in &trees {
        lay(&place.from, &place.at, scratch, clash)?;
    }
    mount(Some(&devices.from), &devices.at, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(step("cover", &devices.at))
}

/// Covers debugfs likewise, and shows in it what the door serves below `<run_dir>/dev/ras`. Does nothing where no device
/// has such files, and where debugfs is none of the caller's business: not there, or root's (the run directory's own is).
///
/// # Errors
/// [`ViewError::Step`].
pub(super) fn cover_debugfs(run_dir: &Path, scratch: &Path, clash: Clash) -> Result<(), ViewError> {
    let (upper, target) = (run_dir.join("sys/kernel/debug"), Path::new("/sys/kernel/debug"));
    if [upper.as_path(), target].iter().any(|folder| std::fs::read_dir(folder).is_err()) {
        return Ok(());
    }
    lay(&upper, target, scratch, clash)?;
    let served = run_dir.join("dev/ras");
    for name in names(&served)? {
        let minor = name.to_string_lossy().replace("renderD", "");
        let (from, to) = (served.join(&name), target.join("dri").join(minor).join("ras/ras_ctrl"));
        mount(Some(&from), &to, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(step("cover", &to))?;
    }
    Ok(())
}

/// An overlay merges always; to replace directories, and where overlays are refused, takes the composition.
fn lay(upper: &Path, target: &Path, scratch: &Path, clash: Clash) -> Result<(), ViewError> {
    let refused = match clash {
        Clash::Replace => None,
        Clash::Merge => match overlay(upper, target) {
            Ok(()) => return Ok(()),
            Err(refused) => Some(refused),
        },
    };
    stack(upper, target, scratch, clash).map_err(|failed| refused.unwrap_or(failed))
}

/// Mounts an overlay of two lower layers, which needs no work directory and is read-only.
fn overlay(upper: &Path, target: &Path) -> Result<(), ViewError> {
    let options = format!("lowerdir={}:{}", escaped(upper), escaped(target));
    mount(Some("kfdd-view"), target, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .map_err(step("mount an overlay on", target))
}

/// overlayfs splits `lowerdir` at colons and options at commas unless they are escaped.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_of_overlay_options_are_escaped() {
        assert_eq!(escaped(Path::new("/run/a:b,c\\d")), "/run/a\\:b\\,c\\\\d");
    }
}
