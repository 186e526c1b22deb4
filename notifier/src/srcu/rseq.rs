//! A restartable sequence: adding one to a counter of this CPU without a locked instruction.
//!
//! A sequence is announced by storing its descriptor in the thread's `struct rseq` (linux/rseq.h); when the
//! thread is preempted, migrated or signalled between the sequence's first instruction and its commit, the
//! kernel resumes it at the abort handler, which starts again. So nothing but the commit, one instruction, may
//! have an effect that matters. The area is the one glibc has registered; the kernel allows one a thread.
//!
//! A thread without a registration has a CPU number beyond every bound (`RSEQ_CPU_ID_UNINITIALIZED` is -1) and is
//! told so: the caller then takes its shared, locked path.
//!
//! Every instance of the code has its own descriptor (the inline assembly is instantiated where it is
//! inlined). The signature before the abort handler is glibc's and the kernel's `RSEQ_SIG` for x86,
//! 0x53053053, disguised as an operand of `ud1` so that disassemblers stay in step.
#![allow(unsafe_code)]

use crate::sync::AtomicU64;

/// `log2` of the distance from one CPU's counters or lists to the next one's.
#[cfg(not(loom))]
pub(super) const STRIDE_SHIFT: usize = 7;

/// Adds one to the counter at `first + (cpu << STRIDE_SHIFT)`. False when the thread has no CPU number below
/// `cpus`; nothing has happened then.
///
/// # Safety
/// `offset` is glibc's `__rseq_offset`, and there are counters for `cpus` CPUs from `first` on, which nobody
/// writes but through this function.
#[cfg(all(target_arch = "x86_64", not(loom)))]
#[inline(always)]
pub(super) unsafe fn increment(first: &AtomicU64, cpus: u32, offset: isize) -> bool {
    // SAFETY: by contract; the flags and two registers are clobbered, memory is by default.
    unsafe {
        std::arch::asm!(
            ".pushsection .data.rel.ro.notifier_rseq, \"aw\"",
            ".balign 32",
            "55: .long 0, 0",
            ".quad 51f, 52f - 51f, 54f",
            ".popsection",
            "50:",
            "lea {scratch}, [rip + 55b]",
            "mov fs:[{rseq} + 8], {scratch}",
            "51:",
            "mov {scratch:e}, fs:[{rseq} + 4]",
            "cmp {scratch:e}, {cpus:e}",
            "jae {no_cpu}",
            "shl {scratch}, 7",
            "inc qword ptr [{first} + {scratch}]",
            "52:",
            ".pushsection .text.unlikely.notifier_rseq, \"ax\"",
            ".byte 0x0f, 0xb9, 0x3d",
            ".long 0x53053053",
            "54: jmp 50b",
            ".popsection",
            scratch = out(reg) _,
            rseq = in(reg) offset,
            cpus = in(reg) cpus,
            first = in(reg) first.as_ptr(),
            no_cpu = label { return false },
            options(nostack),
        );
    }
    true
}

/// # Safety
/// None needed; the signature is the other architecture's.
#[cfg(not(all(target_arch = "x86_64", not(loom))))]
#[inline(always)]
pub(super) unsafe fn increment(_: &AtomicU64, _: u32, _: isize) -> bool {
    false
}
