//! What machine is shown: one host CPU and a list of devices, read from a TOML text.
//!
//! The texts are compiled in ([`Profile::named`]); anyone else's goes through [`Profile::parse`], which refuses
//! unknown keys and values that a client or the kernel's own rules could not live with, and says in which line.
//! The core takes sizes and limits of devices from here, `topology` makes the sysfs tree of it, and the render node
//! answers libdrm with it. Not for: limits of the daemon, which `limits` has, or facts about the host.

mod bounds;
mod device;
mod error;
mod interface;
mod libdrm;
mod many;
pub(crate) mod sensors;

pub use device::{
    Board, Cache, CacheKind, Compute, DeviceProfile, Display, IpBlock, Link, Pci, QueueFormat, QueueHardware,
    RasBlock, Vram, VramKind, Xgmi,
};
pub use error::ProfileError;
pub use libdrm::{DMA_RINGS, Now};
pub use many::MAX_GPUS;

use crate::ids::{GpuId, RenderMinor};
use serde::Deserialize;

/// The compiled-in profiles: name and TOML text.
const COMPILED_IN: &[(&str, &str)] = &[
    ("gfx900", include_str!("../../../profiles/gfx900.toml")),
    ("gfx942", include_str!("../../../profiles/gfx942.toml")),
    ("gfx1100", include_str!("../../../profiles/gfx1100.toml")),
];

/// A machine as its clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The profile's name.
    pub name: String,
    /// Further names that a command line may use: products with this device.
    #[serde(default, deserialize_with = "bounds::aliases")]
    pub aliases: Vec<String>,
    /// The minor version of the KFD interface that GET_VERSION reports; calls that came later are ENOTTY.
    #[serde(deserialize_with = "bounds::interface_minor")]
    pub interface_minor: u32,
    /// The driver version that DRM's VERSION answers.
    pub drm: DrmVersion,
    /// The node of the host's CPU.
    pub cpu: Cpu,
    /// The devices, in topology order; at least one, no two with the same id or node.
    #[serde(deserialize_with = "bounds::devices")]
    pub devices: Vec<DeviceProfile>,
}

/// The version of the DRM driver `amdgpu`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrmVersion {
    /// The major version; libdrm_amdgpu accepts 3 only.
    #[serde(deserialize_with = "bounds::drm_major")]
    pub major: u32,
    /// The minor version, raised with each addition.
    pub minor: u32,
    /// The patch level, always 0 in the kernel.
    pub patch: u32,
    /// The date, a string; Linux up to 6.13 has `20150101`.
    pub date: String,
}

/// The topology node of the host's CPU.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpu {
    /// The CPU's caches; without any, libhsakmt takes them from `/sys/devices/system/node` and fails where that has
    /// none.
    pub caches: Vec<Cache>,
}

impl Profile {
    /// The compiled-in profile with this name or alias, in letters of any case.
    ///
    /// # Errors
    /// [`ProfileError::Unknown`], with the names of the compiled-in profiles.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        let mut known = Vec::new();
        for (compiled_in, text) in COMPILED_IN {
            let profile = Self::parse(text)?;
            if compiled_in.eq_ignore_ascii_case(name)
                || profile.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
            {
                return Ok(profile);
            }
            known.push(profile.called());
        }
        Err(ProfileError::Unknown { name: name.to_owned(), known: known.join(", ") })
    }

    /// The profile's name and its aliases, as a sentence has them.
    #[must_use]
    pub fn called(&self) -> String {
        if self.aliases.is_empty() {
            self.name.clone()
        } else {
            format!("{} ({})", self.name, self.aliases.join(", "))
        }
    }

    /// The compiled-in profiles with their aliases, for a person who chooses one.
    #[must_use]
    pub fn choices() -> String {
        let profiles = COMPILED_IN.iter().filter_map(|(_, text)| Self::parse(text).ok());
        profiles.map(|profile| profile.called()).collect::<Vec<_>>().join(", ")
    }

    /// The names of the compiled-in profiles.
    pub fn names() -> impl Iterator<Item = &'static str> {
        COMPILED_IN.iter().map(|(name, _)| *name)
    }

    /// Reads a profile from TOML text.
    ///
    /// # Errors
    /// [`ProfileError::Line`] with the fault and its line.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        toml::from_str(text).map_err(|error| ProfileError::at(text, &error))
    }

    /// The render minors of all devices, in topology order.
    #[must_use]
    pub fn render_minors(&self) -> Vec<RenderMinor> {
        self.devices.iter().map(|device| device.render_minor).collect()
    }

    /// The render minors of the devices with RAS.
    #[must_use]
    pub fn ras_minors(&self) -> Vec<RenderMinor> {
        let with_ras = self.devices.iter().filter(|device| !device.ras.is_empty());
        with_ras.map(|device| device.render_minor).collect()
    }

    /// The device with this id.
    #[must_use]
    pub fn device(&self, gpu_id: GpuId) -> Option<&DeviceProfile> {
        self.devices.iter().find(|device| device.gpu_id == gpu_id)
    }

    /// The device with this render node.
    #[must_use]
    pub fn device_behind(&self, minor: RenderMinor) -> Option<&DeviceProfile> {
        self.devices.iter().find(|device| device.render_minor == minor)
    }
}
