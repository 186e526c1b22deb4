//! The filter: ioctls whose command words the ABI table marks as passing descriptors stop, everything else goes on.
//!
//! Magic and number are compared, not the size: the driver takes structs of any size. A call of another architecture than
//! this program's goes on; its numbers mean something else.

use super::sys;
use kfd_core::abi::table;
use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};
use std::io;
use std::os::fd::OwnedFd;

/// `AUDIT_ARCH_*` (linux/audit.h) of this program.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
/// `AUDIT_ARCH_*` (linux/audit.h) of this program.
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Byte offsets in `struct seccomp_data` (linux/seccomp.h); of the second argument the lower half.
const NR: u32 = 0;
const ARCH: u32 = 4;
const COMMAND: u32 = 16 + 8;

/// `_IOC_TYPE` and `_IOC_NR` of a command word.
const WHICH: u32 = 0xffff;

const fn step(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Goes on `yes` steps further when equal, `no` steps otherwise.
const fn branch(k: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: yes, jf: no, k }
}

/// The filter as the kernel takes it: calls that pass descriptors stop, all others go on.
#[must_use]
pub fn program() -> Vec<sock_filter> {
    let commands: Vec<u32> = table::rows().filter(|row| row.passes()).map(|row| row.cmd & WHICH).collect();
    let load = |at| step(BPF_LD | BPF_W | BPF_ABS, at);
    let count = u8::try_from(commands.len()).expect("invariant: the table has fewer rows than a byte counts");
    let ioctl = u32::try_from(libc::SYS_ioctl).expect("invariant: a system call's number is small");
    let mut program = vec![
        load(ARCH),
        branch(ARCHITECTURE, 0, count + 4),
        load(NR),
        branch(ioctl, 0, count + 2),
        load(COMMAND),
        step(BPF_ALU | BPF_AND | BPF_K, WHICH),
    ];
    for (command, left) in commands.into_iter().zip((1..=count).rev()) {
        program.push(branch(command, left, 0));
    }
    program.push(step(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW));
    program.push(step(BPF_RET | BPF_K, libc::SECCOMP_RET_USER_NOTIF));
    program
}

/// Installs the filter for the calling thread and all that it starts or becomes; the listener, which closes at an exec.
///
/// # Errors
/// EACCES: neither CAP_SYS_ADMIN in its user namespace nor no_new_privs. EBUSY: it has a listener already. EINVAL: the kernel
/// is too old.
pub fn install() -> io::Result<OwnedFd> {
    sys::install(&program())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kfd_core::abi::spec::Ioctl;
    use kfd_core::abi::{drm, ioc, kfd};

    /// What the program answers to a call, by a machine of the few instructions it has.
    fn run(arch: u32, nr: u32, command: u32) -> u32 {
        let program = program();
        let (mut at, mut word) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            match u32::from(step.code) {
                code if code == BPF_LD | BPF_W | BPF_ABS => {
                    word = [(NR, nr), (ARCH, arch), (COMMAND, command)]
                        .into_iter()
                        .find_map(|(offset, word)| (offset == step.k).then_some(word))
                        .unwrap();
                }
                code if code == BPF_ALU | BPF_AND | BPF_K => word &= step.k,
                code if code == BPF_JMP | BPF_JEQ | BPF_K => {
                    at += usize::from(if word == step.k { step.jt } else { step.jf });
                }
                code if code == BPF_RET | BPF_K => return step.k,
                code => panic!("{code:#x}"),
            }
        }
    }

    // Keeps: seccomp-stops
    #[test]
    fn only_ioctls_that_pass_descriptors_stop() {
        let ioctl = libc::SYS_ioctl as u32;
        let mut stopped = Vec::new();
        for magic in [kfd::MAGIC, drm::MAGIC, b'T'] {
            for number in 0..=u8::MAX {
                for size in [0, 16, 400] {
                    let command = ioc::iowr(magic, number, size);
                    let stops = run(ARCHITECTURE, ioctl, command) == libc::SECCOMP_RET_USER_NOTIF;
                    let passes = table::lookup(command).is_some_and(Ioctl::passes);
                    assert_eq!(stops, passes, "{command:#x}");
                    assert_eq!(run(ARCHITECTURE, ioctl + 1, command), libc::SECCOMP_RET_ALLOW);
                    assert_eq!(run(ARCHITECTURE ^ 1, ioctl, command), libc::SECCOMP_RET_ALLOW);
                    if stops && size == 0 {
                        stopped.push((magic, number));
                    }
                }
            }
        }
        for number in [0x1c, 0x1d, 0x1f, 0x24] {
            assert!(stopped.contains(&(kfd::MAGIC, number)), "{number:#x}");
        }
    }
}
