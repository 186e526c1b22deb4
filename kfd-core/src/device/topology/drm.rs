//! A device's two nodes of DRM, `card<N>` and `renderD<N>` (drm/drm_sysfs.c), and the links to them.

use super::Tree;
use super::device_path::DevicePath;

/// DRM_MAJOR (linux/major.h), the major number of DRM's nodes.
const MAJOR: u32 = 226;

pub(super) fn plant(tree: &mut Tree, path: &DevicePath<'_>) {
    let render = path.device.render_minor.0;
    for (name, minor) in [(format!("card{}", path.card), path.card), (format!("renderD{render}"), render)] {
        let at = |file: &str| path.at(&format!("drm/{name}/{file}"));
        tree.file(at("dev"), format!("{MAJOR}:{minor}\n"));
        tree.file(
            at("uevent"),
            format!("MAJOR={MAJOR}\nMINOR={minor}\nDEVNAME=dri/{name}\nDEVTYPE=drm_minor\n"),
        );
        tree.link(at("device"), format!("../../../{}", path.device.pci.address()));
        tree.link(at("subsystem"), "../../../../../../class/drm");
        tree.link(format!("sys/class/drm/{name}"), format!("{}/drm/{name}", path.link(2)));
        tree.link(format!("sys/dev/char/{MAJOR}:{minor}"), format!("{}/drm/{name}", path.link(2)));
    }
}

/// Adds what exists once: CORE_NAME, CORE_MAJOR, CORE_MINOR, CORE_PATCHLEVEL, CORE_DATE (drm/drm_sysfs.c).
pub(super) fn plant_class(tree: &mut Tree) {
    tree.file("sys/class/drm/version", "drm 1.1.0 20060810\n");
}
