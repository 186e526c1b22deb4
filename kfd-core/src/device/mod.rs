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

/// HSA_CAP_SVMAPI_SUPPORTED (linux/kfd_sysfs.h).
const CAP_SVMAPI_SUPPORTED: u32 = 0x0800_0000;
/// Bytes of the kfd node that belong to one device.
const DEVICE_STRIDE: u64 = 1 << 32;
/// Where a device's register page lies in its part.
const MMIO: u64 = 1 << 31;
/// Where the event page that KFD itself would make lies (`KFD_MMAP_TYPE_EVENTS`); in the part that no device has.
pub(crate) const EVENTS_OFFSET: u64 = 1 << 31;

/// Bytes of that page: a slot for each signal event.
const EVENTS_BYTES: u64 = SIGNAL_EVENT_LIMIT as u64 * EVENT_SLOT_SIZE;

/// A device.
#[derive(Debug)]
pub(crate) struct Device {
    /// Place in topology order.
    pub(crate) index: usize,
    /// What it is.
    pub(crate) profile: DeviceProfile,
    /// Its queues.
    pub(crate) dqm: Dqm,
    /// Its watch points.
    pub(crate) watch: WatchPoints,
    /// Its SDMA engines over PCIe, and their queue ids.
    pub(crate) sdma: SdmaEngines,
    /// Its SDMA engines for XGMI links, and their queue ids.
    pub(crate) sdma_xgmi: SdmaEngines,
    /// How long its queues run.
    pub(crate) busy: Busy,
    /// Of these, those of its copy engines.
    pub(crate) copying: Busy,
    /// Files of its primary node.
    pub(crate) primary: Primary,
    /// How often it was reset.
    pub(crate) resets: AtomicU32,
    /// What shared virtual memory lies on it.
    pub(crate) residency: Arc<Residency>,
    /// Where the process's memory begins and ends for it.
    pub(crate) aperture: Range<u64>,
}

impl Device {
    /// The devices of a profile, none twice.
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

    /// The id that ioctls use.
    pub(crate) fn gpu(&self) -> GpuId {
        self.profile.gpu_id
    }

    /// Its render node.
    pub(crate) fn minor(&self) -> RenderMinor {
        self.profile.render_minor
    }

    /// Bytes of VRAM.
    pub(crate) fn vram(&self) -> u64 {
        self.profile.vram.bytes.0
    }

    /// Whether all of its VRAM can be mapped by the host (`kfd_dev_is_large_bar`).
    pub(crate) fn is_large_bar(&self) -> bool {
        self.profile.vram.visible_bytes == self.profile.vram.bytes
    }

    /// Whether it takes part in shared virtual memory (`KFD_IS_SVM_API_SUPPORTED`): its topology node says so.
    pub(crate) fn shares_memory(&self) -> bool {
        self.profile.compute.capability & CAP_SVMAPI_SUPPORTED != 0
    }

    /// Whether it and the other reach each other's memory as their own: one device, or one hive (`svm_nodes_in_same_hive`).
    pub(crate) fn same_hive(&self, other: &Self) -> bool {
        let hive = |device: &Self| device.profile.xgmi.as_ref().map(|xgmi| xgmi.hive_id);
        self.index == other.index || (hive(self).is_some() && hive(self) == hive(other))
    }

    /// First byte of its doorbells in the kfd node.
    pub(crate) fn doorbells(&self) -> u64 {
        (self.index as u64 + 1) * DEVICE_STRIDE
    }

    /// Its register page in the kfd node.
    pub(crate) fn mmio(&self) -> u64 {
        self.doorbells() + MMIO
    }
}

/// Bytes of the kfd node of a core with so many devices.
pub(crate) fn kfd_node_bytes(devices: usize) -> u64 {
    (devices as u64 + 1) * DEVICE_STRIDE
}

/// Whether a page of the kfd node is one that an ioctl hands out: a doorbell page, a register page or the event page.
pub(crate) fn is_handed_out(devices: usize, offset: u64) -> bool {
    match place(offset) {
        Some((index, within)) => {
            index < devices && (within < SLICE_BYTES || within.wrapping_sub(MMIO) < PAGE)
        }
        None => offset.wrapping_sub(EVENTS_OFFSET) < EVENTS_BYTES,
    }
}

/// Which device's part of the kfd node an offset lies in, and where in it.
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
