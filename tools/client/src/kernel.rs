//! Kernels of a few words, made by hand: a descriptor with its code behind it, and the packet that dispatches it.
//!
//! Enough for what tests and storms need of waves; kernels that compute something come from a compiler.

use crate::device::{ClientError, Device};
use crate::memory::{Buffer, Kind, PAGE};
use crate::queue::{Signal, UserQueue};

/// `HSA_PACKET_TYPE_KERNEL_DISPATCH` with system-scope fences: bits 10:9 acquire, 12:11 release, scope 2.
const KERNEL_DISPATCH: u16 = 2 | 2 << 9 | 2 << 11;

/// Where the code begins behind the descriptor; kernels are aligned to 256 bytes (LLVM, AMDGPUUsage, "Kernel Descriptor").
const ENTRY: u64 = 256;
/// `compute_pgm_rsrc1` of a kernel with 8 vector and 16 scalar registers.
const RSRC1: u32 = 0x00af_0041;
/// `compute_pgm_rsrc2`: two user registers, and the group's x.
const RSRC2: u32 = 2 << 1 | 1 << 7;
/// `kernel_code_properties`: the address of the arguments is in the user registers.
const KERNARG_POINTER: u16 = 1 << 3;

/// Code for gfx900 that begins with the address of its arguments in s0 and s1, its group's x in s2, and the lane in v0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// `s_endpgm`.
    Ends,
    /// Counts in a scalar register for ever.
    Counts,
    /// Sleeps for ever.
    Sleeps,
    /// Stores to the address that is its first argument, a word a lane, for ever.
    Stores,
    /// Stores there once and ends.
    StoresOnce,
    /// `s_trap 2`, by which kernels abort.
    Aborts,
    /// A word that is no instruction.
    Illegal,
    /// One lane of each group adds 1 to the word at its first argument and waits until that is [`GATHERED`]: groups that
    /// meet without anybody knowing it.
    Gathers,
}

/// How many groups of [`Code::Gathers`] meet, more than any device holds.
pub const GATHERED: u32 = 100_000;

impl Code {
    /// Its words.
    #[must_use]
    pub const fn words(self) -> &'static [u32] {
        match self {
            Self::Ends => &[0xbf81_0000],
            // s_add_u32 s4, s4, 1; s_branch -2
            Self::Counts => &[0x8004_8104, 0xbf82_fffe],
            // s_sleep 10; s_branch -2
            Self::Sleeps => &[0xbf8e_000a, 0xbf82_fffe],
            // s_load_dwordx2 s[0:1], s[0:1], 0x0; s_waitcnt lgkmcnt(0); v_lshlrev_b32 v1, 2, v0;
            // global_store_dword v1, v0, s[0:1]; v_add_u32 v0, 1, v0; s_branch -4
            Self::Stores => {
                &[0xc006_0000, 0, 0xbf8c_c07f, 0x2402_0082, 0xdc70_8000, 1, 0x6800_0081, 0xbf82_fffc]
            }
            Self::StoresOnce => &[0xc006_0000, 0, 0xbf8c_c07f, 0x2402_0082, 0xdc70_8000, 1, 0xbf81_0000],
            Self::Aborts => &[0xbf92_0002, 0xbf81_0000],
            Self::Illegal => &[0xffff_ffff, 0xbf81_0000],
            // s_load_dwordx2 s[0:1], s[0:1], 0x0; s_waitcnt lgkmcnt(0); v_mov_b32 v0, 0; v_mov_b32 v1, 1;
            // s_mov_b64 exec, 1; global_atomic_add v0, v1, s[0:1]; global_load_dword v2, v0, s[0:1] glc;
            // s_waitcnt vmcnt(0); v_readfirstlane_b32 s8, v2; s_cmp_lt_u32 s8, GATHERED; s_cbranch_scc1 -7; s_endpgm
            Self::Gathers => &[
                0xc006_0000,
                0,
                0xbf8c_c07f,
                0x7e00_0280,
                0x7e02_0281,
                0xbefe_0181,
                0xdd08_8000,
                0x0000_0100,
                0xdc51_8000,
                0x0200_0000,
                0xbf8c_0f70,
                0x7e10_0502,
                0xbf0a_ff08,
                GATHERED,
                0xbf85_fff9,
                0xbf81_0000,
            ],
        }
    }
}

/// A kernel in device memory, with arguments and a page that it may store to.
#[derive(Debug)]
pub struct Kernel {
    object: Buffer,
    /// The arguments, and behind them what it stores to.
    data: Buffer,
}

impl Kernel {
    /// Puts a kernel into device memory.
    ///
    /// # Errors
    /// The driver's.
    pub fn new(device: &Device, code: Code) -> Result<Self, ClientError> {
        Self::within(device, code, Buffer::executable(device, Kind::Vram, PAGE)?)
    }

    /// The same in a page of the caller's choice.
    ///
    /// # Errors
    /// The driver's.
    pub fn within(device: &Device, code: Code, object: Buffer) -> Result<Self, ClientError> {
        let data = Buffer::new(device, Kind::Gtt, 2 * PAGE)?;
        // `struct kernel_descriptor_t` (llvm/Support/AMDHSAKernelDescriptor.h).
        object.write(16, &ENTRY.to_le_bytes());
        object.write(48, &RSRC1.to_le_bytes());
        object.write(52, &RSRC2.to_le_bytes());
        object.write(56, &KERNARG_POINTER.to_le_bytes());
        let words: Vec<u8> = code.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        object.write(ENTRY as usize, &words);
        let kernel = Self { object, data };
        kernel.aim(kernel.data.va(PAGE));
        Ok(kernel)
    }

    /// Has it store to this address instead of its own page.
    pub fn aim(&self, va: u64) {
        self.data.write(0, &va.to_le_bytes());
    }

    /// What it has stored, word by word.
    #[must_use]
    pub fn stored(&self, words: usize) -> Vec<u32> {
        let bytes = self.data.read(PAGE as usize, 4 * words);
        bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }

    /// Submits a dispatch of so many work-groups of one wave and rings the doorbell.
    pub fn dispatch(&self, queue: &UserQueue, groups: u32, done: Option<&Signal>) {
        // `hsa_kernel_dispatch_packet_t` (hsa.h): one dimension, 64 work-items a group.
        let body = [
            1 << 16 | 64 << 32 | 1 << 48,
            1 | u64::from(groups.saturating_mul(64)) << 32,
            1 | 1 << 32,
            0,
            self.object.va(0),
            self.data.va(0),
            0,
            done.map_or(0, |signal| signal.handle),
        ];
        queue.submit(KERNEL_DISPATCH, &body);
        queue.ring_doorbell();
    }
}
