//! `/sys/kernel/debug/dri` of the devices with RAS: their names, by which a tool finds the directory of a render node's
//! device, and the place of the file that takes orders for errors.
//!
//! The file itself is the door's; a private view lays it over the empty one here. A primary node's number is the device's
//! place in topology order, since no other driver is shown.

use super::Tree;
use crate::profile::Profile;

pub(super) fn plant(tree: &mut Tree, profile: &Profile) {
    for (index, device) in profile.devices.iter().enumerate().filter(|(_, device)| !device.ras.is_empty()) {
        let address = device.pci.address();
        let at = format!("sys/kernel/debug/dri/{index}");
        // `drm_name_info` (drm/drm_debugfs.c).
        tree.file(format!("{at}/name"), format!("amdgpu dev={address} unique={address}\n"));
        tree.file(format!("{at}/ras/ras_ctrl"), "");
        tree.link(format!("sys/kernel/debug/dri/{}", device.render_minor.0), index.to_string());
    }
}
