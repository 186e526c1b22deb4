//! The run directory's sysfs tree above the real one.

use super::compose::{Clash, stack};
use super::{ViewError, step};
use nix::mount::{MsFlags, mount};
use std::path::Path;

/// The sysfs directories that have a counterpart in `<run>/sys`; links of `class` lead into `devices/virtual`.
const COVERED: [&str; 3] = ["devices/virtual", "class", "module"];

/// Covers each of [`COVERED`] with the same directory of `tree` above it, read-only; `scratch` is a directory to
/// build in.
///
/// # Errors
/// [`ViewError::NotServed`] when `tree` lacks one; [`ViewError::Step`] when neither an overlay nor a composition
/// could be mounted.
pub(super) fn cover(tree: &Path, scratch: &Path, clash: Clash) -> Result<(), ViewError> {
    for folder in COVERED {
        let (upper, target) = (tree.join(folder), Path::new("/sys").join(folder));
        if let Err(source) = std::fs::read_dir(&upper) {
            return Err(ViewError::NotServed { path: upper, source });
        }
        // An overlay merges always; to replace directories takes the composition.
        let refused = match clash {
            Clash::Replace => None,
            Clash::Merge => match overlay(&upper, &target) {
                Ok(()) => continue,
                Err(refused) => Some(refused),
            },
        };
        stack(&upper, &target, scratch, clash).map_err(|failed| refused.unwrap_or(failed))?;
    }
    Ok(())
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
