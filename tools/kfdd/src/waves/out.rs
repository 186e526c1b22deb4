//! A dispatch that a worker has, and what the worker tells of it while it goes on.

use door::wave_workers::LANES;
use kfd_core::dispatch::KernelDispatchPacket;
use kfd_core::ids::QueueId;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Out {
    pub queue: QueueId,
    /// The address of its kernel's descriptor.
    pub kernel: u64,
    /// Instructions that it has run, as was last told.
    pub instructions: u64,
    /// Its waves that have begun and not ended, as was last told.
    pub waves: Option<u64>,
    /// The most waves that it has.
    most: u64,
}

/// More waves than the dispatch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl Out {
    /// One that is being given to the worker.
    pub(super) fn new(queue: QueueId, packet: &KernelDispatchPacket) -> Self {
        let most = waves(packet.workgroup_size, packet.grid_size);
        Self { queue, kernel: packet.kernel_object, instructions: 0, waves: None, most }
    }

    /// It goes on.
    pub(super) fn progress(&mut self, instructions: u64, waves: u64) -> Result<(), TooMany> {
        if waves > self.most {
            return Err(TooMany);
        }
        (self.instructions, self.waves) = (instructions, Some(waves));
        Ok(())
    }
}

/// How many waves a dispatch has at most: groups at the grid's end may have fewer.
fn waves(group: [u16; 3], grid: [u32; 3]) -> u64 {
    let product = |all: [u64; 3]| all.into_iter().fold(1, u64::saturating_mul);
    let group = group.map(u64::from);
    let groups = std::array::from_fn(|at| u64::from(grid[at]).div_ceil(group[at].max(1)));
    product(groups).saturating_mul(product(group).div_ceil(LANES as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Keeps: waves-told
    #[test]
    fn no_more_waves_are_told_than_a_dispatch_has() {
        // Four groups in x, three in z, of 200 work-items each.
        let most = waves([100, 2, 1], [301, 2, 3]);
        assert_eq!((most, waves([1; 3], [u32::MAX; 3])), (4 * 3 * 4, u64::MAX));
        let mut out = Out { queue: QueueId(1), kernel: 2, instructions: 0, waves: None, most };
        assert_eq!(out.progress(7, most), Ok(()));
        assert_eq!(out.progress(8, most + 1), Err(TooMany));
        assert_eq!((out.instructions, out.waves), (7, Some(most)));
    }
}
