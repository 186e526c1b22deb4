//! What GPU the machine itself has.
//!
//! A served `/dev/kfd` is a regular file behind a symlink or a FUSE directory; a driver's is a character device. That
//! tells them apart wherever the daemon serves.

use kfd_core::topology::DEVICES;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The machine's own `/dev/kfd`, if a driver made one.
#[must_use]
pub fn real_kfd() -> Option<PathBuf> {
    let kfd = PathBuf::from("/dev/kfd");
    is_char_device(&kfd).then_some(kfd)
}

/// The machine's own `/dev/dri/renderD*` (of any driver).
#[must_use]
pub fn real_render_nodes() -> Vec<PathBuf> {
    let mut nodes = real_dri_nodes();
    nodes.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("renderD")));
    nodes
}

/// The machine's own nodes in `/dev/dri` (of any driver).
pub(super) fn real_dri_nodes() -> Vec<PathBuf> {
    let mut nodes = fs::read_dir("/dev/dri")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_char_device(path))
        .collect::<Vec<_>>();
    nodes.sort();
    nodes
}

/// The machine's own devices at one of these places of the bus. One that a view shows is not its own.
pub(super) fn real_devices_at(addresses: &[OsString]) -> Vec<PathBuf> {
    let served = Path::new("/sys").join(DEVICES);
    let bus = Path::new("/sys/bus/pci/devices");
    let at = addresses.iter().map(|address| bus.join(address));
    at.filter(|path| fs::canonicalize(path).is_ok_and(|real| !real.starts_with(&served))).collect()
}

fn is_char_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.file_type().is_char_device())
}
