//! The filter: ioctls whose command words the ABI table marks as passing descriptors stop, everything else goes on.
//!
//! Magic and number are compared, not the size: the driver takes structs of any size. A call of another architecture than
//! this program's goes on; its numbers mean something else.

use super::program::{ARCH, ARCHITECTURE, NR, argument, equal, load, step};
use super::sys;
use kfd_core::abi::table;
use libc::{BPF_ALU, BPF_AND, BPF_K, BPF_RET, sock_filter};
use std::io;
use std::os::fd::OwnedFd;

/// The lower half of the second argument.
const COMMAND: u32 = argument(1);

/// `_IOC_TYPE` and `_IOC_NR` of a command word.
const WHICH: u32 = 0xffff;

/// The filter as the kernel takes it: calls that pass descriptors stop, all others go on.
#[must_use]
pub fn program() -> Vec<sock_filter> {
    let commands: Vec<u32> = table::rows().filter(|row| row.passes()).map(|row| row.cmd & WHICH).collect();
    let count = u8::try_from(commands.len()).expect("invariant: the table has fewer rows than a byte counts");
    let ioctl = u32::try_from(libc::SYS_ioctl).expect("invariant: a system call's number is small");
    let mut program = vec![
        load(ARCH),
        equal(ARCHITECTURE, 0, count + 4),
        load(NR),
        equal(ioctl, 0, count + 2),
        load(COMMAND),
        step(BPF_ALU | BPF_AND | BPF_K, WHICH),
    ];
    for (command, left) in commands.into_iter().zip((1..=count).rev()) {
        program.push(equal(command, left, 0));
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
    use crate::seccomp::program::run as answer;
    use kfd_core::abi::spec::Ioctl;
    use kfd_core::abi::{drm, ioc, kfd};

    fn run(arch: u32, nr: u32, command: u32) -> u32 {
        answer(&program(), &[(NR, nr), (ARCH, arch), (COMMAND, command)])
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
