//! The engine threads: each takes turns at running packets and sleeps when there is nothing to run.
//!
//! ```text
//! asleep ──ring──▶ running ──Nothing──▶ asleep
//!                  │    ▲
//!                  └─▶ re-arming (NOTIFY_INVAL_INODE, then one more look)
//! ```
//! A sleeping engine costs nothing: it waits on a futex for [`Bell::ring`]. The bell counts rings, and a count that
//! moved between the last look and the sleep keeps the engine awake, so a ring is never lost. Re-arming happens on
//! these threads because the one that invalidates must not be one that reads /dev/fuse.
//!
//! Lock order: the bell's mutex is innermost; nothing is called while it is held.

use kfd_core::ids::ProcessId;
use kfd_core::sync::{Mutex, MutexGuard};
use kfd_core::{Core, Ran};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, PoisonError};
use std::thread::JoinHandle;

/// Doorbell pages that went quiet: drop them so that the next store traps again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rearm {
    /// The process whose kfd node has the page.
    pub process: ProcessId,
    /// Byte offset in the node.
    pub offset: u64,
    /// Length of the range in bytes.
    pub len: u64,
}

/// What wakes the engines.
#[derive(Debug, Default)]
pub struct Bell {
    state: Mutex<BellState>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct BellState {
    /// Counts rings; an engine that saw an older count looks again before it sleeps.
    rings: u64,
    rearms: VecDeque<Rearm>,
    stopped: bool,
}

impl Bell {
    /// There is something to run.
    pub fn ring(&self) {
        self.lock().rings += 1;
        self.rung.notify_one();
    }

    /// Doorbell pages are to be dropped.
    pub fn rearm(&self, rearm: Rearm) {
        let mut state = self.lock();
        state.rings += 1;
        state.rearms.push_back(rearm);
        drop(state);
        self.rung.notify_one();
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.rung.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, BellState> {
        self.state.lock()
    }

    /// What the engine does next, given that nothing was to run when the count was `seen`.
    fn after_nothing(&self, seen: u64) -> Work {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Work::Stop;
            }
            if let Some(rearm) = state.rearms.pop_front() {
                return Work::Rearm(rearm);
            }
            if state.rings != seen {
                return Work::Run(state.rings);
            }
            state = self.rung.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What the engine does next, with packets to run: a pending re-arm first, so that it cannot starve.
    fn between(&self) -> Work {
        let mut state = self.lock();
        if state.stopped {
            return Work::Stop;
        }
        match state.rearms.pop_front() {
            Some(rearm) => Work::Rearm(rearm),
            None => Work::Run(state.rings),
        }
    }
}

enum Work {
    Run(u64),
    Rearm(Rearm),
    Stop,
}

/// The running engine threads.
#[derive(Debug)]
pub struct Engines {
    bell: Arc<Bell>,
    threads: Vec<JoinHandle<()>>,
}

impl Engines {
    /// Starts `count` engines over `core`. `drop_pages` drops doorbell pages from the client's mapping (the door's
    /// NOTIFY_INVAL_INODE) and returns when they are gone.
    ///
    /// # Errors
    /// No thread could be made.
    pub fn start(
        count: usize,
        core: &Arc<Core>,
        bell: &Arc<Bell>,
        drop_pages: impl Fn(Rearm) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let mut engines = Self { bell: Arc::clone(bell), threads: Vec::with_capacity(count) };
        for index in 0..count {
            let (core, bell, drop_pages) = (Arc::clone(core), Arc::clone(bell), drop_pages.clone());
            let thread = std::thread::Builder::new()
                .name(format!("kfdd-engine{index}"))
                .spawn(move || run(&core, &bell, drop_pages))?;
            engines.threads.push(thread);
        }
        Ok(engines)
    }

    /// Ends the threads and waits for them; each leaves after the step it is in.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.bell.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("an engine thread panicked");
            }
        }
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(core: &Core, bell: &Bell, drop_pages: impl Fn(Rearm)) {
    let mut work = bell.between();
    loop {
        work = match work {
            Work::Stop => return,
            Work::Rearm(rearm) => {
                drop_pages(rearm);
                core.rearmed(rearm.process, rearm.offset, rearm.len);
                bell.between()
            }
            Work::Run(rings) => match core.run_next(core.now()) {
                Ran::Worked => bell.between(),
                // An active queue is empty for now: its client may be about to submit. The core bounds how long
                // this goes on and then asks for the re-arm.
                Ran::PollUntil(_) => {
                    std::hint::spin_loop();
                    bell.between()
                }
                Ran::Nothing => bell.after_nothing(rings),
            },
        };
    }
}
