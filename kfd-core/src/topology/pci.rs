//! `/sys/class/drm/renderD<minor>` with the PCI device behind it: what libdrm's `drmParsePciDeviceInfo`, rocm-smi and
//! tinygrad read there.
//!
//! On a real machine both are links into `/sys/devices/pci…`; here the class entry is a directory, because the
//! private view lies over `/sys/class` and not over the host's own buses.

use super::Tree;
use crate::profile::DeviceProfile;

/// PCI base class 03 (display), subclass 80 (other): what a headless compute device reports.
const CLASS: u32 = 0x03_80_00;

pub(super) fn plant(tree: &mut Tree, device: &DeviceProfile) {
    let pci = &device.pci;
    let minor = device.render_minor.0;
    let node = format!("sys/class/drm/renderD{minor}");
    // DRM_MAJOR is 226 (linux/major.h).
    tree.file(format!("{node}/dev"), format!("226:{minor}\n"));
    tree.file(
        format!("{node}/uevent"),
        format!("MAJOR=226\nMINOR={minor}\nDEVNAME=dri/renderD{minor}\nDEVTYPE=drm_minor\n"),
    );

    let at = |name: &str| format!("{node}/device/{name}");
    tree.file(at("vendor"), format!("0x{:04x}\n", pci.vendor));
    tree.file(at("device"), format!("0x{:04x}\n", pci.device));
    tree.file(at("subsystem_vendor"), format!("0x{:04x}\n", pci.subsystem_vendor));
    tree.file(at("subsystem_device"), format!("0x{:04x}\n", pci.subsystem_device));
    tree.file(at("revision"), format!("0x{:02x}\n", pci.revision));
    tree.file(at("class"), format!("0x{CLASS:06x}\n"));
    tree.file(at("numa_node"), "-1\n");
    tree.file(at("config"), config(device));
    tree.file(
        at("uevent"),
        format!(
            "DRIVER=amdgpu\nPCI_CLASS={CLASS:X}\nPCI_ID={:04X}:{:04X}\nPCI_SUBSYS_ID={:04X}:{:04X}\n\
             PCI_SLOT_NAME={}\n",
            pci.vendor,
            pci.device,
            pci.subsystem_vendor,
            pci.subsystem_device,
            pci.address()
        ),
    );
    tree.link(at("subsystem"), "../../../../bus/pci");
    tree.directory(at(&format!("drm/renderD{minor}")));
    tree.file(at("mem_info_vram_total"), format!("{}\n", device.vram.bytes));
    tree.file(at("mem_info_vis_vram_total"), format!("{}\n", device.vram.visible_bytes));
}

/// The 64 bytes of a type 0 configuration header that identify the device (PCI Local Bus 3.0, 6.1).
fn config(device: &DeviceProfile) -> Vec<u8> {
    let pci = &device.pci;
    let mut header = vec![0; 64];
    header[0x00..0x02].copy_from_slice(&pci.vendor.to_le_bytes());
    header[0x02..0x04].copy_from_slice(&pci.device.to_le_bytes());
    header[0x08] = pci.revision;
    header[0x09..0x0c].copy_from_slice(&CLASS.to_le_bytes()[..3]);
    header[0x2c..0x2e].copy_from_slice(&pci.subsystem_vendor.to_le_bytes());
    header[0x2e..0x30].copy_from_slice(&pci.subsystem_device.to_le_bytes());
    header
}
