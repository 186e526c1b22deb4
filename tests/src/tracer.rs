//! A tracer that stops every thread of a process on its way out (`PTRACE_O_TRACEEXIT`), so that its death stalls.
//!
//! A tracer is a thread, not a process: seizing and detaching must happen on the same one.

use crate::{sys, task};
use std::io;

/// Seized threads. Dropped, they are let go.
#[derive(Debug)]
pub struct Tracer {
    threads: Vec<u32>,
}

impl Tracer {
    /// Seizes every thread of `pid`.
    ///
    /// # Errors
    /// The kernel's, for instance EPERM where tracing is forbidden.
    pub fn seize(pid: u32) -> io::Result<Self> {
        let mut tracer = Self { threads: Vec::new() };
        for tid in task::threads(pid) {
            sys::seize_stopping_at_exit(tid)?;
            tracer.threads.push(tid);
        }
        Ok(tracer)
    }

    /// Lets every thread that has stopped on its way out go on.
    pub fn let_go(&mut self) {
        let patience = std::time::Duration::from_secs(5);
        for tid in self.threads.drain(..) {
            // A thread must be seen stopped before it can be let go; one that is gone is never seen.
            let stopped = crate::eventually(patience, || sys::has_stopped(tid).then_some(()));
            if stopped.is_some() {
                drop(sys::detach(tid));
            }
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.let_go();
    }
}
