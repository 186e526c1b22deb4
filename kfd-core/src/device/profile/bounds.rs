//! What each value of a profile may be. A refusal here is reported with the line of the value.

use super::device::DeviceProfile;
use crate::ids::{Bytes, GpuId, RenderMinor};
use serde::de::{Deserialize, Deserializer, Error};

/// The newest minor of the interface whose calls the table has.
pub(super) const NEWEST_INTERFACE: u32 = 19;

/// The minors of render nodes (drm/drm_drv.c); libhsakmt opens no others.
const RENDER_MINORS: std::ops::RangeInclusive<u32> = 128..=191;

/// HSA_CAP_DOORBELL_TYPE_TOTALBITS (linux/kfd_sysfs.h): the doorbell type, bits 13..12 of `capability`.
const DOORBELL_TYPE: u32 = 0x3000;
/// HSA_CAP_DOORBELL_TYPE_2_0 in its place: eight-byte doorbells, the only ones that are served.
const DOORBELL_TYPE_2_0: u32 = 0x2000;

fn within<'de, D: Deserializer<'de>>(from: D, what: &str, low: u64, high: u64) -> Result<u64, D::Error> {
    let value = u64::deserialize(from)?;
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(D::Error::custom(format!("{what} must be {low} to {high}, not {value}")))
    }
}

fn small<'de, D: Deserializer<'de>>(from: D, what: &str, low: u32, high: u32) -> Result<u32, D::Error> {
    within(from, what, low.into(), high.into())
        .map(|value| u32::try_from(value).expect("it is at most `high`"))
}

pub(super) fn interface_minor<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "the interface's minor version", 1, NEWEST_INTERFACE)
}

pub(super) fn drm_major<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "the DRM driver's major version", 3, 3)
}

/// Reads a `gpu_id`: a hash of 16 bits, where 0 is the CPU's (amdkfd/kfd_topology.c `kfd_generate_gpu_id`).
pub(super) fn gpu_id<'de, D: Deserializer<'de>>(from: D) -> Result<GpuId, D::Error> {
    small(from, "gpu_id", 1, 0xffff).map(GpuId)
}

pub(super) fn render_minor<'de, D: Deserializer<'de>>(from: D) -> Result<RenderMinor, D::Error> {
    small(from, "render_minor", *RENDER_MINORS.start(), *RENDER_MINORS.end()).map(RenderMinor)
}

pub(super) fn pages<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
    let bytes = u64::deserialize(from)?;
    if bytes == 0 || bytes % 4096 != 0 {
        return Err(D::Error::custom(format!(
            "memory comes in whole pages of 4096 bytes, at least one, not {bytes}"
        )));
    }
    Ok(Bytes(bytes))
}

pub(super) fn at_least_one<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "this", 1, u32::MAX)
}

/// Reads a number up to 4, for which `cu_bitmap` of `drm_amdgpu_info_device` has room: four by four words.
pub(super) fn up_to_four<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "this", 1, 4)
}

/// Reads a number up to 8: the shader engines that `cu_bitmap` has room for, and the dies of the largest device.
pub(super) fn up_to_eight<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "this", 1, 8)
}

/// Reads the id of a hive; 0 would mean that there is none.
pub(super) fn hive_id<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    within(from, "hive_id", 1, u64::MAX)
}

/// Reads a string that can be one component of a path.
pub(super) fn file_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.is_empty() && !name.bytes().all(|byte| byte.is_ascii_digit()) && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err(D::Error::custom(format!("`{name}` is not a name of letters and digits")))
    }
}

/// Reads a number up to 32, the bits of a word of `cu_bitmap`.
pub(super) fn up_to_a_word<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "this", 1, 32)
}

/// Reads a PCI class: three bytes of the configuration header.
pub(super) fn pci_class<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "a PCI class", 0, 0x00ff_ffff)
}

/// Reads a power in watts whose millionths fit the sensor's file.
pub(super) fn watts<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "power_cap_watts", 1, 10_000)
}

pub(super) fn rpm<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "fan_rpm", 0, 100_000)
}

/// Reads a string that can be a file of one line.
pub(super) fn line<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.len() < 128 && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(D::Error::custom("this must be one line of fewer than 128 bytes"))
    }
}

/// Reads the aliases of a profile on a command line: lower-case names without a slash.
pub(super) fn aliases<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let aliases = Vec::<String>::deserialize(from)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match aliases.iter().find(|alias| alias.is_empty() || !alias.bytes().all(plain)) {
        Some(alias) => {
            Err(D::Error::custom(format!("`{alias}` is not a name of small letters, digits and `-`")))
        }
        None => Ok(aliases),
    }
}

/// Reads a PCI slot number: five bits.
pub(super) fn slot<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    small(from, "a PCI slot", 0, 31).map(|slot| slot as u8)
}

pub(super) fn function<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    small(from, "a PCI function", 0, 7).map(|function| function as u8)
}

pub(super) fn doorbell_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "doorbell_bytes", 8, 8)
}

pub(super) fn capability<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let bits = u32::deserialize(from)?;
    if bits & DOORBELL_TYPE != DOORBELL_TYPE_2_0 {
        return Err(D::Error::custom(format!("capability {bits:#x}: bits 13..12 must say doorbell type 2")));
    }
    Ok(bits)
}

/// Reads the caches of a device, at least one: libhsakmt gives up on a device without a cache.
pub(super) fn caches<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<super::Cache>, D::Error> {
    let caches = Vec::<super::Cache>::deserialize(from)?;
    if caches.is_empty() { Err(D::Error::custom("a device needs at least one cache")) } else { Ok(caches) }
}

pub(super) fn devices<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<DeviceProfile>, D::Error> {
    let devices = Vec::<DeviceProfile>::deserialize(from)?;
    together(&devices).map_err(D::Error::custom)?;
    Ok(devices)
}

/// Checks what only several devices together can break.
pub(super) fn together(devices: &[DeviceProfile]) -> Result<(), String> {
    if devices.is_empty() {
        return Err("there must be at least one device".to_owned());
    }
    for (i, device) in devices.iter().enumerate() {
        for other in &devices[..i] {
            if device.gpu_id == other.gpu_id {
                return Err(format!("two devices have the gpu_id {}", device.gpu_id));
            }
            if device.render_minor == other.render_minor {
                return Err(format!("two devices have the render_minor {}", device.render_minor));
            }
            if device.pci.address() == other.pci.address() {
                return Err(format!("two devices have the PCI address {}", device.pci.address()));
            }
        }
        whole(device)?;
    }
    Ok(())
}

/// Checks what only several values of a device together can break.
fn whole(device: &DeviceProfile) -> Result<(), String> {
    let compute = &device.compute;
    if !RENDER_MINORS.contains(&device.render_minor.0) {
        return Err(format!("render_minor must be 128 to 191, not {}", device.render_minor));
    }
    if device.vram.visible_bytes > device.vram.bytes {
        return Err(format!("visible_bytes of gpu_id {} is more than its VRAM", device.gpu_id));
    }
    if compute.shader_engines > 4 && compute.arrays_per_engine > 2 {
        return Err("more than four shader_engines have at most two arrays_per_engine".to_owned());
    }
    if compute.cus() == 0 || compute.cus() > compute.cu_places() {
        return Err(format!("active_cus must be 1 to {}, not {}", compute.cu_places(), compute.cus()));
    }
    for (i, block) in device.ip_blocks.iter().enumerate() {
        if device.ip_blocks[..i].iter().any(|other| other.hw_id == block.hw_id || other.name == block.name) {
            return Err(format!("two ip_blocks are {} ({})", block.name, block.hw_id));
        }
    }
    Ok(())
}
