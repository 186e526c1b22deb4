//! `ip_discovery` below a device's PCI folder: what the device is made of, as `amdgpu_discovery.c` shows it.
//!
//! One die, in it a folder for each kind of block by its number and a link by its name, and in that one for each
//! instance. Devices from before discovery tables have none.

use super::Tree;
use super::device_path::DevicePath;

pub(super) fn plant(tree: &mut Tree, path: &DevicePath<'_>) {
    let device = path.device;
    if device.ip_blocks.is_empty() {
        return;
    }
    let root = path.at("ip_discovery");
    let instances: u32 = device.ip_blocks.iter().map(|block| block.instances).sum();
    tree.file(format!("{root}/num_dies"), "1\n");
    let die = format!("{root}/die/0");
    tree.file(format!("{die}/num_ips"), format!("{instances}\n"));
    for block in &device.ip_blocks {
        let [major, minor, revision] = block.version;
        tree.link(format!("{die}/{}", block.name), block.hw_id.to_string());
        for instance in 0..block.instances {
            let at = |name: &str| format!("{die}/{}/{instance}/{name}", block.hw_id);
            tree.file(at("hw_id"), format!("{}\n", block.hw_id));
            tree.file(at("num_instance"), format!("{instance}\n"));
            tree.file(at("major"), format!("{major}\n"));
            tree.file(at("minor"), format!("{minor}\n"));
            tree.file(at("revision"), format!("{revision}\n"));
            tree.file(at("harvest"), "0x0\n");
        }
    }
}
