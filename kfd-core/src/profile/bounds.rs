//! What each value of a profile may be. A refusal here is reported with the line of the value.

use super::device::DeviceProfile;
use crate::ids::{Bytes, GpuId, RenderMinor};
use serde::de::{Deserialize, Deserializer, Error};

/// The newest interface whose calls the table has.
const NEWEST_INTERFACE: u32 = 19;

/// HSA_CAP_DOORBELL_TYPE_TOTALBITS (linux/kfd_sysfs.h): bits 13..12 of `capability`.
const DOORBELL_TYPE: u32 = 0x3000;
/// HSA_CAP_DOORBELL_TYPE_2_0 in its place: eight-byte doorbells, all that is served.
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

/// A `gpu_id` is a hash of 16 bits, 0 being the CPU's (amdkfd/kfd_topology.c `kfd_generate_gpu_id`).
pub(super) fn gpu_id<'de, D: Deserializer<'de>>(from: D) -> Result<GpuId, D::Error> {
    small(from, "gpu_id", 1, 0xffff).map(GpuId)
}

/// The minors of render nodes (drm/drm_drv.c), all that libhsakmt opens.
pub(super) fn render_minor<'de, D: Deserializer<'de>>(from: D) -> Result<RenderMinor, D::Error> {
    small(from, "render_minor", 128, 191).map(RenderMinor)
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

/// As wide as `cu_bitmap` of `drm_amdgpu_info_device`: four by four words.
pub(super) fn up_to_four<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "this", 1, 4)
}

/// The bits of a word of `cu_bitmap`.
pub(super) fn up_to_a_word<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    small(from, "this", 1, 32)
}

/// PCI's bits for slots and functions.
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

/// libhsakmt gives up on a device without a cache.
pub(super) fn caches<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<super::Cache>, D::Error> {
    let caches = Vec::<super::Cache>::deserialize(from)?;
    if caches.is_empty() { Err(D::Error::custom("a device needs at least one cache")) } else { Ok(caches) }
}

pub(super) fn devices<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<DeviceProfile>, D::Error> {
    let devices = Vec::<DeviceProfile>::deserialize(from)?;
    if devices.is_empty() {
        return Err(D::Error::custom("there must be at least one device"));
    }
    for (i, device) in devices.iter().enumerate() {
        for other in &devices[..i] {
            if device.gpu_id == other.gpu_id {
                return Err(D::Error::custom(format!("two devices have the gpu_id {}", device.gpu_id)));
            }
            if device.render_minor == other.render_minor {
                return Err(D::Error::custom(format!(
                    "two devices have the render_minor {}",
                    device.render_minor
                )));
            }
            if device.pci.address() == other.pci.address() {
                return Err(D::Error::custom(format!(
                    "two devices have the PCI address {}",
                    device.pci.address()
                )));
            }
        }
        if device.vram.visible_bytes > device.vram.bytes {
            return Err(D::Error::custom(format!(
                "visible_bytes of gpu_id {} is more than its VRAM",
                device.gpu_id
            )));
        }
    }
    Ok(devices)
}
