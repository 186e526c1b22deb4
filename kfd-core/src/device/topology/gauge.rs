//! What a figure in sysfs measures, for figures that are asked for at each reading.
//!
//! Not for: their values, which `crate::core::figures` has.

/// A figure of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Live {
    /// The device's place in topology order.
    pub device: usize,
    /// What is measured.
    pub gauge: Gauge,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gauge {
    /// Bytes of VRAM in use.
    Vram,
    /// Of these, bytes in the part that the host can map.
    VisibleVram,
    /// Bytes of system memory in use through the device's tables; the machine's, for all devices.
    Gtt,
    /// The share of the last second in which queues ran, in percent.
    Busy,
    /// The share of the last second in which copy engines ran, in percent.
    MemoryBusy,
    /// All of it in one table, `struct gpu_metrics_v1_*`.
    Metrics,
}
