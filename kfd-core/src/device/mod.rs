//! The devices that this core serves: what a profile says of each, and its scheduler.
//!
//! Also the layout of a process's kfd node: which mmap offset leads to which device's doorbells or registers. The
//! kernel's own offsets have their type in bits 63..62, which a regular file refuses; these are below 2^62.
//! libhsakmt masks its first doorbell mmap with 0xffffffff00000000, so doorbells begin at multiples of 4 GiB.
pub mod profile;
pub mod topology;

pub(crate) mod aperture;
pub(crate) mod busy;
pub(crate) mod config;
pub(crate) mod metrics;
pub(crate) mod primary;
pub(crate) mod watch;

use crate::abi::kfd::{EVENT_SLOT_SIZE, SIGNAL_EVENT_LIMIT};
use crate::device::busy::Busy;
use crate::device::config::ConfigError;
use crate::device::primary::Primary;
use crate::device::profile::{DeviceProfile, Profile};
use crate::device::watch::WatchPoints;
use crate::ids::{GpuId, RenderMinor};
use crate::limits::Limits;
use crate::memory::arena::PAGE;
use crate::memory::svm::Residency;
use crate::queue::dqm::Dqm;
use crate::queue::sdma::SdmaEngines;
use crate::sync::{Arc, AtomicU32};
use hsa_queue::doorbell::SLICE_BYTES;
use std::ops::Range;

/// HSA_CAP_SVMAPI_SUPPORTED (linux/kfd_sysfs.h), the capability bit of shared virtual memory.
const CAP_SVMAPI_SUPPORTED: u32 = 0x0800_0000;
/// The bytes of the kfd node that belong to one device.
const DEVICE_STRIDE: u64 = 1 << 32;
/// The offset of a device's register page in its part of the kfd node.
const MMIO: u64 = 1 << 31;
/// The offset of the event page that KFD itself would make (`KFD_MMAP_TYPE_EVENTS`), in the part that no device has.
pub(crate) const EVENTS_OFFSET: u64 = 1 << 31;

/// The bytes of the event page: a slot for each signal event.
const EVENTS_BYTES: u64 = SIGNAL_EVENT_LIMIT as u64 * EVENT_SLOT_SIZE;

/// A device that this core serves.
#[derive(Debug)]
pub(crate) struct Device {
    /// The position in topology order.
    pub(crate) index: usize,
    /// The profile's description of the device.
    pub(crate) profile: DeviceProfile,
    /// The device queue manager.
    pub(crate) dqm: Dqm,
    /// The watch points of debuggers.
    pub(crate) watch: WatchPoints,
    /// Its SDMA engines over PCIe, and their queue ids.
    pub(crate) sdma: SdmaEngines,
    /// Its SDMA engines for XGMI links, and their queue ids.
    pub(crate) sdma_xgmi: SdmaEngines,
    /// How long its queues run.
    pub(crate) busy: Busy,
    /// The busy time of its SDMA queues alone.
    pub(crate) copying: Busy,
    /// The open files of its primary node.
    pub(crate) primary: Primary,
    /// The number of resets.
    pub(crate) resets: AtomicU32,
    /// The shared virtual memory that lies on it.
    pub(crate) residency: Arc<Residency>,
    /// The range of addresses at which it sees the process's memory.
    pub(crate) aperture: Range<u64>,
}

impl Device {
    /// The devices of a profile.
    pub(crate) fn all(profile: &Profile, limits: &Limits) -> Result<Vec<Self>, ConfigError> {
        let mut devices: Vec<Self> = Vec::with_capacity(profile.devices.len());
        let base = crate::device::aperture::gpuvm_base(profile.interface_minor);
        for (index, profile) in profile.devices.iter().enumerate() {
            if devices.iter().any(|other| other.gpu() == profile.gpu_id) {
                return Err(ConfigError::Duplicate("gpu_id"));
            }
            if devices.iter().any(|other| other.minor() == profile.render_minor) {
                return Err(ConfigError::Duplicate("render_minor"));
            }
            let queues = &profile.queues;
            devices.push(Self {
                index,
                profile: profile.clone(),
                dqm: Dqm::new(index, limits.poll_window, queues.slots as usize, queues.quantum()),
                watch: WatchPoints::default(),
                sdma: SdmaEngines::new(0, queues.sdma_engines, queues.sdma_queues_per_engine),
                sdma_xgmi: SdmaEngines::new(
                    queues.sdma_engines,
                    queues.sdma_xgmi_engines,
                    queues.sdma_queues_per_engine,
                ),
                busy: Busy::default(),
                copying: Busy::default(),
                primary: Primary::default(),
                resets: AtomicU32::new(0),
                residency: Arc::default(),
                aperture: base..profile.display.va_end,
            });
        }
        if devices.is_empty() { Err(ConfigError::NoDevice) } else { Ok(devices) }
    }

    /// The `gpu_id` by which ioctls name the device.
    pub(crate) fn gpu(&self) -> GpuId {
        self.profile.gpu_id
    }

    /// The minor number of its render node.
    pub(crate) fn minor(&self) -> RenderMinor {
        self.profile.render_minor
    }

    /// Its VRAM in bytes.
    pub(crate) fn vram(&self) -> u64 {
        self.profile.vram.bytes.0
    }

    /// Whether the host can map all of its VRAM (`kfd_dev_is_large_bar`).
    pub(crate) fn is_large_bar(&self) -> bool {
        self.profile.vram.visible_bytes == self.profile.vram.bytes
    }

    /// Whether its topology node says that it supports shared virtual memory (`KFD_IS_SVM_API_SUPPORTED`).
    pub(crate) fn shares_memory(&self) -> bool {
        self.profile.compute.capability & CAP_SVMAPI_SUPPORTED != 0
    }

    /// Whether the two are one device or in one hive, so that each accesses the other's memory as its own
    /// (`svm_nodes_in_same_hive`).
    pub(crate) fn same_hive(&self, other: &Self) -> bool {
        let hive = |device: &Self| device.profile.xgmi.as_ref().map(|xgmi| xgmi.hive_id);
        self.index == other.index || (hive(self).is_some() && hive(self) == hive(other))
    }

    /// The offset of its first doorbell in the kfd node.
    pub(crate) fn doorbells(&self) -> u64 {
        (self.index as u64 + 1) * DEVICE_STRIDE
    }

    /// The offset of its register page in the kfd node.
    pub(crate) fn mmio(&self) -> u64 {
        self.doorbells() + MMIO
    }
}

/// The bytes of the kfd node of a core with this number of devices.
pub(crate) fn kfd_node_bytes(devices: usize) -> u64 {
    (devices as u64 + 1) * DEVICE_STRIDE
}

/// Whether an ioctl hands out this page of the kfd node: a doorbell page, a register page or the event page.
pub(crate) fn is_handed_out(devices: usize, offset: u64) -> bool {
    match place(offset) {
        Some((index, within)) => {
            index < devices && (within < SLICE_BYTES || within.wrapping_sub(MMIO) < PAGE)
        }
        None => offset.wrapping_sub(EVENTS_OFFSET) < EVENTS_BYTES,
    }
}

/// The index of the device in whose part of the kfd node the offset lies, and the offset in that part.
pub(crate) fn place(offset: u64) -> Option<(usize, u64)> {
    let index = usize::try_from((offset / DEVICE_STRIDE).checked_sub(1)?).ok()?;
    Some((index, offset % DEVICE_STRIDE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_that_an_ioctl_hands_out_exist_in_the_kfd_node() {
        let first = DEVICE_STRIDE;
        for there in
            [EVENTS_OFFSET, EVENTS_OFFSET + EVENTS_BYTES - 1, first, first + SLICE_BYTES - 1, first + MMIO]
        {
            assert!(is_handed_out(1, there), "{there:#x}");
        }
        for absent in [0, EVENTS_OFFSET - 1, first + SLICE_BYTES, first + MMIO + PAGE, 2 * first, u64::MAX] {
            assert!(!is_handed_out(1, absent), "{absent:#x}");
        }
        assert!(is_handed_out(2, 2 * first));
    }
}
