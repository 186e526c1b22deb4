//! What is launched, and how the waves of one of its work-groups begin (LLVM, AMDGPUUsage, "Initial Kernel Execution State").

use crate::descriptor::KernelDescriptor;
use crate::operand::SCRATCH_BUFFER;
use crate::scratch::Scratch;
use crate::spare::Spare;
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
    /// All its groups have to be resident at once, for they wait for each other.
    pub cooperative: bool,
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
    pub(crate) fn waves(&self, id: [u32; 3], spare: &mut Spare) -> Vec<Wave> {
        let mut waves = Vec::new();
        self.begin(&mut waves, id, spare);
        waves
    }

    /// Makes the waves of group `id` of those of another group of this launch, and as many more as there have to be.
    pub(crate) fn begin(&self, waves: &mut Vec<Wave>, id: [u32; 3], spare: &mut Spare) {
        let request = &self.request;
        // Of the grid's end, only what there is.
        let size: [u32; 3] =
            std::array::from_fn(|at| request.group[at].min(request.grid[at] - id[at] * request.group[at]));
        let items = size.iter().map(|size| *size as usize).product::<usize>();
        let count = items.div_ceil(LANES);
        waves.truncate(count);
        let mode = Mode(self.kernel.mode);
        for wave in waves.iter_mut() {
            wave.restart(self.entry, mode);
        }
        while waves.len() < count {
            waves.push(self.another(mode, spare));
        }
        for (index, wave) in waves.iter_mut().enumerate() {
            self.wave(wave, id, size, index, items);
        }
    }

    /// Keeps waves of a group that is over for another dispatch.
    pub(crate) fn spares(&self, waves: Vec<Wave>, spare: &mut Spare) {
        if self.request.private_segment == 0 {
            spare.keep(waves);
        }
    }

    fn another(&self, mode: Mode, spare: &mut Spare) -> Wave {
        let (vectors, scratch) = (self.kernel.vectors, self.request.private_segment as usize);
        if scratch == 0
            && let Some(mut wave) = spare.take(vectors)
        {
            wave.restart(self.entry, mode);
            return wave;
        }
        let mut wave = Wave::new(self.entry, vectors, mode);
        wave.scratch = Scratch::new(scratch);
        wave
    }

    fn wave(&self, wave: &mut Wave, id: [u32; 3], size: [u32; 3], index: usize, items: usize) {
        wave.index = index as u32;
        let first = index * LANES;
        let lanes = (items - first).min(LANES);
        wave.set_exec(u64::MAX >> (LANES - lanes));
        // Each id has a register of its own.
        let ids = usize::from(self.kernel.registers.work_item_ids) + 1;
        let item = first as u32;
        if size[0] as usize == items {
            // A row: y and z are 0.
            for (lane, id) in wave.vectors[0].0[..lanes].iter_mut().enumerate() {
                *id = item + lane as u32;
            }
            wave.vectors[1..ids].iter_mut().for_each(|others| others.0[..lanes].fill(0));
            return self.scalars(wave, id, size);
        }
        let mut next = [item % size[0], item / size[0] % size[1], item / size[0] / size[1]];
        for lane in 0..lanes {
            for (vector, value) in wave.vectors.iter_mut().zip(&next[..ids]) {
                vector.0[lane] = *value;
            }
            next[0] += 1;
            if next[0] == size[0] {
                (next[0], next[1]) = (0, next[1] + 1);
            }
            if next[1] == size[1] {
                (next[1], next[2]) = (0, next[2] + 1);
            }
        }
        self.scalars(wave, id, size);
    }

    fn scalars(&self, wave: &mut Wave, id: [u32; 3], size: [u32; 3]) {
        let wants = &self.kernel.registers;
        // The user's are cut after the sixteenth, and five more may follow.
        let (mut words, mut count) = ([0_u32; 32], 0);
        let mut push = |wanted: bool, value: u64, registers: usize| {
            if wanted {
                (words[count], words[count + 1]) = (value as u32, (value >> 32) as u32);
                count += registers;
            }
        };
        let mut pair = |wanted: bool, value: u64| push(wanted, value, 2);
        // A descriptor whose base no memory has: scratch is the wave's own.
        pair(wants.private_segment_buffer, SCRATCH_BUFFER);
        pair(wants.private_segment_buffer, u64::from(u32::MAX));
        pair(wants.dispatch_ptr, self.request.packet);
        pair(wants.queue_ptr, self.request.queue);
        pair(wants.kernarg_segment_ptr, self.request.kernarg);
        pair(wants.dispatch_id, self.request.id);
        // Where this wave's scratch begins, and its size: it is the only one.
        pair(wants.flat_scratch_init, u64::from(self.request.private_segment) << 32);
        push(wants.private_segment_size, self.request.private_segment.into(), 1);
        let mut count = count.min(16);
        let mut push = |wanted: bool, value: u32| {
            if wanted {
                words[count] = value;
                count += 1;
            }
        };
        for (wanted, value) in wants.group_id.into_iter().zip(id) {
            push(wanted, value);
        }
        // The first wave of a group says so; the lowest six bits count its waves.
        let waves = size.iter().product::<u32>().div_ceil(LANES as u32);
        push(wants.group_info, u32::from(wave.index == 0) << 31 | waves);
        push(wants.scratch_wave_offset, 0);
        wave.scalars[..count].copy_from_slice(&words[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::{Launch, Request};
    use crate::descriptor::KernelDescriptor;
    use crate::operand::SCRATCH_BUFFER;
    use crate::spare::Spare;

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
            cooperative: false,
        };
        Launch { kernel, entry: 0x1000, request }
    }

    // Keeps: wave-initial
    #[test]
    fn scalar_registers_begin_with_what_the_descriptor_asks_for_in_its_order() {
        // All of it: 15 registers of the user, three ids, the group's info, the scratch offset.
        let all = launch(15 << 1 | 0xf << 7 | 1 | 2 << 11, 0x7f, [128, 1, 1], [128, 9, 9]);
        let waves = all.waves([0, 7, 8], &mut Spare::default());
        let buffer = [SCRATCH_BUFFER as u32, (SCRATCH_BUFFER >> 32) as u32, u32::MAX, 0];
        let user = [0x4444, 3, 0x6666, 5, 0x2222, 1, 0x8888, 7, 0, 0x60, 0x60];
        let system = |first: u32| [0, 7, 8, first << 31 | 2, 0];
        for (wave, first) in waves.iter().zip([1, 0]) {
            let expected = [&buffer[..], &user, &system(first), &[0]].concat();
            assert_eq!(wave.scalars[..expected.len()], expected);
            assert_eq!((wave.pc, wave.exec(), wave.mode.0), (0x1000, u64::MAX, 0x3f0));
        }
        // What a vector addition of version 5 asks for: the arguments and the group's x.
        let some = launch(0x84, 0x08, [64, 1, 1], [640, 1, 1]).waves([9, 0, 0], &mut Spare::default());
        assert_eq!(some[0].scalars[..4], [0x2222, 1, 9, 0]);
        // Of version 4: the scratch buffer, the packet, the arguments.
        let some = launch(0x90, 0x0b, [64, 1, 1], [640, 1, 1]).waves([3, 0, 0], &mut Spare::default());
        assert_eq!(some[0].scalars[4..9], [0x4444, 3, 0x2222, 1, 3]);
        // With scratch: the arguments, where scratch begins and its size, the group's x, the wave's offset.
        let some = launch(0x91, 0x29, [64, 1, 1], [640, 1, 1]).waves([4, 0, 0], &mut Spare::default());
        assert_eq!(some[0].scalars[4..10], [0x2222, 1, 0, 0x60, 4, 0]);
    }

    // Keeps: wave-initial
    #[test]
    fn work_items_are_numbered_in_x_y_and_z_and_the_rest_of_a_wave_takes_no_part() {
        // Groups of 5 x 4 x 3 in a grid of 8 x 4 x 3: the second is cut to 3 x 4 x 3.
        let waves = launch(2 << 11, 0, [5, 4, 3], [8, 4, 3]).waves([1, 0, 0], &mut Spare::default());
        assert_eq!((waves.len(), waves[0].exec()), (1, (1 << 36) - 1));
        for item in 0..36 {
            let ids = [0, 1, 2].map(|at| waves[0].vectors[at].0[item]);
            assert_eq!(ids, [item as u32 % 3, item as u32 / 3 % 4, item as u32 / 12]);
        }
        // Two waves, of which the second has 36 lanes; only x is asked for.
        let waves = launch(0, 0, [100, 1, 1], [100, 1, 1]).waves([0, 0, 0], &mut Spare::default());
        assert_eq!((waves.len(), waves[1].exec()), (2, (1 << 36) - 1));
        assert_eq!((waves[1].vectors[0].0[35], waves[1].vectors[1].0[35]), (99, 0));
        assert_eq!(waves[1].vectors.len(), 8);
    }

    // Keeps: wave-initial
    #[test]
    fn a_group_made_of_another_begins_as_a_new_one() {
        for (group, grid) in [([70, 1, 1], [210, 5, 3]), ([5, 4, 3], [20, 4, 3]), ([1, 1, 1], [3, 1, 1])] {
            let launch = launch(2 << 11 | 7 << 7 | 2 << 1, 8, group, grid);
            let new = launch.waves([1, 0, 0], &mut Spare::default());
            let mut other = launch.waves([0, 0, 0], &mut Spare::default());
            for wave in &mut other {
                wave.vectors.iter_mut().for_each(|vector| vector.0.fill(0xdead));
                wave.scalars.fill(0xdead);
                (wave.pc, wave.scc) = (7, true);
                wave.mode.0 = 0;
            }
            launch.begin(&mut other, [1, 0, 0], &mut Spare::default());
            let of = |wave: &crate::wave::Wave| {
                let lanes = wave.exec().count_ones() as usize;
                let ids = [0, 1, 2].map(|at| wave.vectors[at].0[..lanes].to_vec());
                (wave.pc, wave.scc, wave.mode, wave.exec(), wave.scalars[..5].to_vec(), ids)
            };
            assert!(other.iter().map(of).eq(new.iter().map(of)), "{group:?}");
        }
    }
}
