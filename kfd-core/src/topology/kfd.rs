//! `/sys/devices/virtual/kfd/kfd` with the topology, and `/sys/class/kfd`.

use super::node::{Link, Node};
use super::properties::Properties;
use super::{Host, Tree, cache};
use crate::profile::Profile;

const ROOT: &str = "sys/devices/virtual/kfd/kfd";

pub(super) fn plant(tree: &mut Tree, profile: &Profile, host: &Host) {
    let topology = format!("{ROOT}/topology");
    tree.file(format!("{ROOT}/uevent"), "DEVNAME=kfd\n");
    tree.link("sys/class/kfd/kfd", "../../devices/virtual/kfd/kfd");

    // The kernel counts changes; this topology never changes.
    tree.file(format!("{topology}/generation_id"), "1\n");
    let platform =
        Properties::default().with("platform_oem", 0u32).with("platform_id", 0u32).with("platform_rev", 0u32);
    tree.file(format!("{topology}/system_properties"), platform.text());

    for (number, node) in nodes(profile, host).iter().enumerate() {
        node.plant(tree, &format!("{topology}/nodes/{number}"));
    }
}

/// The CPU's node first, then the devices in the profile's order.
fn nodes(profile: &Profile, host: &Host) -> Vec<Node> {
    let numbered = || (1u32..).zip(&profile.devices);
    let outward = numbered().map(|(node, device)| Link::pcie(0, node, &device.link)).collect();
    let mut nodes = vec![Node::cpu(host, cache::of_cpu(&profile.cpu.caches), outward)];
    let mut first_processor = cache::FIRST_PROCESSOR_ID;
    for (node, device) in numbered() {
        let caches = cache::of_device(&device.compute, first_processor);
        nodes.push(Node::gpu(device, first_processor, caches, vec![Link::pcie(node, 0, &device.link)]));
        first_processor += device.compute.cus();
    }
    nodes
}
