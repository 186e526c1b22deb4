//! The links of a node: amdkfd's `iolink_show`, and which links there are.
//!
//! - `io_links`: CPU and device over PCIe, both ways (`kfd_fill_gpu_direct_io_link_to_cpu`, kfd_crat.c); devices of one
//!   hive over XGMI, each to each (`kfd_fill_gpu_xgmi_link_to_gpu`).
//! - `p2p_links`: devices that are in no common hive, over PCIe by way of the CPU, where the whole VRAM of the one that
//!   is reached can be seen on the bus (`kfd_dev_create_p2p_links`, `amdgpu_device_is_peer_accessible`).

use super::properties::Properties;
use super::tree::Tree;
use crate::device::profile::{self, DeviceProfile, Profile};

/// HSA_IOLINK_TYPE_PCIEXPRESS (linux/kfd_sysfs.h), a link over PCIe.
const PCI_EXPRESS: u32 = 2;
/// HSA_IOLINK_TYPE_XGMI (linux/kfd_sysfs.h), a link within a hive.
const XGMI: u32 = 11;
/// HSA_IOLINK_FLAGS_ENABLED (linux/kfd_sysfs.h), set for every link.
const ENABLED: u32 = 1;
/// HSA_IOLINK_FLAGS_NON_COHERENT (linux/kfd_sysfs.h), set for peer links by way of the CPU.
const NON_COHERENT: u32 = 2;

/// One direction of a link between two nodes.
#[derive(Debug)]
pub(super) struct Link {
    kind: u32,
    from: u32,
    to: u32,
    weight: u32,
    min_bandwidth: u32,
    max_bandwidth: u32,
    flags: u32,
}

/// The links that start at one node.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) io: Vec<Link>,
    pub(super) p2p: Vec<Link>,
}

impl Link {
    fn pcie(from: u32, to: u32, link: &profile::Link) -> Self {
        let profile::Link { weight, min_bandwidth, max_bandwidth } = *link;
        Self { kind: PCI_EXPRESS, from, to, weight, min_bandwidth, max_bandwidth, flags: ENABLED }
    }

    fn xgmi(from: u32, to: u32, link: &profile::Xgmi) -> Self {
        let (weight, bandwidth) = (link.weight, link.bandwidth);
        Self {
            kind: XGMI,
            from,
            to,
            weight,
            min_bandwidth: bandwidth,
            max_bandwidth: bandwidth,
            flags: ENABLED,
        }
    }

    /// A peer link by way of the CPU: the two links to it, one after the other (`kfd_add_peer_prop`).
    fn peer(from: (u32, &profile::Link), to: (u32, &profile::Link)) -> Self {
        let ((from, first), (to, second)) = (from, to);
        Self {
            kind: PCI_EXPRESS,
            from,
            to,
            weight: first.weight + second.weight,
            min_bandwidth: first.min_bandwidth.min(second.min_bandwidth),
            max_bandwidth: first.max_bandwidth.min(second.max_bandwidth),
            flags: ENABLED | NON_COHERENT,
        }
    }

    fn properties(&self) -> Properties {
        Properties::default()
            .with("type", self.kind)
            .with("version_major", 0u32)
            .with("version_minor", 0u32)
            .with("node_from", self.from)
            .with("node_to", self.to)
            .with("weight", self.weight)
            .with("min_latency", 0u32)
            .with("max_latency", 0u32)
            .with("min_bandwidth", self.min_bandwidth)
            .with("max_bandwidth", self.max_bandwidth)
            .with("recommended_transfer_size", 0u32)
            .with("flags", self.flags)
    }
}

impl Links {
    /// The links that start at the CPU, node 0.
    pub(super) fn of_cpu(profile: &Profile) -> Self {
        let io = (1u32..).zip(&profile.devices).map(|(node, device)| Link::pcie(0, node, &device.link));
        Self { io: io.collect(), p2p: Vec::new() }
    }

    /// The links that start at a device.
    pub(super) fn of_device(profile: &Profile, node: u32, device: &DeviceProfile) -> Self {
        let mut links = Self { io: vec![Link::pcie(node, 0, &device.link)], p2p: Vec::new() };
        for (other, peer) in (1u32..).zip(&profile.devices).filter(|(other, _)| *other != node) {
            let hive = |of: &DeviceProfile| of.xgmi.as_ref().map(|xgmi| xgmi.hive_id);
            match &device.xgmi {
                Some(xgmi) if hive(peer) == Some(xgmi.hive_id) => {
                    links.io.push(Link::xgmi(node, other, xgmi));
                }
                _ if peer.vram.visible_bytes == peer.vram.bytes => {
                    links.p2p.push(Link::peer((node, &device.link), (other, &peer.link)));
                }
                _ => {}
            }
        }
        links
    }

    /// Adds the directories of the links below the node's own.
    pub(super) fn plant(&self, tree: &mut Tree, node: &str) {
        // The kernel has the directory also when it is empty.
        tree.directory(format!("{node}/p2p_links"));
        for (directory, links) in [("io_links", &self.io), ("p2p_links", &self.p2p)] {
            for (number, link) in links.iter().enumerate() {
                tree.file(format!("{node}/{directory}/{number}/properties"), link.properties().text());
            }
        }
    }
}
