//! What a figure in sysfs measures, for figures that are asked for at each reading.
//!
//! Not for: their values, which `core::figures` has.

/// One figure of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Live {
    /// The device's position in topology order.
    pub device: usize,
    /// The figure that is measured.
    pub gauge: Gauge,
}

/// A figure that changes while the tree stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gauge {
    /// Bytes of VRAM in use.
    Vram,
    /// Bytes of VRAM in use in the part that the host can map.
    VisibleVram,
    /// Bytes of system memory in use through the device's tables; the machine's, for all devices.
    Gtt,
    /// The share of the last second in which queues ran, in percent.
    Busy,
    /// The share of the last second in which copy engines ran, in percent.
    MemoryBusy,
    /// The table of all figures, `struct gpu_metrics_v1_*`.
    Metrics,
}
