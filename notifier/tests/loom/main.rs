//! Models of the crate's concurrency: every schedule (up to a stated number of preemptions) of a few threads.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p notifier --release --test loom`
//!
//! Each model must pass as the code is, and each mutant (one deliberate fault) must fail the model named for
//! it.
#![cfg(all(loom, not(shuttle)))]
#![allow(clippy::unwrap_used, reason = "a test")]

mod callbacks;
mod chain;
mod grace;
mod handle;
mod mutants;
mod waits;

use notifier::{
    Listener, MmId, Notifier, Releasing,
    model::{Mutant, Probe, with_mutant},
    srcu::Domain,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

const ID: MmId = MmId { pidfd_inode: 1, exec_id: 0 };

/// A closed world whose every schedule is tried.
struct Model {
    /// Switches away from a thread that could go on; `None` tries all schedules. The bounds keep the suite
    /// under a minute on two cores.
    preemptions: Option<usize>,
    body: fn(),
}

impl Model {
    fn check(&self, mutant: Option<Mutant>) {
        let mut builder = loom::model::Builder::new();
        // `LOOM_MAX_PREEMPTIONS` overrides the models' own bounds.
        builder.preemption_bound = builder.preemption_bound.or(self.preemptions);
        builder.max_branches = 20_000;
        with_mutant(mutant, || builder.check(self.body));
    }

    /// The fault makes some schedule fail; returns how.
    fn catches(&self, mutant: Mutant) -> String {
        let panic = catch_unwind(AssertUnwindSafe(|| self.check(Some(mutant))))
            .expect_err("the model passes although the code is broken");
        let said = match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => panic.downcast::<&str>().map(|text| text.to_string()).unwrap_or_default(),
        };
        assert!(!said.contains("exceeded maximum"), "the model gave up instead of failing: {said}");
        said
    }
}

/// A listener whose memory the model watches from outside: what it stands for is used by hooks and readers
/// and ended by the free.
#[derive(Clone, Default)]
struct Watched {
    memory: Arc<Probe>,
    released: Arc<std::sync::Mutex<usize>>,
}

impl Watched {
    fn released(&self) -> usize {
        *self.released.lock().unwrap()
    }
}

impl Listener for Watched {
    fn release(&self, _: &Releasing<'_>) {
        self.memory.touch();
        *self.released.lock().unwrap() += 1;
    }
    fn free(self: Box<Self>) {
        self.memory.end();
    }
}

fn notifier(with_reclaimer: bool) -> Notifier {
    Notifier::on(Domain::model(1, with_reclaimer))
}
