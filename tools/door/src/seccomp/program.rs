//! How filters are written: the few instructions of classic BPF that they are made of.
//!
//! Not for: which calls a filter stops.

use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_W, sock_filter};

/// `AUDIT_ARCH_*` (linux/audit.h) of this program.
#[cfg(target_arch = "x86_64")]
pub(crate) const ARCHITECTURE: u32 = 0xc000_003e;
/// `AUDIT_ARCH_*` (linux/audit.h) of this program.
#[cfg(target_arch = "aarch64")]
pub(crate) const ARCHITECTURE: u32 = 0xc000_00b7;

/// Byte offsets in `struct seccomp_data` (linux/seccomp.h).
pub(crate) const NR: u32 = 0;
pub(crate) const ARCH: u32 = 4;

/// The offset of the lower half of an argument.
pub(crate) const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

/// An instruction that goes on with the next.
pub(crate) const fn step(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Loads the word at an offset.
pub(crate) const fn load(at: u32) -> sock_filter {
    step(BPF_LD | BPF_W | BPF_ABS, at)
}

/// Goes on `yes` steps further when the word is equal, `no` steps otherwise.
pub(crate) const fn equal(k: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: yes, jf: no, k }
}

/// Goes on `yes` steps further when the word has one of these bits, `no` steps otherwise.
pub(crate) const fn any(k: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JSET | BPF_K) as u16, jt: yes, jf: no, k }
}

/// What a program answers to a call whose words are at these offsets.
#[cfg(test)]
pub(crate) fn run(program: &[sock_filter], words: &[(u32, u32)]) -> u32 {
    use libc::{BPF_ALU, BPF_AND, BPF_RET};
    let (mut at, mut word) = (0, 0);
    loop {
        let step = program[at];
        at += 1;
        let jumps = |taken: bool| usize::from(if taken { step.jt } else { step.jf });
        match u32::from(step.code) {
            code if code == BPF_LD | BPF_W | BPF_ABS => {
                word = words.iter().find_map(|(offset, word)| (*offset == step.k).then_some(*word)).unwrap();
            }
            code if code == BPF_ALU | BPF_AND | BPF_K => word &= step.k,
            code if code == BPF_JMP | BPF_JEQ | BPF_K => at += jumps(word == step.k),
            code if code == BPF_JMP | BPF_JSET | BPF_K => at += jumps(word & step.k != 0),
            code if code == BPF_RET | BPF_K => return step.k,
            code => panic!("{code:#x}"),
        }
    }
}
