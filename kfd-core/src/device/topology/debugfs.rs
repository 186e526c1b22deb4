//! `/sys/kernel/debug/dri` of the devices with RAS: their names, by which a tool finds the directory of a render node's
//! device, and the place of the file that takes orders for errors.
//!
//! The file itself is the door's; a private view lays it over the empty one here. A device's
//! directory has the number of its primary node.

use super::Tree;
use super::device_path::{DevicePath, Numbers};
use crate::device::profile::Profile;

pub(super) fn plant(tree: &mut Tree, profile: &Profile, numbers: Numbers) {
    for path in DevicePath::all(profile, numbers).filter(|path| !path.device.ras.is_empty()) {
        let (device, card) = (path.device, path.card);
        let address = device.pci.address();
        let at = format!("sys/kernel/debug/dri/{card}");
        // The line of `drm_name_info` (drm/drm_debugfs.c).
        tree.file(format!("{at}/name"), format!("amdgpu dev={address} unique={address}\n"));
        tree.file(format!("{at}/ras/ras_ctrl"), "");
        tree.link(format!("sys/kernel/debug/dri/{}", device.render_minor.0), card.to_string());
    }
}
