//! Signals whose handler reads, sent to threads that read.
#![allow(unsafe_code)]

use std::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// What the handler calls. Its target outlives every signal: threads are joined before it goes.
static HANDLER: AtomicPtr<Box<dyn Fn() + Sync>> = AtomicPtr::new(ptr::null_mut());

extern "C" fn on_signal(_: libc::c_int) {
    // SAFETY: null or set by `install`, whose box is never freed.
    if let Some(handler) = unsafe { HANDLER.load(Ordering::Acquire).as_ref() } {
        handler();
    }
}

/// From now on SIGUSR1 calls `handler`, in place of the one before. It must not allocate.
pub fn install(handler: Box<dyn Fn() + Sync>) {
    HANDLER.store(Box::into_raw(Box::new(handler)), Ordering::Release);
    let handler: extern "C" fn(libc::c_int) = on_signal;
    // SAFETY: a handler of the right type; it only calls what is fit for handlers.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
}

/// No handler's target is called any more by signals that arrive from now on.
pub fn uninstall() {
    HANDLER.store(ptr::null_mut(), Ordering::Release);
}

pub fn own_tid() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::gettid() }
}

/// To a thread of this process; nothing when it has ended.
pub fn interrupt(tid: i32) {
    let process = std::process::id();
    // SAFETY: three integers.
    unsafe { libc::syscall(libc::SYS_tgkill, process, tid, libc::SIGUSR1) };
}
