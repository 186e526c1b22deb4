//! Which directories of the machine have a counterpart in a run directory: for a private view, which lays the one above the
//! other, and for a container, which shows the one instead of the other.

use super::error::ViewError;
use kfd_core::topology::DEVICES;
use std::path::{Path, PathBuf};

/// The sysfs directories that have a counterpart in `<run>/sys`; links of the others lead into `devices/virtual`.
const COVERED: [&str; 5] = ["devices/virtual", "class", "module", PCI, "dev/char"];

/// The bus; a machine without one has no directory of it.
const PCI: &str = "bus/pci";
/// The directory of all buses.
const BUSES: &str = "bus";

/// A path that shows another (a bind mount, mount(8)).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Bind {
    /// What is shown, in a run directory.
    pub from: PathBuf,
    pub at: PathBuf,
    /// Whether what is in it is opened for writing: nodes are.
    pub writable: bool,
}

impl Bind {
    /// A bind of what nobody writes to.
    pub fn read_only(from: impl Into<PathBuf>, at: impl Into<PathBuf>) -> Self {
        Self { from: from.into(), at: at.into(), writable: false }
    }
}

/// The places of sysfs.
#[derive(Debug)]
pub(super) struct Sysfs {
    /// Trees of plain files.
    pub(super) trees: Vec<Bind>,
    /// The directories of the devices, which the door serves; they lie in the first of the trees.
    pub(super) devices: Bind,
}

impl Sysfs {
    /// Those of a run directory.
    ///
    /// # Errors
    /// [`ViewError::NotServed`] when the run directory lacks one.
    pub(super) fn of(run_dir: &Path) -> Result<Self, ViewError> {
        let (tree, sys) = (run_dir.join("sys"), Path::new("/sys"));
        let mut trees = Vec::new();
        for folder in COVERED {
            let folder = if folder == PCI && !sys.join(PCI).is_dir() { BUSES } else { folder };
            let (from, at) = (tree.join(folder), sys.join(folder));
            if let Err(reason) = std::fs::read_dir(&from) {
                return Err(ViewError::NotServed { path: from, reason });
            }
            trees.push(Bind::read_only(from, at));
        }
        Ok(Self { trees, devices: Bind::read_only(run_dir.join("dev/amdgpu"), sys.join(DEVICES)) })
    }
}
