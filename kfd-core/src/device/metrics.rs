//! `gpu_metrics`: a table of figures, `struct gpu_metrics_v1_3` of `kgd_pp_interface.h` (drm/amd/include).
//!
//! RX 7900 has that version (`smu_v13_0_0_get_gpu_metrics`), and MI300 had it at first (`smu_v13_0_6_get_gpu_metrics` of Linux
//! 6.6). Every reader knows it, while ROCm 5's abort at a later one. What nothing here measures has all bits set, which means
//! "not supported", as `smu_cmn_init_soft_gpu_metrics` leaves it.

use crate::device::profile::DeviceProfile;
use crate::device::profile::sensors::{EDGE_C, GFX_MV, JUNCTION_C, MEMORY_C, fan_rpm, watts};
use crate::device::topology::board::SOC_MHZ;
use crate::ids::Nanos;

/// `NUM_HBM_INSTANCES` of kgd_pp_interface.h: the HBM stacks that the table has fields for.
const HBM: usize = 4;

/// The PCIe lanes to the host.
const LANES: u16 = 16;

/// The measured figures of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// The share of the last second in which queues ran, percent.
    pub(crate) busy: u16,
    /// The share of the last second in which copy engines ran, percent.
    pub(crate) copying: u16,
    /// The table's timestamp, `ktime_get_boottime_ns`.
    pub(crate) boottime: Nanos,
}

/// The bytes of a C struct so far; each field goes to the next multiple of its size.
struct Layout(Vec<u8>);

impl Layout {
    fn put<const N: usize>(mut self, bytes: [u8; N]) -> Self {
        self.0.resize(self.0.len().next_multiple_of(N), 0);
        self.0.extend(bytes);
        self
    }

    fn half(self, value: u32) -> Self {
        self.put(u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes())
    }

    fn word(self, value: u32) -> Self {
        self.put(value.to_le_bytes())
    }

    fn long(self, value: u64) -> Self {
        self.put(value.to_le_bytes())
    }

    fn halves(self, count: usize, value: u32) -> Self {
        (0..count).fold(self, |layout, _| layout.half(value))
    }

    /// Adds 16-bit fields that nothing here measures: all bits set.
    fn no_halves(self, count: usize) -> Self {
        (0..count).fold(self, |layout, _| layout.put([0xff; 2]))
    }

    fn no_words(self, count: usize) -> Self {
        (0..count).fold(self, |layout, _| layout.put([0xff; 4]))
    }

    fn no_longs(self, count: usize) -> Self {
        (0..count).fold(self, |layout, _| layout.put([0xff; 8]))
    }

    /// Pads the table and fills in its header: its size, format 1 and content 3.
    fn finish(mut self) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let size = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        self.0[..2].copy_from_slice(&size.to_le_bytes());
        self.0[2..4].copy_from_slice(&[1, 3]);
        self.0
    }
}

/// The link speed in tenths of GT/s, from the profile's MB/s of sixteen lanes.
fn link_speed(device: &DeviceProfile) -> u32 {
    match device.link.max_bandwidth {
        63_000.. => 320,
        31_000.. => 160,
        _ => 80,
    }
}

/// The `gpu_metrics` table of a device.
pub(crate) fn table(device: &DeviceProfile, now: Now) -> Vec<u8> {
    let (gfx, memory) = (device.compute.engine_mhz, device.vram.clock_mhz);
    let header = Layout(vec![0; 4]);
    let measured = header
        .half(EDGE_C)
        .half(JUNCTION_C)
        .half(MEMORY_C)
        .no_halves(3)
        .half(now.busy.into())
        .half(now.copying.into())
        .half(0)
        .half(watts(device))
        // The energy accumulator: no energy is drawn here.
        .long(0)
        .long(now.boottime.0);
    // The average clocks, then the current ones: engines, system hub, memory; nothing decodes video.
    let clocks = (0..2).fold(measured, |layout, _| layout.half(gfx).half(SOC_MHZ).half(memory).halves(4, 0));
    clocks
        .word(0)
        .half(fan_rpm(device))
        .half(LANES.into())
        .half(link_speed(device))
        .no_halves(1)
        .no_words(2)
        .no_halves(HBM)
        .no_longs(1)
        .no_halves(1)
        .half(GFX_MV)
        .no_halves(2)
        .long(0)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::{Now, table};
    use crate::device::profile::Profile;
    use crate::ids::Nanos;

    fn of(name: &str) -> Vec<u8> {
        let profile = Profile::named(name).expect("it is compiled in");
        table(&profile.devices[0], Now { busy: 37, copying: 5, boottime: Nanos(77) })
    }

    fn half(table: &[u8], at: usize) -> u16 {
        u16::from_le_bytes([table[at], table[at + 1]])
    }

    /// Offsets and sizes are those that a C compiler gives the struct of kgd_pp_interface.h.
    // Keeps: gpu-metrics
    #[test]
    fn a_table_has_the_size_and_the_offsets_of_its_struct() {
        for name in ["gfx1100", "gfx942"] {
            let table = of(name);
            assert_eq!((half(&table, 0), table[2], table[3], table.len()), (120, 1, 3, 120));
            assert_eq!((half(&table, 4), half(&table, 16), half(&table, 18), table[32]), (40, 37, 5, 77));
            let clock = Profile::named(name).expect("it is compiled in").devices[0].compute.engine_mhz;
            assert_eq!((half(&table, 40), half(&table, 54)), (clock as u16, clock as u16));
            assert_eq!((half(&table, 74), table[112..].iter().max()), (16, Some(&0)), "lanes, no throttling");
        }
    }
}
