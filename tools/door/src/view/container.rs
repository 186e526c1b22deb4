//! What a container is given so that what runs in it sees a GPU.
//!
//! ```text
//!   /dev/.kfdd                        <run>/dev: a FUSE directory, of which each process gets nodes of its own
//!   /dev/kfd, /dev/dri/N              links into it: a bind mount of the single file would pin one node (ABI.md 4)
//!   /sys/class, /sys/module, …        the run directory's trees instead of the machine's
//!   /sys/devices/virtual/amdgpu       <run>/dev/amdgpu
//!   /usr/local/sbin/lsmod             <run>/proc/lsmod, since a runtime mounts nothing in /proc
//! ```
//! All devices are there whichever a container asks for: a process is told of each (GET_PROCESS_APERTURES), and libhsakmt ends
//! at one whose node it does not find. So one of them is a choice of the runtime's ([`ONE_ENV`]), and no boundary.
//! Not for: the form in which a container runtime is told, which `kfdctl cdi` writes.

use super::dev::{PRIVATE, Served};
use super::places::{Bind, Sysfs};
use super::{ViewError, choices};
use std::path::{Path, PathBuf};

/// First on the PATH that containers have unless they say otherwise.
const LSMOD: &str = "/usr/local/sbin/lsmod";

/// ROCR's choice of devices: their numbers in the order of the topology.
pub const ONE_ENV: &str = "ROCR_VISIBLE_DEVICES";

/// A link that a container has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The path that the link leads to.
    pub target: PathBuf,
    /// The path of the link.
    pub at: PathBuf,
}

/// What a container is given.
#[derive(Debug)]
pub struct Container {
    /// What is mounted, in this order.
    pub mounts: Vec<Bind>,
    /// Into the first of the mounts.
    pub links: Vec<Link>,
    /// How many devices are served.
    pub devices: usize,
    /// What its environment says.
    pub environment: &'static [(&'static str, &'static str)],
}

impl Container {
    /// What is served in a run directory, by a daemon that executes waves or not.
    ///
    /// # Errors
    /// [`ViewError::NotServed`] when something is not.
    pub fn of(run_dir: &Path, waves_run: bool) -> Result<Self, ViewError> {
        let served = Served::look(run_dir)?;
        let Sysfs { trees, devices } = Sysfs::of(run_dir)?;
        let private = Path::new("/dev").join(PRIVATE);
        let mut mounts = vec![Bind { from: run_dir.join("dev"), at: private, writable: true }];
        mounts.extend(trees);
        mounts.push(devices);
        mounts.push(Bind::read_only(run_dir.join("proc/lsmod"), LSMOD));
        let mut links = vec![Link { target: Path::new(PRIVATE).join("kfd"), at: "/dev/kfd".into() }];
        links.extend(served.dri_nodes().iter().map(|name| Link {
            target: Path::new("..").join(PRIVATE).join("dri").join(name),
            at: Path::new("/dev/dri").join(name),
        }));
        let devices = served.addresses(run_dir).len();
        Ok(Self { mounts, links, devices, environment: choices(waves_run) })
    }
}
