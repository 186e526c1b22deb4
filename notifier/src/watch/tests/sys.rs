//! Processes in shapes that only raw system calls give.
#![allow(unsafe_code)]

use std::mem::offset_of;
use std::thread;
use std::time::Duration;

use super::super::Tgid;

/// A forked child; killed and reaped at the end of the test.
pub(super) struct Forked(libc::pid_t);

impl Forked {
    /// Forks. The child runs `body` and exits; it must not panic or print, for other threads' locks stay
    /// locked in it.
    fn new(body: impl FnOnce()) -> Self {
        // SAFETY: glibc keeps its allocator and threads usable in a forked child; `body` is bound by the
        // rule above.
        match unsafe { libc::fork() } {
            0 => {
                body();
                // SAFETY: ends the child without running the parent's exit handlers.
                unsafe { libc::_exit(0) }
            }
            child => {
                assert!(child > 0, "fork works");
                Self(child)
            }
        }
    }

    /// A process whose leader ends at once while a second thread goes on for this long.
    pub(super) fn whose_leader_ends_first(life: Duration) -> Self {
        Self::new(move || {
            thread::spawn(move || {
                thread::sleep(life);
                // SAFETY: ends the whole child.
                unsafe { libc::_exit(7) }
            });
            // SAFETY: ends this thread only; nothing that it owns is used after.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        })
    }

    /// A process that does nothing until it is killed.
    pub(super) fn idle() -> Self {
        Self::new(|| {
            loop {
                // SAFETY: has no preconditions.
                unsafe { libc::pause() };
            }
        })
    }

    /// An idle process with this much memory that it has touched, in bytes.
    pub(super) fn with_memory(bytes: usize) -> Self {
        Self::new(move || {
            let memory = vec![1_u8; bytes];
            std::hint::black_box(&memory);
            loop {
                // SAFETY: has no preconditions.
                unsafe { libc::pause() };
            }
        })
    }

    /// An idle process, and another one that shares its memory (clone(2) with CLONE_VM). Both are our children.
    pub(super) fn with_vm_sharer() -> (Self, Self) {
        extern "C" fn idle(_: *mut libc::c_void) -> libc::c_int {
            loop {
                // SAFETY: has no preconditions.
                unsafe { libc::pause() };
            }
        }
        let (mut told, tell) = std::io::pipe().expect("there are descriptors left");
        let process = Self::new(move || {
            let mut stack = vec![0_u128; 4096];
            let top = stack.as_mut_ptr_range().end.cast();
            // CLONE_PARENT: its parent is ours, so that it can be waited for.
            let flags = libc::CLONE_VM | libc::CLONE_PARENT | libc::SIGCHLD;
            // SAFETY: the stack is the sharer's alone and stays, for this process never returns from here.
            let sharer = unsafe { libc::clone(idle, top, flags, std::ptr::null_mut()) };
            let sent = std::io::Write::write(&mut &tell, &sharer.to_ne_bytes());
            if sent.is_ok() {
                idle(std::ptr::null_mut());
            }
        });
        let mut sharer = [0; size_of::<libc::pid_t>()];
        std::io::Read::read_exact(&mut told, &mut sharer).expect("the process tells of its sharer");
        let sharer = libc::pid_t::from_ne_bytes(sharer);
        assert!(sharer > 0, "clone failed");
        (process, Self(sharer))
    }

    /// A process that ends at once.
    pub(super) fn brief() -> Self {
        Self::new(|| ())
    }

    pub(super) fn tgid(&self) -> Tgid {
        Tgid(self.0.cast_unsigned())
    }

    /// Makes this thread the child's tracer, so that it stops on its way out and cannot end.
    pub(super) fn stall_exit(&self) {
        let none = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: PTRACE_SEIZE takes options in the data argument and touches no memory of ours.
        let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, self.0, none, libc::PTRACE_O_TRACEEXIT) };
        assert_eq!(seized, 0, "{}", std::io::Error::last_os_error());
    }

    /// Waits until the child has stopped at its exit.
    pub(super) fn wait_for_exit_stop(&self) {
        let mut status = 0;
        // SAFETY: writes one int.
        let stopped = unsafe { libc::waitpid(self.0, &raw mut status, libc::__WALL) };
        assert_eq!(stopped, self.0);
        assert_eq!(status >> 8, libc::SIGTRAP | libc::PTRACE_EVENT_EXIT << 8);
    }

    /// Lets a child that is stopped at its exit go on.
    pub(super) fn release_exit(&self) {
        let none = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: PTRACE_DETACH with no signal touches no memory of ours.
        let detached = unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, none, none) };
        assert_eq!(detached, 0, "{}", std::io::Error::last_os_error());
    }

    pub(super) fn kill(&self) {
        // SAFETY: the child is unreaped while `self` lives, so the number is its own.
        let killed = unsafe { libc::kill(self.0, libc::SIGKILL) };
        assert_eq!(killed, 0);
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        self.kill();
        // SAFETY: the child is ours and unreaped.
        unsafe { libc::waitpid(self.0, std::ptr::null_mut(), libc::__WALL) };
    }
}

/// Makes `io_uring_setup` fail with this errno for the calling thread, as a sandbox does.
pub(super) fn forbid_io_uring(errno: libc::c_int) {
    let op = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset_of!(libc::seccomp_data, nr) as u32),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_io_uring_setup as u32),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: takes integers only.
    let promised = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(promised, 0);
    // SAFETY: the program is alive for the call, and the kernel copies it.
    let filtered =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(filtered, 0, "{}", std::io::Error::last_os_error());
}
