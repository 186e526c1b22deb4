//! The kernel descriptor: 64 bytes at `kernel_object` that say what a kernel needs (LLVM, AMDGPUUsage, "Kernel Descriptor").

/// Bytes of a descriptor.
pub(crate) const BYTES: usize = 64;

/// `enable_sgpr_*` of `kernel_code_properties`, in the order in which they take user SGPRs.
const PRIVATE_SEGMENT_BUFFER: u16 = 1 << 0;
const DISPATCH_PTR: u16 = 1 << 1;
const QUEUE_PTR: u16 = 1 << 2;
const KERNARG_SEGMENT_PTR: u16 = 1 << 3;
const DISPATCH_ID: u16 = 1 << 4;
const FLAT_SCRATCH_INIT: u16 = 1 << 5;
const PRIVATE_SEGMENT_SIZE: u16 = 1 << 6;

/// FLOAT_ROUND_MODE_32 and _16_64 of `compute_pgm_rsrc1`: 0 is to the nearest even.
const FP16_OVFL: u32 = 1 << 26;
/// PRIV, DEBUG_MODE, BULKY, CDBG_USER and what is reserved behind FP16_OVFL.
const RSRC1_ZERO: u32 = 1 << 20 | 1 << 22 | 1 << 24 | 1 << 25 | 0x1f << 27;
/// ENABLE_EXCEPTION_* of `compute_pgm_rsrc2` that trap.
const EXCEPTIONS: u32 = 0x7f << 24;
/// Exceptions of addresses and memory, the size of the data share (the packet has it), and the highest bit.
const RSRC2_ZERO: u32 = 0b11 << 13 | 0x1ff << 15 | 1 << 31;

/// Which values a kernel wants in its first scalar registers, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Registers {
    pub private_segment_buffer: bool,
    pub dispatch_ptr: bool,
    pub queue_ptr: bool,
    pub kernarg_segment_ptr: bool,
    pub dispatch_id: bool,
    pub flat_scratch_init: bool,
    pub private_segment_size: bool,
    /// Then, after the user's: which of the three group ids, the group's info and the wave's scratch offset.
    pub group_id: [bool; 3],
    pub group_info: bool,
    pub scratch_wave_offset: bool,
    /// The highest work-item id that is wanted: 0 for x alone, 2 for all three.
    pub work_item_ids: u8,
}

/// See the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelDescriptor {
    /// Bytes of the local data share that its own variables take; the packet has the sum.
    pub group_segment: u32,
    /// Bytes of scratch of a work-item; the packet's count.
    pub private_segment: u32,
    /// Bytes of arguments.
    pub kernarg: u32,
    /// Where the code begins, from the descriptor's own address.
    pub entry: i64,
    /// Vector registers of a wave.
    pub vectors: usize,
    /// The register MODE at first.
    pub mode: u32,
    /// What lies in the scalar registers at first.
    pub registers: Registers,
}

/// Why a descriptor is none that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// Fewer bytes than a descriptor has.
    #[error("a kernel descriptor has {BYTES} bytes, not {0}")]
    Short(usize),
    /// A wave of 32 lanes, or a property of another generation.
    #[error("kernel_code_properties {0:#x} have bits that gfx900 has not")]
    Properties(u16),
    /// Floats whose exceptions trap.
    #[error(
        "compute_pgm_rsrc1 {rsrc1:#x} and rsrc2 {rsrc2:#x} ask for a mode of floats that is not run by this engine"
    )]
    Floats {
        /// `compute_pgm_rsrc1`.
        rsrc1: u32,
        /// `compute_pgm_rsrc2`.
        rsrc2: u32,
    },
    /// Bits that must be zero, or that are the hardware's, or that another generation has.
    #[error("the descriptor has bits at byte {0} that gfx900 has not")]
    Reserved(usize),
    /// User SGPRs that do not add up.
    #[error("the descriptor has {stated} user registers, its properties make {needed}")]
    UserRegisters {
        /// What `compute_pgm_rsrc2` says.
        stated: u32,
        /// What the properties need.
        needed: u32,
    },
}

impl KernelDescriptor {
    /// Reads a descriptor of gfx900.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptorError> {
        let bytes: &[u8; BYTES] = bytes
            .get(..BYTES)
            .and_then(|head| head.try_into().ok())
            .ok_or(DescriptorError::Short(bytes.len()))?;
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (rsrc1, rsrc2) = (word(48), word(52));
        let properties = word(56) as u16;
        // Bit 10 is a wave of 32 lanes; bit 11 a stack whose size is not known beforehand, which is the runtime's business.
        if properties & !0x87f != 0 {
            return Err(DescriptorError::Properties(properties));
        }
        // Reserved bytes; compute_pgm_rsrc3 and the preloaded arguments, which are gfx90a's.
        let reserved = (12..16).chain(24..48).chain(58..64);
        if let Some(at) = reserved.into_iter().find(|at| bytes[*at] != 0) {
            return Err(DescriptorError::Reserved(at));
        }
        for (at, word, bits) in [(48, rsrc1, RSRC1_ZERO), (52, rsrc2, RSRC2_ZERO)] {
            if word & bits != 0 {
                return Err(DescriptorError::Reserved(at));
            }
        }
        if rsrc2 & EXCEPTIONS != 0 {
            return Err(DescriptorError::Floats { rsrc1, rsrc2 });
        }
        let has = |bit: u16| properties & bit != 0;
        let registers = Registers {
            private_segment_buffer: has(PRIVATE_SEGMENT_BUFFER),
            dispatch_ptr: has(DISPATCH_PTR),
            queue_ptr: has(QUEUE_PTR),
            kernarg_segment_ptr: has(KERNARG_SEGMENT_PTR),
            dispatch_id: has(DISPATCH_ID),
            flat_scratch_init: has(FLAT_SCRATCH_INIT),
            private_segment_size: has(PRIVATE_SEGMENT_SIZE),
            group_id: [rsrc2 >> 7 & 1 != 0, rsrc2 >> 8 & 1 != 0, rsrc2 >> 9 & 1 != 0],
            group_info: rsrc2 >> 10 & 1 != 0,
            scratch_wave_offset: rsrc2 & 1 != 0,
            work_item_ids: (rsrc2 >> 11 & 3).min(2) as u8,
        };
        let (stated, needed) = (rsrc2 >> 1 & 31, registers.user());
        // What lies beyond the sixteenth is cut.
        if stated != needed.min(16) {
            return Err(DescriptorError::UserRegisters { stated, needed });
        }
        Ok(Self {
            group_segment: word(0),
            private_segment: word(4),
            kernarg: word(8),
            entry: i64::from(word(16)) | i64::from(word(20) as i32) << 32,
            // In units of four, less one.
            vectors: 4 * ((rsrc1 & 63) as usize + 1),
            // FLOAT_MODE becomes the lowest byte; DX10_CLAMP, IEEE_MODE and FP16_OVFL keep their order.
            mode: rsrc1 >> 12 & 0xff
                | (rsrc1 >> 21 & 1) << 8
                | (rsrc1 >> 23 & 1) << 9
                | u32::from(rsrc1 & FP16_OVFL != 0) << 23,
            registers,
        })
    }
}

impl Registers {
    /// Scalar registers that the user's values take.
    fn user(&self) -> u32 {
        let pairs = [
            self.dispatch_ptr,
            self.queue_ptr,
            self.kernarg_segment_ptr,
            self.dispatch_id,
            self.flat_scratch_init,
        ];
        4 * u32::from(self.private_segment_buffer)
            + pairs.iter().map(|wanted| 2 * u32::from(*wanted)).sum::<u32>()
            + u32::from(self.private_segment_size)
    }
}

#[cfg(test)]
mod tests {
    use super::{DescriptorError, KernelDescriptor};

    fn parse(words: &[(usize, u32)]) -> Result<KernelDescriptor, DescriptorError> {
        let mut bytes = [0; 64];
        for (at, word) in words {
            bytes[*at..*at + 4].copy_from_slice(&word.to_le_bytes());
        }
        KernelDescriptor::parse(&bytes)
    }

    // Keeps: wave-initial
    #[test]
    fn a_compilers_descriptor_says_its_registers_and_its_mode() {
        // hipcc's of a kernel with scratch: 36 VGPRs, SRD, arguments, flat scratch, group x and wave offset.
        let kernel =
            parse(&[(4, 144), (8, 20), (16, 0x10c0), (48, 0xaf_01c8), (52, 0x91), (56, 0x29)]).expect("one");
        assert_eq!((kernel.private_segment, kernel.kernarg, kernel.entry), (144, 20, 0x10c0));
        assert_eq!((kernel.vectors, kernel.mode), (36, 0x3f0));
        let registers = kernel.registers;
        assert!(
            registers.private_segment_buffer && registers.kernarg_segment_ptr && registers.flat_scratch_init
        );
        assert!(registers.scratch_wave_offset && !registers.dispatch_ptr);
        assert_eq!((registers.group_id, registers.work_item_ids), ([true, false, false], 0));
        // Code may lie before its descriptor.
        assert_eq!(parse(&[(16, 0xffff_ff00), (20, u32::MAX)]).map(|kernel| kernel.entry), Ok(-256));
        assert_eq!(parse(&[(48, 63)]).map(|kernel| kernel.vectors), Ok(256));
    }

    // Keeps: wave-refusals
    #[test]
    fn what_gfx900_or_the_engine_has_not_is_refused_by_its_place() {
        assert_eq!(KernelDescriptor::parse(&[0; 63]), Err(DescriptorError::Short(63)));
        assert_eq!(parse(&[(56, 1 << 10)]), Err(DescriptorError::Properties(1 << 10)));
        // compute_pgm_rsrc3 and preloaded arguments.
        assert_eq!(parse(&[(44, 1)]), Err(DescriptorError::Reserved(44)));
        assert_eq!(parse(&[(56, 1 << 16)]), Err(DescriptorError::Reserved(58)));
        for (at, word) in [(48, 1 << 20), (48, 1 << 24), (52, 1 << 13), (52, 1 << 15)] {
            assert_eq!(parse(&[(at, word)]), Err(DescriptorError::Reserved(at)));
        }
        for rsrc2 in [1 << 24, 1 << 30] {
            assert_eq!(parse(&[(52, rsrc2)]), Err(DescriptorError::Floats { rsrc1: 0, rsrc2 }));
        }
        assert_eq!(parse(&[(52, 3 << 1)]), Err(DescriptorError::UserRegisters { stated: 3, needed: 0 }));
    }
}
