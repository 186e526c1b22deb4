//! The ten rules of the chain, each by its number.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_types, reason = "a test observes from outside; nothing here is modelled")]

mod chain;
mod misuse;
mod references;

use notifier::{Listener, MmId, Releasing};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

const ID: MmId = MmId { pidfd_inode: 4711, exec_id: 0 };
/// Long enough for a thread that is not blocked to have gone on.
const A_WHILE: Duration = Duration::from_millis(30);

/// What happened to one listener.
#[derive(Default)]
struct Log {
    released: AtomicUsize,
    freed: AtomicUsize,
    free_thread: Mutex<Option<thread::ThreadId>>,
}

impl Log {
    fn released(&self) -> usize {
        self.released.load(Ordering::SeqCst)
    }
    fn freed(&self) -> usize {
        self.freed.load(Ordering::SeqCst)
    }
}

type Hook = Box<dyn Fn() + Send + Sync>;

/// A listener whose hook counts and then does what the test wants.
struct Recorder {
    log: Arc<Log>,
    hook: Hook,
}

impl Recorder {
    fn new(log: &Arc<Log>) -> Self {
        Self::hooked(log, || ())
    }
    fn hooked(log: &Arc<Log>, hook: impl Fn() + Send + Sync + 'static) -> Self {
        Self { log: log.clone(), hook: Box::new(hook) }
    }
}

impl Listener for Recorder {
    fn release(&self, mm: &Releasing<'_>) {
        assert_eq!(mm.id(), ID);
        (self.hook)();
        self.log.released.fetch_add(1, Ordering::SeqCst);
    }
    fn free(self: Box<Self>) {
        *self.log.free_thread.lock().unwrap() = Some(thread::current().id());
        self.log.freed.fetch_add(1, Ordering::SeqCst);
    }
}

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast::<&str>().map(|text| text.to_string()).unwrap_or_default(),
    }
}
