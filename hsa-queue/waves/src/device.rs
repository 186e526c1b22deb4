//! How much of a device there is: how many work-groups it holds at once.
//!
//! Groups that wait for each other need to be resident together, and nobody who has asked for a device's occupancy may hang for
//! want of it. What a real compute unit has bounds them (LLVM, AMDGPUBaseInfo.cpp and AMDGPUSubtarget.cpp for gfx900), and
//! so does the memory that the engine may use for their state.

use crate::error::DispatchError;
use crate::launch::Launch;
use crate::wave::LANES;

/// SIMDs of a compute unit, and the most waves of one.
const SIMDS: usize = 4;
const WAVES_PER_SIMD: usize = 10;
/// Vector registers of a SIMD, for its waves together.
const VECTORS_PER_SIMD: usize = 256;
/// The most groups of more than one wave that a compute unit holds: it has so many barriers.
const BARRIERS: usize = 16;
/// Bytes of a compute unit's local data share, and the unit in which it is given out.
pub(crate) const SHARE: u32 = 64 << 10;
const SHARE_UNIT: u32 = 512;
/// The most work-items of a group.
pub(crate) const WORK_ITEMS: u64 = 1024;
/// Bytes of a wave beside its vector registers and scratch, rounded up: scalars, what an access has loaded, and where each
/// register is.
const WAVE: u64 = 4 << 10;

/// See the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Compute units.
    pub compute_units: u32,
    /// Bytes that the state of resident groups may take: registers, data shares and scratch.
    pub memory: u64,
}

impl Device {
    /// How many groups of a launch are resident at most.
    ///
    /// # Errors
    /// Not even one has room on a compute unit, or in the engine.
    pub(crate) fn residents(self, launch: &Launch) -> Result<usize, DispatchError> {
        let (waves, vectors) = (launch.waves_per_group(), launch.kernel.vectors);
        let per_simd = (VECTORS_PER_SIMD / vectors.max(1)).min(WAVES_PER_SIMD);
        let by_waves = SIMDS * per_simd / waves.max(1);
        if by_waves == 0 {
            return Err(DispatchError::Registers { waves, vectors });
        }
        let by_barriers = if waves > 1 { BARRIERS } else { usize::MAX };
        let share = launch.request.group_segment.next_multiple_of(SHARE_UNIT);
        let by_share = SHARE.checked_div(share).map_or(usize::MAX, |groups| groups as usize);
        let held = by_waves.min(by_barriers).min(by_share).saturating_mul(self.compute_units as usize);
        let room = self.memory / launch.group_bytes();
        match held.min(usize::try_from(room).unwrap_or(usize::MAX)) {
            0 => Err(DispatchError::Scratch(launch.request.private_segment)),
            most => Ok(most),
        }
    }
}

impl Launch {
    /// Waves of a group that is not cut by the grid's end.
    pub(crate) fn waves_per_group(&self) -> usize {
        let items: u64 = self.request.group.iter().map(|size| u64::from(*size)).product();
        items.div_ceil(LANES as u64) as usize
    }

    /// Bytes of the state of a group.
    fn group_bytes(&self) -> u64 {
        let lanes = LANES as u64;
        let wave = WAVE + lanes * (4 * self.kernel.vectors as u64 + u64::from(self.request.private_segment));
        self.waves_per_group() as u64 * wave + u64::from(self.request.group_segment)
    }
}

#[cfg(test)]
mod tests {
    use super::Device;
    use crate::descriptor::KernelDescriptor;
    use crate::error::DispatchError;
    use crate::launch::{Launch, Request};

    fn launch(vectors: usize, items: u32, group_segment: u32, private_segment: u32) -> Launch {
        let mut kernel = KernelDescriptor::parse(&[0; 64]).expect("a descriptor that wants nothing");
        kernel.vectors = vectors;
        let request = Request {
            group: [items, 1, 1],
            grid: [items, 1, 1],
            group_segment,
            private_segment,
            ..Request::default()
        };
        Launch { kernel, entry: 0, request }
    }

    #[test]
    fn a_compute_unit_holds_what_its_waves_registers_barriers_and_share_allow() {
        let device = Device { compute_units: 2, memory: 1 << 40 };
        // Single waves: ten a SIMD; with 256 registers, one.
        assert_eq!(device.residents(&launch(24, 64, 0, 0)), Ok(80));
        assert_eq!(device.residents(&launch(256, 64, 0, 0)), Ok(8));
        // Two waves of few registers: as many as there are barriers.
        assert_eq!(device.residents(&launch(24, 128, 0, 0)), Ok(32));
        assert_eq!(device.residents(&launch(24, 256, 0, 0)), Ok(20));
        assert_eq!(device.residents(&launch(24, 256, 32 << 10, 0)), Ok(4));
        // A whole unit, and more than one.
        assert_eq!(device.residents(&launch(64, 1024, 0, 0)), Ok(2));
        assert_eq!(device.residents(&launch(256, 256, 0, 0)), Ok(2));
        for (vectors, items, waves) in [(68, 1024, 16), (256, 320, 5)] {
            let error = DispatchError::Registers { waves, vectors };
            assert_eq!(device.residents(&launch(vectors, items, 0, 0)), Err(error));
        }
    }

    #[test]
    fn the_engines_memory_bounds_how_many_groups_there_are() {
        // 64 lanes with 16 KiB of scratch, 4 KiB of registers and 4 KiB beside.
        let group = launch(16, 64, 0, 16 << 10);
        let bytes = ((64 * 16) << 10) + (4 << 10) + (4 << 10);
        assert_eq!(Device { compute_units: 64, memory: 3 * bytes }.residents(&group), Ok(3));
        let error = DispatchError::Scratch(16 << 10);
        assert_eq!(Device { compute_units: 64, memory: bytes - 1 }.residents(&group), Err(error));
    }
}
