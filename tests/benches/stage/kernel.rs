//! Kernels of a few instructions of gfx900, placed where a device may execute them, and the packets that dispatch them.

use super::sync::Ordering;
use anyhow::Context;
use client::memory::{Buffer, Kind, PAGE};
use client::{Device, Signal, UserQueue};
use std::time::{Duration, Instant};

/// `HSA_PACKET_TYPE_KERNEL_DISPATCH` with system-scope fences: bits 10:9 acquire, 12:11 release, scope 2.
const DISPATCH: u16 = 2 | 2 << 9 | 2 << 11;
/// Work-items of a group: one wave.
const GROUP: u16 = 64;
/// Where the code begins behind its descriptor, which lies at the buffer's start; and where the arguments are.
const ENTRY: u64 = 256;
const ARGUMENTS: u64 = 2048;
/// `s_endpgm`.
const ENDPGM: u32 = 0xbf81_0000;

/// A kernel that a device may execute, and memory for its arguments.
pub struct Kernel {
    memory: Buffer,
}

impl Kernel {
    /// One that ends at once.
    pub fn empty(device: &Device) -> anyhow::Result<Self> {
        Self::place(device, &[ENDPGM])
    }

    /// One that says that it runs, and never ends.
    pub fn endless(device: &Device) -> anyhow::Result<Self> {
        let words = [
            0x7e00_0200, // v_mov_b32_e32 v0, s0
            0x7e02_0201, // v_mov_b32_e32 v1, s1
            0x7e04_0281, // v_mov_b32_e32 v2, 1
            0xdc70_0000, // flat_store_dword v[0:1], v2
            0x0000_0200,
            0xbf8c_0070, // s_waitcnt vmcnt(0) lgkmcnt(0)
            0x6806_0503, // v_add_u32_e32 v3, v3, v2
            0xbf82_fffe, // s_branch to the addition
            ENDPGM,
        ];
        Self::place(device, &words)
    }

    /// A descriptor (LLVM, AMDGPUUsage, "Kernel Descriptor") and code; `s[0:1]` has the address of the arguments.
    fn place(device: &Device, words: &[u32]) -> anyhow::Result<Self> {
        let memory = Buffer::new(device, Kind::Code, PAGE)?;
        let mut descriptor = [0; 8];
        descriptor[2] = ENTRY;
        // compute_pgm_rsrc1: 8 vector registers, 16 scalar ones, denormals of all widths, DX10_CLAMP, IEEE_MODE; rsrc2: two
        // user registers, the group's x.
        let (rsrc1, rsrc2) = (1 | 1 << 6 | 0xf << 16 | 1 << 21 | 1 << 23, 2 << 1 | 1 << 7);
        descriptor[6] = rsrc1 | rsrc2 << 32;
        // kernel_code_properties: ENABLE_SGPR_KERNARG_SEGMENT_PTR.
        descriptor[7] = 1 << 3;
        memory.store_words(0, &descriptor);
        for (index, word) in words.iter().enumerate() {
            memory.dword(usize::try_from(ENTRY)? + index * 4).store(*word, Ordering::Relaxed);
        }
        Ok(Self { memory })
    }

    /// Submits a dispatch of so many groups and rings the doorbell. The caller sees to it that the ring is not full.
    pub fn dispatch(&self, queue: &UserQueue, groups: u32, done: Option<&Signal>) {
        let dimensions = 1;
        let group = u64::from(GROUP);
        let body = [
            dimensions << 16 | group << 32 | 1 << 48,
            1 | (u64::from(groups) * group) << 32,
            1 | 1 << 32,
            0,
            self.memory.va(0),
            self.memory.va(ARGUMENTS),
            0,
            done.map_or(0, |signal| signal.handle),
        ];
        queue.submit(DISPATCH, &body);
        queue.ring_doorbell();
    }

    /// Waits until an [`endless`](Self::endless) kernel has said that it runs.
    pub fn wait_until_it_runs(&self) -> anyhow::Result<()> {
        let word = self.memory.dword(usize::try_from(ARGUMENTS)?);
        let started = Instant::now();
        while word.load(Ordering::Acquire) == 0 {
            anyhow::ensure!(started.elapsed() < Duration::from_secs(10), "the kernel does not run");
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Gives its memory back.
    pub fn free(self, device: &Device) -> anyhow::Result<()> {
        self.memory.free(device).context("cannot free a kernel")
    }
}
