//! What is launched, and how the waves of one of its work-groups begin (LLVM, AMDGPUUsage, "Initial Kernel Execution State").

use crate::descriptor::KernelDescriptor;
use crate::operand::SCRATCH_BUFFER;
use crate::wave::{LANES, Mode, Wave};

/// What is asked for: the fields of an AQL kernel dispatch packet, and where the packet and its queue lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Request {
    /// Address of the kernel descriptor.
    pub kernel_object: u64,
    /// Address of the arguments.
    pub kernarg: u64,
    /// Work-items of a group in x, y and z.
    pub group: [u32; 3],
    /// Work-items of the grid.
    pub grid: [u32; 3],
    /// Bytes of the local data share that a group has.
    pub group_segment: u32,
    /// Bytes of scratch that a work-item has.
    pub private_segment: u32,
    /// Address of the packet, which kernels read.
    pub packet: u64,
    /// Address of the queue (`amd_queue_t`).
    pub queue: u64,
    /// Which dispatch of its queue it is.
    pub id: u64,
}

impl Request {
    /// Groups of the grid in x, y and z; the last ones may be smaller.
    pub(crate) fn groups(&self) -> [u32; 3] {
        std::array::from_fn(|at| self.grid[at].div_ceil(self.group[at].max(1)))
    }
}

/// A request whose kernel is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Launch {
    pub kernel: KernelDescriptor,
    /// Address of the first instruction.
    pub entry: u64,
    pub request: Request,
}

impl Launch {
    /// The waves of group `id`.
    pub(crate) fn waves(&self, id: [u32; 3]) -> Vec<Wave> {
        let request = &self.request;
        // Of the grid's end, only what there is.
        let size: [u32; 3] =
            std::array::from_fn(|at| request.group[at].min(request.grid[at] - id[at] * request.group[at]));
        let items = size.iter().map(|size| *size as usize).product::<usize>();
        (0..items.div_ceil(LANES)).map(|index| self.wave(id, size, index, items)).collect()
    }

    fn wave(&self, id: [u32; 3], size: [u32; 3], index: usize, items: usize) -> Wave {
        let mut wave = Wave::new(self.entry, self.kernel.vectors, Mode(self.kernel.mode));
        wave.index = index as u32;
        wave.scratch = vec![0; self.request.private_segment as usize * LANES];
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
        self.scalars(&mut wave, id, size);
        wave
    }

    fn scalars(&self, wave: &mut Wave, id: [u32; 3], size: [u32; 3]) {
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
        pair(wants.dispatch_ptr, self.request.packet);
        pair(wants.queue_ptr, self.request.queue);
        pair(wants.kernarg_segment_ptr, self.request.kernarg);
        pair(wants.dispatch_id, self.request.id);
        // Where this wave's scratch begins, and its size: it is the only one.
        pair(wants.flat_scratch_init, u64::from(self.request.private_segment) << 32);
        if wants.private_segment_size {
            words.push(self.request.private_segment);
        }
        words.truncate(16);
        for (wanted, value) in wants.group_id.into_iter().zip(id) {
            words.extend(wanted.then_some(value));
        }
        // The first wave of a group says so; the lowest six bits count its waves.
        let waves = size.iter().product::<u32>().div_ceil(LANES as u32);
        words.extend(wants.group_info.then_some(u32::from(wave.index == 0) << 31 | waves));
        words.extend(wants.scratch_wave_offset.then_some(0));
        wave.scalars[..words.len()].copy_from_slice(&words);
    }
}

#[cfg(test)]
mod tests {
    use super::{Launch, Request};
    use crate::descriptor::KernelDescriptor;
    use crate::operand::SCRATCH_BUFFER;

    /// A launch of a kernel that asks for what the words say.
    fn launch(rsrc2: u32, properties: u32, group: [u32; 3], grid: [u32; 3]) -> Launch {
        let mut descriptor = [0; 64];
        descriptor[48..52].copy_from_slice(&0xaf_0041_u32.to_le_bytes());
        descriptor[52..56].copy_from_slice(&rsrc2.to_le_bytes());
        descriptor[56..58].copy_from_slice(&(properties as u16).to_le_bytes());
        let kernel = KernelDescriptor::parse(&descriptor).expect("a descriptor");
        let request = Request {
            kernel_object: 0,
            kernarg: 0x1_0000_2222,
            group,
            grid,
            group_segment: 0,
            private_segment: 0x60,
            packet: 0x3_0000_4444,
            queue: 0x5_0000_6666,
            id: 0x7_0000_8888,
        };
        Launch { kernel, entry: 0x1000, request }
    }

    // Keeps: wave-initial
    #[test]
    fn scalar_registers_begin_with_what_the_descriptor_asks_for_in_its_order() {
        // All of it: 15 registers of the user, three ids, the group's info, the scratch offset.
        let all = launch(15 << 1 | 0xf << 7 | 1 | 2 << 11, 0x7f, [128, 1, 1], [128, 9, 9]);
        let waves = all.waves([0, 7, 8]);
        let buffer = [SCRATCH_BUFFER as u32, (SCRATCH_BUFFER >> 32) as u32, u32::MAX, 0];
        let user = [0x4444, 3, 0x6666, 5, 0x2222, 1, 0x8888, 7, 0, 0x60, 0x60];
        let system = |first: u32| [0, 7, 8, first << 31 | 2, 0];
        for (wave, first) in waves.iter().zip([1, 0]) {
            let expected = [&buffer[..], &user, &system(first), &[0]].concat();
            assert_eq!(wave.scalars[..expected.len()], expected);
            assert_eq!((wave.pc, wave.exec(), wave.mode.0), (0x1000, u64::MAX, 0x3f0));
        }
        // What a vector addition of version 5 asks for: the arguments and the group's x.
        let some = launch(0x84, 0x08, [64, 1, 1], [640, 1, 1]).waves([9, 0, 0]);
        assert_eq!(some[0].scalars[..4], [0x2222, 1, 9, 0]);
        // Of version 4: the scratch buffer, the packet, the arguments.
        let some = launch(0x90, 0x0b, [64, 1, 1], [640, 1, 1]).waves([3, 0, 0]);
        assert_eq!(some[0].scalars[4..9], [0x4444, 3, 0x2222, 1, 3]);
        // With scratch: the arguments, where scratch begins and its size, the group's x, the wave's offset.
        let some = launch(0x91, 0x29, [64, 1, 1], [640, 1, 1]).waves([4, 0, 0]);
        assert_eq!(some[0].scalars[4..10], [0x2222, 1, 0, 0x60, 4, 0]);
    }

    // Keeps: wave-initial
    #[test]
    fn work_items_are_numbered_in_x_y_and_z_and_the_rest_of_a_wave_takes_no_part() {
        // Groups of 5 x 4 x 3 in a grid of 8 x 4 x 3: the second is cut to 3 x 4 x 3.
        let waves = launch(2 << 11, 0, [5, 4, 3], [8, 4, 3]).waves([1, 0, 0]);
        assert_eq!((waves.len(), waves[0].exec()), (1, (1 << 36) - 1));
        for item in 0..36 {
            let ids = [0, 1, 2].map(|at| waves[0].vectors[at].0[item]);
            assert_eq!(ids, [item as u32 % 3, item as u32 / 3 % 4, item as u32 / 12]);
        }
        // Two waves, of which the second has 36 lanes; only x is asked for.
        let waves = launch(0, 0, [100, 1, 1], [100, 1, 1]).waves([0, 0, 0]);
        assert_eq!((waves.len(), waves[1].exec()), (2, (1 << 36) - 1));
        assert_eq!((waves[1].vectors[0].0[35], waves[1].vectors[1].0[35]), (99, 0));
        assert_eq!(waves[1].vectors.len(), 8);
    }
}
