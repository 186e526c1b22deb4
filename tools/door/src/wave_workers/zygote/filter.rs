//! The calls that a wave worker may make, once everything is mapped and its threads are there: waiting, its socket, memory
//! without code, the clock, and the end. An open fails; any other call kills it.
//!
//! The C library's allocator asks files of the system how it may shrink a thread's heap, at a free that nobody can foresee, and
//! does without them (glibc's `check_may_shrink_heap`): so an open is no death.

use crate::seccomp::program::{ARCH, ARCHITECTURE, NR, any, argument, equal, load, step};
use libc::{BPF_K, BPF_RET, c_long, sock_filter};
use std::io;

/// The worker's only descriptor.
const SOCKET: u32 = 0;

const PLAIN: &[c_long] = &[
    libc::SYS_futex,
    libc::SYS_ppoll,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    // What hash maps begin with.
    libc::SYS_getrandom,
    // What the allocator makes its arenas by, where there are many threads (glibc's `arena_get2`).
    libc::SYS_sched_getaffinity,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigreturn,
    // The socket's end.
    libc::SYS_close,
    // A thread's end.
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Calls whose first argument has to be the socket.
const OF_SOCKET: &[c_long] = &[libc::SYS_sendto, libc::SYS_recvfrom];

/// Calls whose third argument says what may be done with memory.
const OF_MEMORY: &[c_long] = &[libc::SYS_mmap, libc::SYS_mprotect];

/// Calls that fail.
const REFUSED: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    libc::SYS_openat,
];

fn program() -> Vec<sock_filter> {
    let number = |call: c_long| u32::try_from(call).expect("invariant: a system call's number is small");
    let allow = step(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW);
    let kill = step(BPF_RET | BPF_K, libc::SECCOMP_RET_KILL_PROCESS);
    let mut program = vec![load(ARCH), equal(ARCHITECTURE, 1, 0), kill, load(NR)];
    for call in PLAIN {
        program.extend([equal(number(*call), 0, 1), allow]);
    }
    let refuse = step(BPF_RET | BPF_K, libc::SECCOMP_RET_ERRNO | libc::EACCES.cast_unsigned());
    for call in REFUSED {
        program.extend([equal(number(*call), 0, 1), refuse]);
    }
    for call in OF_SOCKET {
        program.extend([equal(number(*call), 0, 4), load(argument(0)), equal(SOCKET, 0, 1), allow, kill]);
    }
    for call in OF_MEMORY {
        let executable = libc::PROT_EXEC.cast_unsigned();
        program.extend([equal(number(*call), 0, 4), load(argument(2)), any(executable, 1, 0), allow, kill]);
    }
    program.push(kill);
    program
}

/// From now on, for all threads.
pub(super) fn install() -> io::Result<()> {
    crate::seccomp::sys::confine(&program())
}

#[cfg(test)]
mod tests {
    use super::{ARCH, ARCHITECTURE, NR, OF_MEMORY, OF_SOCKET, PLAIN, REFUSED, argument, program};
    use crate::seccomp::program::run;

    fn answer(arch: u32, call: u32, arguments: [u32; 3]) -> u32 {
        let [first, second, third] = arguments;
        let words =
            [(ARCH, arch), (NR, call), (argument(0), first), (argument(1), second), (argument(2), third)];
        run(&program(), &words)
    }

    fn allows(arch: u32, call: u32, arguments: [u32; 3]) -> bool {
        answer(arch, call, arguments) == libc::SECCOMP_RET_ALLOW
    }

    /// Set in a process that runs one test, to be the confined one.
    const ROLE: &str = "KFDD_TEST_FILTERED";

    /// What the process that is confined does.
    fn confined(role: &str) {
        let (go, wait) = std::sync::mpsc::channel::<()>();
        // A thread that has begun before, as those of a worker have.
        let gate = std::sync::Arc::new(std::sync::Barrier::new(2));
        let there = std::sync::Arc::clone(&gate);
        let thread = std::thread::spawn(move || {
            there.wait();
            let told = wait.recv().is_ok();
            // The heap of a thread that is not the first grows, and shrinks again.
            drop((0..100).map(|_| vec![1u8; 64 << 10]).collect::<Vec<_>>());
            told
        });
        gate.wait();
        nix::sys::prctl::set_no_new_privs().expect("no new privileges");
        super::install().expect("a filter");
        let numbers: std::collections::HashMap<u32, Vec<u8>> =
            (0..20).map(|at| (at, vec![1; 1 << at])).collect();
        std::thread::sleep(std::time::Duration::from_millis(1));
        match role {
            "allowed" => {
                go.send(()).expect("it waits");
                let done = thread.join().expect("it ends") && numbers.len() == 20;
                let open = std::fs::File::open("/proc/self/status").map_err(|error| error.raw_os_error());
                let done = done && matches!(open, Err(Some(libc::EACCES)));
                std::process::exit(if done { 42 } else { 1 });
            }
            _ => drop(std::fs::create_dir("/proc/self/status")),
        }
        std::process::exit(0);
    }

    // Keeps: wave-worker-confined
    #[test]
    fn what_a_worker_needs_goes_an_open_fails_and_another_call_is_its_death() {
        use std::os::unix::process::ExitStatusExt;
        if let Ok(role) = std::env::var(ROLE) {
            confined(&role);
        }
        let run = |role| {
            let name = "wave_workers::zygote::filter::tests::what_a_worker_needs_goes_an_open_fails_and_another_call_is_its_death";
            let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
            command.args(["--exact", name]).env(ROLE, role).stdout(std::process::Stdio::null());
            command.status().expect("it runs")
        };
        assert_eq!(run("allowed").code(), Some(42));
        assert_eq!(run("other").signal(), Some(libc::SIGSYS));
    }

    // Keeps: wave-worker-confined
    #[test]
    fn all_calls_but_a_few_kill_and_those_are_let_through_with_their_arguments_only() {
        let plain: Vec<u32> = PLAIN.iter().map(|call| *call as u32).collect();
        let socket: Vec<u32> = OF_SOCKET.iter().map(|call| *call as u32).collect();
        let memory: Vec<u32> = OF_MEMORY.iter().map(|call| *call as u32).collect();
        for call in (0..1000).chain(0x4000_0000..0x4000_0200) {
            let known = [&plain, &socket, &memory].iter().any(|calls| calls.contains(&call));
            assert_eq!(allows(ARCHITECTURE, call, [0, 0, 0]), known, "{call}");
            assert!(!allows(ARCHITECTURE ^ 1, call, [0, 0, 0]), "{call}");
            assert_eq!(allows(ARCHITECTURE, call, [1, 0, 0]), known && !socket.contains(&call), "{call}");
            let executable = (libc::PROT_READ | libc::PROT_EXEC) as u32;
            assert_eq!(
                allows(ARCHITECTURE, call, [0, 0, executable]),
                known && !memory.contains(&call),
                "{call}"
            );
            let data = (libc::PROT_READ | libc::PROT_WRITE) as u32;
            assert_eq!(allows(ARCHITECTURE, call, [0, 0, data]), known, "{call}");
        }
        for call in REFUSED {
            let refused = libc::SECCOMP_RET_ERRNO | libc::EACCES.cast_unsigned();
            assert_eq!(answer(ARCHITECTURE, *call as u32, [0, 0, 0]), refused, "{call}");
            assert_eq!(
                answer(ARCHITECTURE ^ 1, *call as u32, [0, 0, 0]),
                libc::SECCOMP_RET_KILL_PROCESS,
                "{call}"
            );
        }
        for call in [
            libc::SYS_write,
            libc::SYS_execve,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_kill,
            libc::SYS_ptrace,
        ] {
            assert!(!allows(ARCHITECTURE, call as u32, [0, 0, 0]), "{call}");
        }
    }
}
