//! A dispatch, and how the waves of one of its work-groups begin (LLVM, AMDGPUUsage, "Initial Kernel Execution State").

use crate::descriptor::KernelDescriptor;
use crate::operand::SCRATCH_BUFFER;
use crate::wave::{LANES, Mode, Wave};

/// A part of memory that a kernel is given: where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segment(pub u64);

/// What is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Dispatch {
    /// What the kernel needs.
    pub kernel: KernelDescriptor,
    /// Address of its first instruction.
    pub entry: u64,
    /// Work-items of a group in x, y and z.
    pub group: [u32; 3],
    /// Work-items of the grid.
    pub grid: [u32; 3],
    /// Bytes of the local data share that a group has.
    pub group_segment: u32,
    /// Bytes of scratch that a work-item has.
    pub private_segment: u32,
    pub kernarg: Segment,
    /// The packet, which kernels read.
    pub packet: Segment,
    pub queue: Segment,
    /// Which dispatch of its queue it is.
    pub id: u64,
}

impl Dispatch {
    /// Groups of the grid in x, y and z; the last ones may be smaller.
    #[must_use]
    pub fn groups(&self) -> [u32; 3] {
        std::array::from_fn(|at| self.grid[at].div_ceil(self.group[at].max(1)))
    }

    /// The waves of group `id`.
    pub(crate) fn waves(&self, id: [u32; 3]) -> Vec<Wave> {
        // Of the grid's end, only what there is.
        let size: [u32; 3] =
            std::array::from_fn(|at| self.group[at].min(self.grid[at] - id[at] * self.group[at]));
        let items = size.iter().map(|size| *size as usize).product::<usize>();
        (0..items.div_ceil(LANES)).map(|index| self.wave(id, size, index, items)).collect()
    }

    fn wave(&self, id: [u32; 3], size: [u32; 3], index: usize, items: usize) -> Wave {
        let mut wave = Wave::new(self.entry, self.kernel.vectors, Mode(self.kernel.mode));
        wave.index = index as u32;
        wave.scratch = vec![0; self.private_segment as usize * LANES];
        let first = index * LANES;
        let lanes = (items - first).min(LANES);
        wave.set_exec(u64::MAX >> (LANES - lanes));
        // Each id has a register of its own.
        for lane in 0..lanes {
            let item = (first + lane) as u32;
            let ids = [item % size[0], item / size[0] % size[1], item / size[0] / size[1]];
            for (at, value) in
                ids.into_iter().enumerate().take(usize::from(self.kernel.registers.work_item_ids) + 1)
            {
                wave.vectors[at].0[lane] = value;
            }
        }
        self.scalars(&mut wave, id);
        wave
    }

    fn scalars(&self, wave: &mut Wave, id: [u32; 3]) {
        let wants = &self.kernel.registers;
        let mut words = Vec::new();
        let mut pair = |wanted: bool, value: u64| {
            if wanted {
                words.extend([value as u32, (value >> 32) as u32]);
            }
        };
        // A descriptor whose base no memory has: scratch is the wave's own.
        pair(wants.private_segment_buffer, SCRATCH_BUFFER);
        pair(wants.private_segment_buffer, u64::from(u32::MAX));
        pair(wants.dispatch_ptr, self.packet.0);
        pair(wants.queue_ptr, self.queue.0);
        pair(wants.kernarg_segment_ptr, self.kernarg.0);
        pair(wants.dispatch_id, self.id);
        // Where this wave's scratch begins, and its size: it is the only one.
        pair(wants.flat_scratch_init, u64::from(self.private_segment) << 32);
        if wants.private_segment_size {
            words.push(self.private_segment);
        }
        words.truncate(16);
        for (wanted, value) in wants.group_id.into_iter().zip(id) {
            words.extend(wanted.then_some(value));
        }
        words.extend(wants.group_info.then_some(0));
        words.extend(wants.scratch_wave_offset.then_some(0));
        wave.scalars[..words.len()].copy_from_slice(&words);
    }
}
