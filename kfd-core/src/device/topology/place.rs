//! Where a device's directories lie, and under which numbers.
//!
//! A real device lies below its root complex (`/sys/devices/pci…`). This one lies below `/sys/devices/virtual/amdgpu`,
//! where a view can show it without hiding the machine's own `/sys/devices`; everybody gets there by links.

use crate::device::profile::{DeviceProfile, Profile};

/// The directory of all devices, without the `sys/` before it: a door serves what is in it.
pub const DEVICES: &str = "devices/virtual/amdgpu";

/// Numbers that the kernel gives in order, and of which the host may have given some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// The first device's primary node, `card<N>`.
    pub card: u32,
    /// Its sensors, `hwmon<N>`.
    pub hwmon: u32,
}

/// One device and where it is.
pub(super) struct Place<'a> {
    /// What it is.
    pub(super) device: &'a DeviceProfile,
    /// Its place in topology order.
    pub(super) index: usize,
    /// Its primary node.
    pub(super) card: u32,
    /// Its sensors.
    pub(super) hwmon: u32,
}

impl<'a> Place<'a> {
    /// The devices of `profile`, in topology order.
    pub(super) fn all(profile: &'a Profile, numbers: Numbers) -> impl Iterator<Item = Self> {
        profile.devices.iter().zip(0u32..).map(move |(device, nth)| Self {
            device,
            index: nth as usize,
            card: numbers.card + nth,
            hwmon: numbers.hwmon + nth,
        })
    }

    /// The path of `name` in the device's own directory.
    pub(super) fn at(&self, name: &str) -> String {
        format!("sys/{DEVICES}/{}/{name}", self.device.pci.address())
    }

    /// The device's own directory as a link so many directories below `sys` says it.
    pub(super) fn link(&self, up: usize) -> String {
        format!("{}{DEVICES}/{}", "../".repeat(up), self.device.pci.address())
    }
}
