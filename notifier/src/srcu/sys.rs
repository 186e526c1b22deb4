//! What the domain asks of the kernel: a barrier in every thread, sleeping on a word, where rseq is, and
//! whether this process is a forked copy.
//!
//! Each request is one system call or one look at what glibc has set up; no state but the process-wide
//! answers, which are asked for once. Not part of models: `sync.rs` does without it there.
#![allow(unsafe_code)]
#![allow(clippy::disallowed_types, reason = "process-wide answers and the kernel's futex word; not modelled")]

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: a system call with three integers; it touches no memory of ours. Miri has none of that name.
    !cfg!(miri) && unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Does membarrier(2) work for this process? Registers it, once; a seccomp filter or an old kernel (before 4.14)
/// may refuse.
pub(crate) fn has_membarrier() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
}

/// A full barrier here and in every running thread of this process; the others had one when they were
/// switched out.
///
/// Aborts the process when the kernel, which has agreed to the registration, refuses: without the barrier
/// memory would be freed under readers, and nobody up the stack could do anything about it.
pub(crate) fn barrier_everywhere() {
    if !membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
        membarrier_taken_away();
    }
}

#[cold]
fn membarrier_taken_away() -> ! {
    let error = std::io::Error::last_os_error();
    tracing::error!(%error, "membarrier was granted at the start and is refused now");
    eprintln!("notifier: membarrier was granted at the start and is refused now: {error}");
    std::process::abort()
}

/// Where a thread's `struct rseq` (linux/rseq.h) is, as a distance from its thread pointer, when glibc
/// (2.35 or later) has registered one for this thread.
pub(crate) fn rseq_offset() -> Option<isize> {
    static ANSWER: OnceLock<Option<isize>> = OnceLock::new();
    *ANSWER.get_or_init(find_rseq)
}

#[cfg(all(target_arch = "x86_64", target_env = "gnu", not(miri)))]
fn find_rseq() -> Option<isize> {
    // By name at run time: an older libc has no such symbols, and the program must start there too.
    let look = |name: &std::ffi::CStr| {
        // SAFETY: a look-up by a terminated name.
        std::ptr::NonNull::new(unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) })
    };
    let (offset, size) = (look(c"__rseq_offset")?, look(c"__rseq_size")?);
    // SAFETY: glibc declares it `const ptrdiff_t` (sys/rseq.h) and never writes it after start-up.
    let offset = unsafe { offset.cast::<isize>().read() };
    // SAFETY: as above, `const unsigned int`. Zero: not registered (the tunable glibc.pthread.rseq=0).
    let size = unsafe { size.cast::<u32>().read() };
    (size != 0).then_some(offset)
}

#[cfg(not(all(target_arch = "x86_64", target_env = "gnu", not(miri))))]
fn find_rseq() -> Option<isize> {
    None
}

/// Processors that threads of this process may ever find themselves on, at least one. A number above it is
/// met by the overflow stripe, so a wrong answer costs speed only.
pub(crate) fn processors() -> usize {
    // SAFETY: a query by number.
    let configured = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
    usize::try_from(configured).unwrap_or(1).clamp(1, 4096)
}

/// The CPU that this thread runs on; it may be another one by now.
pub(crate) fn current_cpu() -> Option<usize> {
    if cfg!(miri) {
        return None;
    }
    // SAFETY: no arguments; glibc reads it from the thread's rseq area.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

/// CPUs that a thread may run on.
pub(crate) struct Cpus(libc::cpu_set_t);

/// The calling thread's.
pub(crate) fn cpus_of_this_thread() -> Option<Cpus> {
    let mut cpus = no_cpus();
    // SAFETY: the set is as large as is said. More CPUs than fit into it are an error.
    let refused = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut cpus.0) };
    (refused == 0).then_some(cpus)
}

fn no_cpus() -> Cpus {
    // SAFETY: a set is plain bits.
    Cpus(unsafe { std::mem::zeroed() })
}

impl Cpus {
    /// That one alone, if it is among them.
    pub(crate) fn only(&self, cpu: usize) -> Option<Self> {
        // SAFETY: the index is below the set's size.
        let among = cpu < 8 * size_of::<libc::cpu_set_t>() && unsafe { libc::CPU_ISSET(cpu, &self.0) };
        among.then(|| {
            let mut one = no_cpus();
            // SAFETY: as above.
            unsafe { libc::CPU_SET(cpu, &mut one.0) };
            one
        })
    }

    /// From now on the calling thread runs on these; false when that is refused, by a cpuset for example.
    pub(crate) fn run_this_thread(&self) -> bool {
        // SAFETY: the set is as large as is said.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const self.0) == 0 }
    }
}

/// Sleeps while the word has the value, until woken, at most for so long. May return early.
pub(crate) fn futex_wait(word: &AtomicU32, value: u32, at_most: Option<Duration>) {
    let timeout = at_most.map(|time| libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the word and the timeout outlive the call (futex(2), FUTEX_WAIT).
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            value,
            timeout,
        )
    };
}

/// Wakes everyone who sleeps on the word. Fit for a signal handler.
pub(crate) fn futex_wake_all(word: &AtomicU32) {
    // SAFETY: only the word's address is used (futex(2), FUTEX_WAKE).
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            libc::c_int::MAX,
        )
    };
}

/// One more for a counter that only this thread writes, in one instruction on x86-64, so that a signal handler
/// which does the same finds it whole. A release, as every store of x86.
#[inline(always)]
pub(crate) fn increment_own(counter: &AtomicU64) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: the counter is valid, and only this thread and its signal handlers write it.
    unsafe {
        std::arch::asm!("inc qword ptr [{}]", in(reg) counter.as_ptr(), options(nostack));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    counter.fetch_add(1, Ordering::Release);
}

static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn in_the_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// How many forks lie between this process and the one that asked first: what was made under another number
/// has lost its threads.
#[inline]
pub(crate) fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// From now on [`forks`] counts.
pub(crate) fn count_forks() {
    if cfg!(miri) {
        return;
    }
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler only increments a static.
        let refused = unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
        if refused != 0 {
            tracing::error!(refused, "no memory to notice forks by; a forked child will not be refused");
        }
    });
}

/// This thread's id and name as the kernel has them.
pub(crate) fn this_thread() -> (i32, String) {
    // SAFETY: no arguments, cannot fail.
    let tid = unsafe { libc::gettid() };
    (tid, std::thread::current().name().unwrap_or("unnamed").to_owned())
}
