//! The module `amdgpu` as loaded: `/sys/module/amdgpu` and its line in `/proc/modules`, which kmod's lsmod (and so
//! rocminfo) reads.

use super::Tree;
use super::host::Host;

/// The module's size in bytes, about as large as amdgpu's; lsmod prints it.
const CORE_SIZE: u32 = 9_420_800;
/// The module's version. The kernel's own amdgpu has none; AMD's packaged driver has one, which tools show as the
/// driver's version.
const VERSION: &str = concat!("kfdd-", env!("CARGO_PKG_VERSION"));

pub(super) fn plant(tree: &mut Tree, host: &Host) {
    let at = |name: &str| format!("sys/module/amdgpu/{name}");
    tree.file(at("initstate"), "live\n");
    tree.file(at("refcnt"), "0\n");
    tree.file(at("coresize"), format!("{CORE_SIZE}\n"));
    tree.directory(at("holders"));
    tree.file(at("version"), format!("{VERSION}\n"));
    tree.link(at("drivers/pci:amdgpu"), "../../../bus/pci/drivers/amdgpu");
    tree.link("sys/bus/pci/drivers/amdgpu/module", "../../../../module/amdgpu");

    let mut modules = format!("amdgpu {CORE_SIZE} 0 - Live 0x0000000000000000\n");
    for line in host.modules.lines().filter(|line| line.split(' ').next() != Some("amdgpu")) {
        modules.push_str(line);
        modules.push('\n');
    }
    tree.file("proc/modules", modules);
}
