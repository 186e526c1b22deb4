//! The figures that sysfs shows of a device at each reading.
//!
//! Not for: which file has which (`topology`), or how a file is read (a door).

use crate::core::Core;
use crate::device::Device;
use crate::device::metrics;
use crate::device::topology::{Gauge, Live};

impl Core {
    /// What is in the file of that figure now.
    #[must_use]
    pub fn figure(&self, live: Live) -> Vec<u8> {
        let Some(device) = self.devices.get(live.device) else { return Vec::new() };
        if matches!(live.gauge, Gauge::Vram | Gauge::VisibleVram | Gauge::Gtt) {
            self.reclaim();
        }
        let number = match live.gauge {
            Gauge::Vram => self.vram_in_use(device),
            Gauge::VisibleVram => self.vram_in_use(device).min(device.profile.vram.visible_bytes.0),
            Gauge::Gtt => self.account.total().gtt_bytes,
            Gauge::Busy => self.busy(device),
            Gauge::MemoryBusy => device.copying.percent(self.now()),
            Gauge::Metrics => return metrics::table(&device.profile, self.metrics(device)),
        };
        format!("{number}\n").into_bytes()
    }

    /// Bytes of a device's VRAM that somebody is charged for. Whoever tells them has reclaimed first.
    pub(crate) fn vram_in_use(&self, device: &Device) -> u64 {
        device.vram().saturating_sub(self.account.vram_free(device.index))
    }

    /// The share of the last second in which queues of a device ran, in percent.
    pub(crate) fn busy(&self, device: &Device) -> u64 {
        device.busy.percent(self.now())
    }

    fn metrics(&self, device: &Device) -> metrics::Now {
        let narrow = |percent: u64| u16::try_from(percent).unwrap_or(u16::MAX);
        metrics::Now {
            busy: narrow(self.busy(device)),
            copying: narrow(device.copying.percent(self.now())),
            boottime: self.clock.boottime(),
        }
    }
}
