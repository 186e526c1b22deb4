//! `/dev` with `kfd` and `dri/` in it.
//!
//! `kfd` is a symlink into the FUSE directory and `dri` that directory's own: a bind mount of a single FUSE *file*
//! would pin one node, and two processes would then share it (ABI.md 4). `ptmx` is a symlink too, into a copy of the
//! machine's whole `/dev`: the kernel looks for `pts` beside the node in the same mount (`devpts_acquire`,
//! fs/devpts/inode.c), and a node bound alone has nothing beside it.

use super::compose::{Clash, Stage, show, show_all};
use super::error::{ViewError, step};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The view's own directory, inside the covered `/dev`.
pub(super) const PRIVATE: &str = ".kfdd";

/// What a run directory's FUSE directory holds.
#[derive(Debug)]
pub(super) struct Served {
    dri_nodes: BTreeSet<OsString>,
}

impl Served {
    /// Looks into `<run_dir>/dev`.
    ///
    /// # Errors
    /// [`ViewError::NotServed`] when there is no `kfd` or no `dri` in it.
    pub(super) fn look(run_dir: &Path) -> Result<Self, ViewError> {
        let kfd = run_dir.join("dev/kfd");
        if let Err(reason) = fs::metadata(&kfd) {
            return Err(ViewError::NotServed { path: kfd, reason });
        }
        let dri = run_dir.join("dev/dri");
        let entries = fs::read_dir(&dri).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<BTreeSet<_>, _>>()
        });
        match entries {
            Ok(dri_nodes) => Ok(Self { dri_nodes }),
            Err(reason) => Err(ViewError::NotServed { path: dri, reason }),
        }
    }

    /// The names in `dri`.
    pub(super) fn dri_nodes(&self) -> &BTreeSet<OsString> {
        &self.dri_nodes
    }

    /// The places of its devices on the bus.
    pub(super) fn addresses(&self, run_dir: &Path) -> Vec<OsString> {
        let devices = fs::read_dir(run_dir.join("sys/bus/pci/devices"));
        devices.into_iter().flatten().flatten().map(|entry| entry.file_name()).collect()
    }
}

/// Covers `/dev`, using the directory `scratch` meanwhile, and returns the view's private directory in it.
///
/// # Errors
/// [`ViewError::NotServed`], [`ViewError::Step`].
pub(super) fn cover(run_dir: &Path, scratch: &Path, clash: Clash) -> Result<PathBuf, ViewError> {
    let served = Served::look(run_dir)?;
    let stage = Stage::over(scratch)?;
    let (real, dev) = (Path::new("/dev"), stage.path());
    let private = dev.join(PRIVATE);
    fs::create_dir(&private).map_err(step("create", &private))?;
    show(&run_dir.join("dev"), &private.join("dev"))?;
    link(".kfdd/dev/kfd", &dev.join("kfd"))?;
    let mut ours: BTreeSet<OsString> = ["kfd", "dri", PRIVATE].map(OsString::from).into();
    // A view inside a view goes on with the copy of the outer one.
    let outer = real.join(PRIVATE).join("machine");
    let machine = if outer.is_dir() { &outer } else { real };
    if fs::symlink_metadata(machine.join("ptmx")).is_ok_and(|found| !found.is_symlink()) {
        show(machine, &private.join("machine"))?;
        link(".kfdd/machine/ptmx", &dev.join("ptmx"))?;
        ours.insert("ptmx".into());
    }
    show_all(real, &ours, dev)?;

    let (dri, real_dri) = (dev.join("dri"), real.join("dri"));
    if clash == Clash::Replace || fs::symlink_metadata(&real_dri).is_err() {
        show(&run_dir.join("dev/dri"), &dri)?;
    } else {
        fs::create_dir(&dri).map_err(step("create", &dri))?;
        for name in served.dri_nodes() {
            link(Path::new("../.kfdd/dev/dri").join(name), &dri.join(name))?;
        }
        show_all(&real_dri, served.dri_nodes(), &dri)?;
    }
    stage.cover(real)?;
    Ok(real.join(PRIVATE))
}

fn link(text: impl AsRef<Path>, at: &Path) -> Result<(), ViewError> {
    symlink(text, at).map_err(step("create", at))
}
