//! A tracer that stops every thread of a process on its way out (`PTRACE_O_TRACEEXIT`), so that its death stalls.
//!
//! And one that halts threads where they are ([`Halt`]).
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

/// Threads that are stopped wherever they are. Dropped, they go on; those of a process that was stopped stay stopped.
#[derive(Debug)]
pub struct Halt {
    threads: Vec<u32>,
}

impl Halt {
    /// Stops those threads of `pid` whose name is `name`.
    ///
    /// # Errors
    /// The kernel's, for instance EPERM where tracing is forbidden.
    ///
    /// # Panics
    /// One does not stop.
    pub fn of(pid: u32, name: &str) -> io::Result<Self> {
        let mut halt = Self { threads: Vec::new() };
        for tid in task::threads(pid).into_iter().filter(|tid| task::name(pid, *tid).as_deref() == Some(name))
        {
            sys::seize_and_interrupt(tid)?;
            let patience = std::time::Duration::from_secs(5);
            assert!(
                crate::eventually(patience, || sys::has_stopped(tid).then_some(())).is_some(),
                "{tid} stops"
            );
            halt.threads.push(tid);
        }
        Ok(halt)
    }
}

impl Drop for Halt {
    fn drop(&mut self) {
        for tid in self.threads.drain(..) {
            drop(sys::detach(tid));
        }
    }
}
