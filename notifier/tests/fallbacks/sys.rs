//! A seccomp filter that refuses system calls, a storm of signals, and callback heads for its handlers.
#![allow(unsafe_code)]

use notifier::srcu::{Domain, Head};
use std::{
    mem::zeroed,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
    time::Duration,
};

/// From now on these system calls fail with EPERM in this thread and the threads that it starts.
pub fn refuse(calls: &[libc::c_long]) {
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    // The system call's number is the first word of `struct seccomp_data`.
    let mut filter = vec![instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for (index, &call) in calls.iter().enumerate() {
        let to_refusal = (calls.len() - index) as u8;
        filter.push(instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, to_refusal, 0, call as u32));
    }
    filter.push(instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    filter.push(instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: integers only.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: the program and its filter are alive during the call, which copies them.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

/// Takes this thread's registration back from the kernel; false when that cannot be.
pub fn unregister_rseq() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        /// `RSEQ_FLAG_UNREGISTER` (linux/rseq.h), and what glibc signs and registers with on x86 (bits/rseq.h).
        const UNREGISTER: libc::c_int = 1;
        const SIGNATURE: u32 = 0x5305_3053;
        const LENGTH: u32 = 32;
        // SAFETY: a look-up by a terminated name.
        let offset = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()) };
        if offset.is_null() {
            return false;
        }
        // SAFETY: glibc declares it `const ptrdiff_t`.
        let offset = unsafe { offset.cast::<isize>().read() };
        let thread: usize;
        // SAFETY: the first word of a thread's block is its own address (x86-64 psABI, TLS variant II).
        unsafe { std::arch::asm!("mov {}, fs:0", out(reg) thread, options(nostack, readonly)) };
        // SAFETY: the area is this thread's and stays; only the registration ends.
        unsafe {
            libc::syscall(libc::SYS_rseq, thread.wrapping_add_signed(offset), LENGTH, UNREGISTER, SIGNATURE)
                == 0
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

static HANDLER: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

extern "C" fn on_signal(_: libc::c_int) {
    let handler = HANDLER.load(Ordering::Acquire);
    if !handler.is_null() {
        // SAFETY: only `storm` stores here, and it stores a `fn()`.
        let handler = unsafe { std::mem::transmute::<*mut (), fn()>(handler) };
        handler();
    }
}

/// Signals that go on until [`Storm::end`].
#[must_use]
pub struct Storm(libc::timer_t);

/// Calls `handler` in a signal handler of this thread, again and again after this long. It must not allocate or lock.
pub fn storm(handler: fn(), every: Duration) -> Storm {
    HANDLER.store(handler as *mut (), Ordering::Release);
    let on_signal: extern "C" fn(libc::c_int) = on_signal;
    // SAFETY: a handler of the right type; it only calls what is fit for handlers.
    unsafe { libc::signal(libc::SIGUSR1, on_signal as libc::sighandler_t) };
    // SAFETY: plain data, for which zeros are a value.
    let mut event: libc::sigevent = unsafe { zeroed() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = libc::SIGUSR1;
    // SAFETY: no arguments.
    event.sigev_notify_thread_id = unsafe { libc::gettid() };
    let mut timer = ptr::null_mut();
    // SAFETY: two locals that outlive the call.
    let made = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
    set(timer, every);
    Storm(timer)
}

fn set(timer: libc::timer_t, every: Duration) {
    let every = libc::timespec { tv_sec: 0, tv_nsec: every.as_nanos() as libc::c_long };
    let times = libc::itimerspec { it_interval: every, it_value: every };
    // SAFETY: a timer of ours and a local.
    let set = unsafe { libc::timer_settime(timer, 0, &raw const times, ptr::null_mut()) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

impl Storm {
    pub fn end(self) {
        // SAFETY: a timer of ours, deleted once.
        unsafe { libc::timer_delete(self.0) };
        HANDLER.store(ptr::null_mut(), Ordering::Release);
    }
}

/// Callback heads for a handler, which may not allocate. Each is queued once; the callbacks count.
pub struct Heads {
    heads: Vec<Head>,
    queued: AtomicUsize,
}

static RAN: AtomicUsize = AtomicUsize::new(0);

fn count(_: NonNull<Head>) {
    RAN.fetch_add(1, Ordering::SeqCst);
}

impl Heads {
    pub fn new(count: usize) -> Self {
        Self { heads: (0..count).map(|_| Head::new()).collect(), queued: AtomicUsize::new(0) }
    }

    /// Queues the next one, if there is one.
    pub fn queue_one(&'static self, domain: &Domain) {
        if let Some(head) = self.heads.get(self.queued.fetch_add(1, Ordering::SeqCst)) {
            // SAFETY: it lives for ever, and the count gives each head out once.
            unsafe { domain.call(NonNull::from(head), count) };
        }
    }

    pub fn left(&self) -> usize {
        self.heads.len().saturating_sub(self.queued.load(Ordering::SeqCst))
    }

    pub fn ran(&self) -> usize {
        RAN.load(Ordering::SeqCst)
    }
}
