//! `/dev` with `kfd` and `dri/` in it.
//!
//! `kfd` is a symlink into the FUSE directory and `dri` that directory's own: a bind mount of a single FUSE *file*
//! would pin one node, and two processes would then share it (ABI.md 4).

use super::compose::{self, Clash};
use super::{ViewError, step};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The view's own directory, inside the covered `/dev`.
const PRIVATE: &str = ".kfdd";

/// What a run directory's FUSE directory holds.
#[derive(Debug)]
pub(super) struct Served {
    render_nodes: BTreeSet<OsString>,
}

impl Served {
    /// Looks into `<run_dir>/dev`.
    ///
    /// # Errors
    /// [`ViewError::NotServed`] when there is no `kfd` or no `dri` in it.
    pub(super) fn look(run_dir: &Path) -> Result<Self, ViewError> {
        let kfd = run_dir.join("dev/kfd");
        if let Err(source) = fs::metadata(&kfd) {
            return Err(ViewError::NotServed { path: kfd, source });
        }
        let dri = run_dir.join("dev/dri");
        let entries = fs::read_dir(&dri).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<BTreeSet<_>, _>>()
        });
        match entries {
            Ok(render_nodes) => Ok(Self { render_nodes }),
            Err(source) => Err(ViewError::NotServed { path: dri, source }),
        }
    }

    /// The names in `dri`.
    pub(super) fn render_nodes(&self) -> &BTreeSet<OsString> {
        &self.render_nodes
    }
}

/// Covers `/dev` and returns the view's private directory in it.
///
/// # Errors
/// [`ViewError::NotServed`], [`ViewError::Step`].
pub(super) fn cover(run_dir: &Path, clash: Clash) -> Result<PathBuf, ViewError> {
    let served = Served::look(run_dir)?;
    // Its real path may lie below /dev itself, which is about to be covered.
    let fuse = compose::Below::of(&run_dir.join("dev"))?;
    let dev = Path::new("/dev");
    let below = compose::tmpfs_over(dev)?;
    compose::show_all(&below.path(), &["kfd", "dri", PRIVATE].map(OsString::from).into(), dev)?;

    let private = dev.join(PRIVATE);
    fs::create_dir(&private).map_err(step("create", &private))?;
    compose::show(&fuse.path().join("."), &private.join("dev"))?;
    let kfd = dev.join("kfd");
    symlink(Path::new(PRIVATE).join("dev/kfd"), &kfd).map_err(step("create", &kfd))?;

    let (dri, real) = (dev.join("dri"), below.path().join("dri"));
    if clash == Clash::Replace || fs::symlink_metadata(&real).is_err() {
        compose::show(&fuse.path().join("dri"), &dri)?;
    } else {
        fs::create_dir(&dri).map_err(step("create", &dri))?;
        for name in served.render_nodes() {
            let link = dri.join(name);
            symlink(Path::new("..").join(PRIVATE).join("dev/dri").join(name), &link)
                .map_err(step("create", &link))?;
        }
        compose::show_all(&real, served.render_nodes(), &dri)?;
    }
    Ok(private)
}
