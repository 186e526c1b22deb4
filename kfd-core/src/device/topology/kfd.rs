//! `/sys/devices/virtual/kfd/kfd` with the topology, and `/sys/class/kfd`.

use super::host::Host;
use super::link::Links;
use super::node::Node;
use super::properties::Properties;
use super::{Tree, cache};
use crate::device::profile::Profile;

const ROOT: &str = "sys/devices/virtual/kfd/kfd";

pub(super) fn plant(tree: &mut Tree, profile: &Profile, host: &Host) {
    let topology = format!("{ROOT}/topology");
    tree.file(format!("{ROOT}/uevent"), "DEVNAME=kfd\n");
    tree.link("sys/class/kfd/kfd", "../../devices/virtual/kfd/kfd");
    tree.link(format!("{ROOT}/subsystem"), "../../../../class/kfd");
    // The directories of processes, which come and go, are served by the door.
    tree.link(format!("{ROOT}/proc"), "../../amdgpu/proc");

    // The kernel counts the changes of the topology; this one never changes.
    tree.file(format!("{topology}/generation_id"), "1\n");
    let platform =
        Properties::default().with("platform_oem", 0u32).with("platform_id", 0u32).with("platform_rev", 0u32);
    tree.file(format!("{topology}/system_properties"), platform.text());

    for (number, node) in nodes(profile, host).iter().enumerate() {
        node.plant(tree, &format!("{topology}/nodes/{number}"));
    }
}

/// The CPU's node first, then the devices' in the profile's order.
fn nodes(profile: &Profile, host: &Host) -> Vec<Node> {
    let mut nodes = vec![Node::cpu(host, cache::of_cpu(&profile.cpu.caches), Links::of_cpu(profile))];
    let mut first_processor = cache::FIRST_PROCESSOR_ID;
    for (node, device) in (1u32..).zip(&profile.devices) {
        let caches = cache::of_device(&device.compute, first_processor);
        let links = Links::of_device(profile, node, device);
        nodes.push(Node::gpu(profile, device, first_processor, caches, links));
        first_processor += device.compute.cu_places();
    }
    nodes
}
