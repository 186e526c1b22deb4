//! Where a device's directories lie, and under which numbers.
//!
//! A real device lies below its root complex (`/sys/devices/pci…`). This one lies below `/sys/devices/virtual/amdgpu`,
//! where a view can show it without hiding the machine's own `/sys/devices`; everybody gets there by links.

use crate::device::profile::{DeviceProfile, Profile};

/// The directory of all devices, relative to `sys/`; a door serves what is in it.
pub const DEVICES: &str = "devices/virtual/amdgpu";

/// The first numbers of a series that the kernel gives out in order, where the host may have taken some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// The number of the first device's primary node, `card<N>`.
    pub card: u32,
    /// The number of the first device's sensors, `hwmon<N>`.
    pub hwmon: u32,
}

/// A device, its directory, and the numbers in its nodes' names.
pub(super) struct DevicePath<'a> {
    /// The profile's description of the device.
    pub(super) device: &'a DeviceProfile,
    /// The device's position in topology order.
    pub(super) index: usize,
    /// The number of its primary node, `card<N>`.
    pub(super) card: u32,
    /// The number of its sensors, `hwmon<N>`.
    pub(super) hwmon: u32,
}

impl<'a> DevicePath<'a> {
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

    /// The target of a link to the device's own directory that lies `up` directories below `/sys`.
    pub(super) fn link(&self, up: usize) -> String {
        format!("{}{DEVICES}/{}", "../".repeat(up), self.device.pci.address())
    }
}
