//! The sysfs of a machine with these devices, as data: which files there are and what is in them.
//!
//! Paths are relative to the run directory: `sys/…` stands for `/sys/…`, `proc/modules` for `/proc/modules`. What is
//! in the files follows amdkfd's `kfd_topology.c` and `kfd_crat.c` and amdgpu; which files there are follows their readers:
//! libhsakmt (`topology.c`), libdrm (`xf86drm.c`), kmod's lsmod, tinygrad, rocm-smi and amd-smi, nvtop, radeontop,
//! amdgpu_top and AMD's device plugin. Not for: writing it anywhere, or the figures that are asked for at each reading.

pub(crate) mod board;
mod cache;
mod debugfs;
mod device_path;
mod discovery;
mod drm;
mod gauge;
mod host;
mod hwmon;
mod kfd;
mod link;
mod module;
mod node;
mod pci;
mod properties;
mod tree;

pub use device_path::{DEVICES, Numbers};
pub use gauge::{Gauge, Live};
pub use host::Host;
pub use tree::{Entry, Tree};

use crate::device::profile::Profile;
use device_path::DevicePath;

/// The tree of `profile` on a default [`Host`].
#[must_use]
pub fn tree(profile: &Profile) -> Tree {
    tree_on(profile, &Host::default())
}

/// The tree of `profile` on `host`.
#[must_use]
pub fn tree_on(profile: &Profile, host: &Host) -> Tree {
    let mut tree = Tree::default();
    kfd::plant(&mut tree, profile, host);
    tree.directory(format!("sys/{DEVICES}"));
    for path in DevicePath::all(profile, host.numbers) {
        pci::plant(&mut tree, &path, host);
        drm::plant(&mut tree, &path);
        board::plant(&mut tree, &path, host);
        hwmon::plant(&mut tree, &path);
        discovery::plant(&mut tree, &path);
    }
    drm::plant_class(&mut tree);
    debugfs::plant(&mut tree, profile, host.numbers);
    module::plant(&mut tree, host);
    tree
}
