//! A machine with so many devices: the profile's own, and as many more of the last one.
//!
//! Each copy has a place on the bus, a render node, a serial number and a `gpu_id` of its own; the id is the hash that
//! amdkfd makes of a device's place and memory (`kfd_generate_gpu_id`, amdkfd/kfd_topology.c).

use super::{DeviceProfile, Profile, ProfileError, bounds};
use crate::ids::{GpuId, RenderMinor};

/// The most devices of a machine.
pub const MAX_GPUS: u32 = 8;

/// The difference between the bus numbers of two devices.
const BUS_STRIDE: u8 = 0x10;

impl Profile {
    /// The same machine with exactly `gpus` devices: its first ones, and copies of its last one for the rest.
    ///
    /// # Errors
    /// [`ProfileError::Gpus`] for a number that is not 1 to [`MAX_GPUS`], or when no address or minor is free for a
    /// copy.
    pub fn with_gpus(mut self, gpus: u32) -> Result<Self, ProfileError> {
        if !(1..=MAX_GPUS).contains(&gpus) {
            return Err(ProfileError::Gpus(format!("a machine has 1 to {MAX_GPUS} devices, not {gpus}")));
        }
        self.devices.truncate(gpus as usize);
        while self.devices.len() < gpus as usize {
            let last = self.devices.last().expect("a profile has at least one device");
            let copy = next(last, &self.devices);
            self.devices.push(copy);
        }
        bounds::together(&self.devices).map_err(ProfileError::Gpus)?;
        Ok(self)
    }
}

/// A copy of `last` with an address, a minor, an id and a serial number of its own.
fn next(last: &DeviceProfile, there: &[DeviceProfile]) -> DeviceProfile {
    let mut device = last.clone();
    device.render_minor = RenderMinor(last.render_minor.0 + 1);
    device.pci.bus = last.pci.bus.wrapping_add(BUS_STRIDE);
    if device.unique_id != 0 {
        device.unique_id = last.unique_id.wrapping_add(1);
    }
    let taken = |id: GpuId| id.0 == 0 || there.iter().any(|other| other.gpu_id == id);
    device.gpu_id = generated_id(&device);
    while taken(device.gpu_id) {
        device.gpu_id = GpuId((device.gpu_id.0 + 1) & 0xffff);
    }
    device
}

/// The `gpu_id` that amdkfd computes for a device, before it checks whether another has it.
fn generated_id(device: &DeviceProfile) -> GpuId {
    let (pci, memory) = (&device.pci, device.vram.bytes.0);
    let [subsystem_vendor, subsystem_device] = [pci.subsystem_vendor, pci.subsystem_device].map(u32::from);
    let words: [u32; 8] = [
        u32::from(pci.slot) << 3 | u32::from(pci.function),
        subsystem_vendor | subsystem_device << 16,
        pci.domain.into(),
        pci.device.into(),
        pci.bus.into(),
        (memory & 0xffff_ffff) as u32,
        (memory >> 32) as u32,
        device.compute.xccs << 16,
    ];
    GpuId(crc16(words.iter().flat_map(|word| word.to_le_bytes())).into())
}

/// The CRC-16 with the polynomial 0x8005, least significant bit first, from 0 (linux/crc16.h).
fn crc16(bytes: impl Iterator<Item = u8>) -> u16 {
    bytes.fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_of_the_nine_digits_is_the_catalogued_one() {
        assert_eq!(super::crc16(b"123456789".iter().copied()), 0xbb3d);
    }
}
